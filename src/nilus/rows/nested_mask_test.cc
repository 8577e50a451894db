#include "nilus/rows/nested_mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/rows/column_testing.h"
#include "nilus/rows/masker.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr Type kJson = MakeType(TypeId::kJson);

Result<Column> Apply(const std::string& algorithm, const std::string& parameter, std::vector<std::string> path,
                     const std::vector<Cell>& documents) {
  NestedMask mask(MaskRule{.column = "doc", .algorithm = algorithm, .parameter = parameter}, std::move(path),
                  NamingStyle::kDefault, nullptr);
  return mask.Apply(ColumnOf(kJson, documents));
}

std::vector<Cell> Masked(const std::string& algorithm, std::vector<std::string> path,
                         const std::vector<Cell>& documents, const std::string& parameter = {}) {
  Result<Column> column = Apply(algorithm, parameter, std::move(path), documents);
  EXPECT_TRUE(column) << (column ? "" : column.error().message);
  return column ? CellsOf(*column) : std::vector<Cell>();
}

TEST(NestedMask, ValuesAreMaskedWhereTheyStand) {
  EXPECT_THAT(
      Masked("redact", {"street"}, {R"({ "street" : "Main 1", "city":"Ulm"})", std::nullopt, R"({"city":"x"})"}),
      ElementsAre(R"({ "street" : "REDACTED", "city":"Ulm"})", std::nullopt, R"({"city":"x"})"));
  EXPECT_THAT(Masked("stars", {"a", "b"}, {R"({"a":{"b":"xy","c":{"b":1}},"b":"kept"})"}),
              ElementsAre(R"({"a":{"b":"**","c":{"b":1}},"b":"kept"})"));
}

TEST(NestedMask, ArraysAreGoneThrough) {
  EXPECT_THAT(Masked("stars", {"sku"}, {R"([{"sku":"a"},{"sku":["b","cc"]},[{"sku":"d"}],7])"}),
              ElementsAre(R"([{"sku":"*"},{"sku":["*","**"]},[{"sku":"*"}],7])"));
}

// As they are called in the child table: "tags.value".
TEST(NestedMask, ElementsAreNamedByTheirColumn) {
  EXPECT_THAT(
      Masked("redact", {"value"}, {R"([{"value":"a","x":1},"b",["c",null],{"x":"d"}])", R"("e")", R"({"x":["f"]})"}),
      ElementsAre(R"([{"value":"REDACTED","x":1},"REDACTED",["REDACTED",null],{"x":"d"}])", R"("e")",
                  R"({"x":["f"]})"));
  EXPECT_THAT(Masked("redact", {"tags", "value"}, {R"({"tags":["a"],"value":"b"})"}),
              ElementsAre(R"({"tags":["REDACTED"],"value":"b"})"));
  EXPECT_THAT(Masked("redact", {"value", "value"}, {R"([["a"]])"}), ElementsAre(R"([["REDACTED"]])"));
  EXPECT_THAT(Masked("redact", {"value", "x"}, {R"(["a"])"}), ElementsAre(R"(["a"])"));
  EXPECT_FALSE(Apply("redact", "", {"value"}, {R"("[\"secret\"]")"})) << "a type hint could bring it to light";
}

TEST(NestedMask, KeysCountByTheirNamesAtTheDestination) {
  EXPECT_THAT(
      Masked("redact", {"home_street"}, {R"({"homeStreet":"a"})", R"({"home_street":"a","home_stree\u0074":"b"})"}),
      ElementsAre(R"({"homeStreet":"REDACTED"})", R"({"home_street":"REDACTED","home_stree\u0074":"REDACTED"})"));
}

TEST(NestedMask, EachValueIsMaskedAsWhatItIs) {
  EXPECT_THAT(Masked("round", {"n"}, {R"({"n":52300})", R"({"n":1.9})", R"({"n":"34"})", R"({"n":null})"}, "10"),
              ElementsAre(R"({"n":52300})", R"({"n":0})", R"({"n":30})", R"({"n":null})"));
  EXPECT_THAT(Masked("stars", {"n"}, {R"({"n":12})", R"({"n":true})", R"({"n":{"a":1}})", R"({"n":"\"q\""})"}),
              ElementsAre(R"({"n":"**"})", R"({"n":"****"})", R"({"n":"*******"})", R"({"n":"***"})"));
  EXPECT_THAT(Masked("stars", {"n"}, {R"({"n":1e2})", R"({"n":100.0})", R"({"n":12345678901234567890.50})"}),
              ElementsAre(R"({"n":"***"})", R"({"n":"***"})", R"({"n":"**********************"})"));
}

TEST(NestedMask, NothingFailsOpen) {
  std::string deep = R"({"a":1})";
  for (int i = 0; i < 600; ++i) deep = "[" + deep + "]";
  for (const std::string& document : {std::string("no JSON"), std::string(R"({"a":1)"), deep}) {
    Result<Column> column = Apply("redact", "", {"a"}, {document});
    ASSERT_FALSE(column) << document;
    EXPECT_EQ(column.error().kind, ErrorKind::kData);
  }
  Result<Column> column = Apply("round", "10", {"a"}, {R"({"a":"secret"})"});
  ASSERT_FALSE(column);
  EXPECT_THAT(column.error().message, Not(HasSubstr("secret")));
}

Result<std::shared_ptr<const Masking>> MaskingOf(std::vector<MaskRule> rules) {
  return Masking::Create(MaskingOptions{.rules = std::move(rules), .table = "public.people"});
}

// A type hint reads the JSON in strings, behind the masks.
TEST(NestedMask, WhatLiesInJsonOfATextIsRefused) {
  for (const char* text :
       {R"("{\"street\":\"Main 1\"}")", R"([" [{\"street\":{\"a\":1}}]"])", R"("\"{\\\"street\\\":1}\"")",
        R"("[\"{\\\"street\\\":1}\"]")", R"("{\"street\":1,\"x\":\"\\ud800\"}")"}) {
    Result<Column> masked = Apply("redact", "", {"street"}, {text});
    ASSERT_FALSE(masked) << text;
    EXPECT_EQ(masked.error().kind, ErrorKind::kData);
    EXPECT_THAT(masked.error().ToString(), Not(HasSubstr("Main")));
  }
  for (const char* text :
       {R"("{\"city\":\"x\"}")", R"("{\"street\":null}")", R"("[1]")", R"("street")", R"("{street")"})
    EXPECT_THAT(Masked("redact", {"street"}, {text}), ElementsAre(text));
  EXPECT_FALSE(Apply("redact", "", {"a", "b"}, {R"({"a":"{\"b\":1}"})"}));
  EXPECT_FALSE(Apply("redact", "", {"a", "b"}, {R"("{\"a\":\"{\\\"b\\\":1}\"}")"}));
  NestedMask mask(MaskRule{.column = "doc", .algorithm = "redact", .parameter = ""}, {"street"}, NamingStyle::kDefault,
                  nullptr);
  EXPECT_FALSE(mask.Apply(ColumnOf(MakeType(TypeId::kText), {R"({"street":1})"})));
  EXPECT_THAT(CellsOf(*mask.Apply(ColumnOf(MakeType(TypeId::kText), {"Main street", std::nullopt}))),
              ElementsAre("Main street", std::nullopt));
  EXPECT_THAT(CellsOf(*mask.Apply(ColumnOf(MakeType(TypeId::kInt64), {"7"}))), ElementsAre("7"));
}

TEST(NestedMask, RulesNamePathsOfJsonColumns) {
  for (const char* written : {"address.street", "address__street", "Address.Street"}) {
    auto masking = MaskingOf({MaskRule{.column = written, .algorithm = "redact"}});
    ASSERT_TRUE(masking);
    Masker masker(*masking);
    const RecordBatch batch = OneColumn("Address", kJson, {R"({"Street":"Main 1"})"});
    EXPECT_TRUE((*masking)->MaskedSchema(*batch.schema())) << written;
    Result<RecordBatch> masked = masker.Apply(batch);
    ASSERT_TRUE(masked) << written;
    EXPECT_THAT(CellsOf(*masked, "Address"), ElementsAre(R"({"Street":"REDACTED"})")) << written;
    EXPECT_THAT((*masking)->NestedRulesNotIn(masker.nested_found(), masker.columns_seen()), ElementsAre());
    EXPECT_THAT((*masking)->NestedRulesNotIn({}, masker.columns_seen()), ElementsAre(written));
  }
}

TEST(NestedMask, AColumnThatIsNoJsonHasNothingInside) {
  auto masking = MaskingOf({MaskRule{.column = "address.street", .algorithm = "redact"}});
  ASSERT_TRUE(masking);
  const RecordBatch batch = OneColumn("address", MakeType(TypeId::kText), {"Main 1"});
  Result<Schema> schema = (*masking)->MaskedSchema(*batch.schema());
  ASSERT_FALSE(schema);
  EXPECT_THAT(schema.error().message, HasSubstr("`address.street`"));
  EXPECT_FALSE(Masker(*masking).Apply(batch));
  EXPECT_FALSE((*masking)->CheckAllFound({"other"}));
}

}  // namespace
}  // namespace nilus
