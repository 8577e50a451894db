#include <sstream>

#include "nilus/manifest/cdc_property_list.h"
#include "nilus/manifest/load_fixture_test.h"

namespace nilus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CdcPropertiesInManifests : public LoadTest {
 protected:
  // One property a line.
  static std::string Cdc(const std::string& properties) {
    std::string lines;
    for (size_t from = 0; from < properties.size();) {
      const size_t end = std::min(properties.find('\n', from), properties.size());
      lines += "      " + properties.substr(from, end - from) + "\n";
      from = end + 1;
    }
    return "name: p\nversion: v1alpha\ntype: nilus\nspec:\n  type: cdc\n  source:\n    address: postgresql://db/shop\n"
           "    cdc:\n      topic.prefix: shop\n" +
           lines + "  sink: {address: 'duckdb:///x.db', options: {dest_table: raw}}\n";
  }
  std::string Problems(const std::string& properties) { return ProblemsOf(Cdc(properties)); }
  std::string Notices(const std::string& properties) { return NoticesOf(Cdc(properties)); }
};

constexpr const char* kUnwrap =
    "transforms: unwrap\ntransforms.unwrap.type: io.debezium.transforms.ExtractNewRecordState\n";

TEST_F(CdcPropertiesInManifests, AKeyOfATransformThatItsTypeDoesNotKnowIsAnError) {
  const std::string unwrap = kUnwrap;
  EXPECT_EQ(Problems(unwrap + "transforms.unwrap.delete.handling.mode: rewrite"), "");
  EXPECT_THAT(Problems(unwrap + "transforms.unwrap.delete.handlng.mode: rewrite"),
              AllOf(HasSubstr("m.yaml:12:"), HasSubstr("the key is not known of ExtractNewRecordState. Fix: write "
                                                       "transforms.unwrap.delete.handling.mode")));
  EXPECT_THAT(Problems(unwrap + "transforms.unwrap.topic.regex: a"), HasSubstr("not known of ExtractNewRecordState"));
  EXPECT_THAT(Problems(unwrap + "transforms.unwrap.delete.handling.mode: soft"),
              HasSubstr("'soft' is not known here. Fix: write one of drop, none"));
  const std::string router =
      "transforms: r\ntransforms.r.type: io.debezium.transforms.ByLogicalTableRouter\n"
      "transforms.r.topic.regex: (.*)\ntransforms.r.topic.replacement: $1\n";
  EXPECT_EQ(Problems(router + "transforms.r.key.enforce.uniqueness: false"), "");
  EXPECT_THAT(Problems(router + "transforms.r.key.enforce.uniquenes: false"),
              HasSubstr("write transforms.r.key.enforce.uniqueness"));
}

TEST_F(CdcPropertiesInManifests, WhatDebeziumKnowsOfATransformAndIsOfNoUseHereIsNoted) {
  const std::string properties = std::string(kUnwrap) +
                                 "transforms.unwrap.array.encoding: array\ntransforms.unwrap.add.fields: op,lsn\n"
                                 "transforms.unwrap.predicate: p";
  EXPECT_EQ(Problems(properties), "");
  EXPECT_THAT(Notices(properties),
              AllOf(HasSubstr("transforms.unwrap.array.encoding: the property has no effect here: arrays land as json"),
                    HasSubstr("transforms.unwrap.add.fields"), HasSubstr("transforms.unwrap.predicate")));
  EXPECT_THAT(Problems(std::string(kUnwrap) + "transforms.unwrap.array.encoding: set"),
              HasSubstr("'set' is not known here"));
}

TEST_F(CdcPropertiesInManifests, ATransformIsListedAndHasAKnownType) {
  EXPECT_THAT(Problems("transforms: soft"),
              HasSubstr("the transform 'soft' has no type. Fix: add transforms.soft.type"));
  EXPECT_THAT(Problems("transforms: unwrap\ntransforms.unwrap.type: io.debezium.transforms.ExtractNewRecordStat"),
              HasSubstr("Fix: write io.debezium.transforms.ExtractNewRecordState"));
  EXPECT_THAT(Problems("transforms: m\ntransforms.m.type: org.apache.kafka.connect.transforms.MaskField$Value\n"
                       "transforms.m.fields: ssn"),
              AllOf(HasSubstr("is no transform that is known here"), HasSubstr("source.options.mask")));
  EXPECT_THAT(Problems(std::string(kUnwrap) + "transforms.unwarp.delete.handling.mode: rewrite"),
              HasSubstr("`transforms` does not list 'unwarp'. Fix: write transforms.unwrap.delete.handling.mode"));
  EXPECT_THAT(Problems("transforms.soft.delete.handling.mode: rewrite"),
              HasSubstr("`transforms` does not list 'soft'. Fix: add the name to transforms"));
  EXPECT_EQ(Problems("transforms.unwrap.delete.handling.mode: rewrite"), "") << "this one is known by its name";
  EXPECT_THAT(Problems("transforms.unwrap.delete.handlng.mode: rewrite"),
              HasSubstr("write transforms.unwrap.delete.handling.mode"));
  const std::string dotted =
      "transforms: a, a.b\ntransforms.a.type: ExtractNewRecordState\n"
      "transforms.a.b.type: ExtractNewRecordState\ntransforms.a.b.delete.handling.mode: none";
  EXPECT_EQ(Problems(dotted), "") << "names may hold dots";
}

TEST_F(CdcPropertiesInManifests, APropertyWithoutEffectSaysWhatIsDoneInstead) {
  for (const char* property :
       {"time.precision.mode: connect", "include.unknown.datatypes: true", "include.schema.changes: false",
        "tombstones.on.delete: false", "topic.heartbeat.prefix: hb", "snapshot.fetch.size: 100", "max.queue.size: 10",
        "message.key.columns: 'public.t:id'"}) {
    EXPECT_EQ(Problems(property), "") << property;
    EXPECT_THAT(Notices(property), HasSubstr("the property has no effect here: ")) << property;
  }
  EXPECT_THAT(Problems("time.precision.mode: precise"), HasSubstr("'precise' is not known here. Fix: write one of"));
  EXPECT_THAT(Problems("decimal.handling.mode: float"), HasSubstr("write one of precise, double, string"));
  EXPECT_EQ(Notices("decimal.handling.mode: double\nbinary.handling.mode: hex"), "");
}

TEST_F(CdcPropertiesInManifests, WhatIsMeantToHideColumnsIsNotPassedOver) {
  for (const char* property : {"column.mask.with.12.chars: 'public.people.ssn'",
                               "column.mask.hash.v2.SHA-256.with.salt.x: 'public.people.ssn'",
                               "column.truncate.to.3.chars: 'public.people.ssn'"}) {
    EXPECT_THAT(Problems(property), HasSubstr("Fix: write source.options.mask: {column: hash}")) << property;
  }
  EXPECT_THAT(Problems("column.blacklist: 'public.people.ssn'"), HasSubstr("Fix: write column.exclude.list"));
  EXPECT_THAT(Problems("table.blacklist: 'public.people'"), HasSubstr("Fix: write table.exclude.list"));
  EXPECT_THAT(Problems("table.whitelist: 'public.people'"), HasSubstr("Fix: write table.include.list"));
}

TEST(CdcPropertyList, EveryNameIsThereOnce) {
  std::vector<std::string_view> names = CdcPropertyNames();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_EQ(FindCdcProperty("driver."), nullptr);
  EXPECT_NE(FindCdcProperty("driver.x"), nullptr);
  EXPECT_THAT(CdcPropertiesAsMarkdown(),
              HasSubstr("| `decimal.handling.mode` | precise, double, string | `double`: decimals land as doubles"));
}

TEST(CdcPropertyList, TheDocsShowIt) {
  const std::string path = std::string(NILUS_SOURCE_DIR) + "/docs/cdc.md";
  std::stringstream read;
  read << std::ifstream(path).rdbuf();
  std::string page = read.str();
  const size_t begin = page.find('\n', page.find("<!-- generated by: NILUS_WRITE_DOCS=1"));
  const size_t end = page.find("<!-- end -->", begin);
  ASSERT_NE(end, std::string::npos);
  const std::string table = CdcPropertiesAsMarkdown();
  if (std::getenv("NILUS_WRITE_DOCS") != nullptr) {
    page.replace(begin + 1, end - begin - 1, table);
    std::ofstream(path) << page;
  } else {
    EXPECT_EQ(page.substr(begin + 1, end - begin - 1), table) << "write it with NILUS_WRITE_DOCS=1";
  }
}

}  // namespace
}  // namespace nilus
