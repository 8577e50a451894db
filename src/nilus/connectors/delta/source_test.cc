// Delta tables through the connector.
#include <gmock/gmock.h>

#include "nilus/connectors/delta/connector.h"
#include "nilus/connectors/delta/table_read.h"
#include "nilus/delta/table_fixture_testing.h"

namespace nilus::delta_source {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class DeltaSourceTest : public delta::TableFixture {
 protected:
  void SetUp() override {
    WriteParquet("shop/orders/a.parquet", "SELECT range AS id, 'a' AS name FROM range(4)");
    WriteParquet("shop/orders/b.parquet", "SELECT range + 10 AS id, NULL::VARCHAR AS name FROM range(2)");
    const std::string commit = std::string(delta::kPlainProtocol) + "\n" +
                               MetadataLine(FieldJson("id", "long") + "," + FieldJson("name", "string")) + "\n" +
                               AddLine("a.parquet", R"(,"stats":"{\"numRecords\":4}")") + "\n";
    WriteFile("shop/orders/_delta_log/00000000000000000000.json", commit);
    WriteFile("shop/orders/_delta_log/00000000000000000001.json", AddLine("b.parquet") + "\n");
  }

  std::unique_ptr<Source> Open(const std::string& params = "", OptionValues options = {}) {
    OpenContext context;
    context.options = std::move(options);
    auto source =
        kDeltaConnector.open_source(*ParseAddress("delta://" + folder_.path() + params, ProcessEnvironment()), context);
    EXPECT_TRUE(source) << (source ? "" : source.error().ToString());
    return source ? *std::move(source) : nullptr;
  }

  // The ids of all rows, sorted; or the error.
  static std::vector<std::string> Ids(Source& source, const ReadRequest& request,
                                      std::optional<Scalar>* upper = nullptr) {
    auto plan = source.Plan(request);
    if (!plan) return {plan.error().ToString()};
    if (upper != nullptr) *upper = plan->upper;
    std::vector<std::string> ids;
    for (const Split& split : plan->splits) {
      auto reader = source.Open(split);
      if (!reader) return {reader.error().ToString()};
      while (true) {
        auto batch = (*reader)->Next({});
        if (!batch) return {batch.error().ToString()};
        if (!*batch) break;
        for (int64_t row = 0; row < (*batch)->rows.num_rows(); ++row)
          ids.push_back(ScalarAt((*batch)->rows.column(0), row).text);
      }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
};

TEST_F(DeltaSourceTest, ReadsATable) {
  auto source = Open();
  auto description = source->Describe({.table = "shop.orders"});
  ASSERT_TRUE(description) << description.error().ToString();
  EXPECT_EQ(description->schema.fields.size(), 2u);
  EXPECT_FALSE(description->estimated_rows);
  EXPECT_THAT(Ids(*source, {.table = "shop.orders"}), ElementsAre("0", "1", "10", "11", "2", "3"));
  EXPECT_THAT(Ids(*source, {.table = "shop/orders", .exclude_columns = {"name"}}), testing::SizeIs(6));
  EXPECT_THAT(Ids(*Open("?collection=shop"), {.table = "orders"}), testing::SizeIs(6));
  EXPECT_THAT(Ids(*Open("/shop/orders"), {.table = "."}), testing::SizeIs(6));
}

TEST_F(DeltaSourceTest, RangesAndLimits) {
  auto source = Open();
  std::optional<Scalar> upper;
  ReadRequest request{.table = "shop.orders"};
  request.range = KeyRange{.column = "id", .lower = Scalar{MakeType(TypeId::kInt64), "3"}};
  EXPECT_THAT(Ids(*source, request, &upper), ElementsAre("10", "11", "3"));
  ASSERT_TRUE(upper);
  EXPECT_EQ(upper->text, "11");
  request.limit = 2;
  EXPECT_THAT(Ids(*source, request), ElementsAre("10", "3"));
}

TEST_F(DeltaSourceTest, EarlierVersions) {
  OptionValues options;
  options.Set("version", "0");
  auto source = Open("", options);
  EXPECT_THAT(Ids(*source, {.table = "shop.orders"}), testing::SizeIs(4));
  auto description = source->Describe({.table = "shop.orders"});
  ASSERT_TRUE(description);
  EXPECT_EQ(description->estimated_rows, 4);
  options.Set("as_of", "2000-01-01T00:00:00Z");
  OpenContext context;
  context.options = options;
  const Address address = *ParseAddress("delta:///x", ProcessEnvironment());
  EXPECT_FALSE(kDeltaConnector.open_source(address, context));
  OptionValues never;
  never.Set("as_of", "2000-01-01");
  EXPECT_THAT(Ids(*Open("", never), {.table = "shop.orders"})[0], HasSubstr("no version as old as 2000-01-01"));
}

TEST_F(DeltaSourceTest, WhatIsWrongIsNamed) {
  auto source = Open();
  EXPECT_THAT(Ids(*source, {.table = "shop.nothing"})[0], HasSubstr("there is no Delta table at"));
  EXPECT_THAT(Ids(*source, {.table = "shop.orders", .exclude_columns = {"nam"}})[0], HasSubstr("did you mean `name`?"));
  EXPECT_THAT(Ids(*source, {.table = "query:SELECT 1"})[0], HasSubstr("queries over Delta tables"));
  std::filesystem::remove(Path("shop/orders/b.parquet"));
  EXPECT_THAT(Ids(*source, {.table = "shop.orders"})[0], HasSubstr("b.parquet"));
}

TEST(FolderOfTest, NamesOfTables) {
  EXPECT_EQ(FolderOf("a.b", "").value(), "a/b");
  EXPECT_EQ(FolderOf("a/b", "c").value(), "a/b");
  EXPECT_EQ(FolderOf("t", "c/d").value(), "c/d/t");
  EXPECT_EQ(FolderOf("\"a.b\".\"c\"\"d\"", "").value(), "a.b/c\"d");
  EXPECT_EQ(FolderOf(".", "").value(), "");
  for (const char* bad : {"", "a.", "..", "a..b", "\"..\".x", "\"a", "/a"}) EXPECT_FALSE(FolderOf(bad, "")) << bad;
}

}  // namespace
}  // namespace nilus::delta_source
