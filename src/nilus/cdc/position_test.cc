#include "nilus/cdc/position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nilus {
namespace {

using ::testing::HasSubstr;

CdcPosition Sample() {
  CdcPosition position{.at = {22927240, 7}, .shown = "0/15DD788", .identity = "7/1/shop/slot"};
  position.tables = {"public.items", "public.orders"};
  position.ids = {{"public.orders", {.table = 16390, .sender = 16401}}};
  position.pending = {{.schema = "public",
                       .table = "orders",
                       .how = SnapshotHow::kInitial,
                       .up_to = R"(["4711"])",
                       .key = R"([["id","bigint"]])"},
                      {.schema = "a.b", .table = "c.d", .how = SnapshotHow::kAnew, .up_to = {}}};
  return position;
}

TEST(CdcPosition, IsReadAsItWasWritten) {
  const Position written = ToPosition(Sample());
  Result<CdcPosition> read = ParseCdcPosition(written);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, Sample());
  EXPECT_EQ(ToPosition(*read), written);
}

// docs/formats.md shows this text.
TEST(CdcPosition, HasTheDocumentedFormat) {
  CdcPosition position = Sample();
  position.pending.pop_back();
  position.identity = "…";
  position.at.minor = 0;
  EXPECT_EQ(ToPosition(position).json,
            R"({"v":1,"kind":"cdc","at":["22927240","0"],"shown":"0/15DD788","identity":"…",)"
            R"("tables":["public.items","public.orders"],"ids":{"public.orders":["16390","16401"]},)"
            R"("snapshot":[{"table":"public.orders","how":"initial","up_to":"[\"4711\"]",)"
            R"("key":"[[\"id\",\"bigint\"]]"}]})");
}

TEST(CdcPosition, KeepsTheNumbersOfMasks) {
  CdcPosition position = Sample();
  position.numbers = {{"public.orders", {{"customer", "0f:AAAA"}}}};
  const Position written = ToPosition(position);
  EXPECT_THAT(written.json, HasSubstr(R"("numbers":{"public.orders":{"customer":"0f:AAAA"}}})"));
  EXPECT_EQ(*ParseCdcPosition(written), position);
  EXPECT_EQ(position.NumberBytes(), 7);
}

TEST(CdcPosition, KnowsWhatHasNoRowsYet) {
  CdcPosition position = Sample();
  EXPECT_TRUE(position.HasRows("public.items"));
  EXPECT_FALSE(position.Take("public.items"));
  EXPECT_TRUE(position.Take("public.new"));
  EXPECT_FALSE(position.HasRows("public.new"));
  const Position written = ToPosition(position);
  EXPECT_THAT(written.json, HasSubstr(R"("unloaded":["public.new"]})"));
  EXPECT_EQ(*ParseCdcPosition(written), position);
  position.unloaded.erase("public.new");
  EXPECT_TRUE(position.HasRows("public.new"));
  position.Forget("public.new");
  EXPECT_FALSE(position.HasRows("public.new"));
}

TEST(CdcPosition, ATableThatLeftItsNameIsAnotherWhenItIsBack) {
  CdcPosition position = Sample();
  EXPECT_FALSE(position.IsAway("public.orders"));
  position.MovesAway("public.orders");
  EXPECT_EQ(position.FindPending("public", "orders"), nullptr);
  const Result<CdcPosition> read = ParseCdcPosition(ToPosition(position));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->IsAway("public.orders"));
  CapturedTable table{.schema = "public", .name = "orders"};
  table.id = 16390;
  EXPECT_TRUE(position.TakesPlace("public.orders", table));
  EXPECT_FALSE(position.IsAway("public.orders"));
}

TEST(CdcPosition, AKeyIsItsColumnsAndTheirTypes) {
  CapturedTable table{.schema = "public", .name = "t"};
  table.columns.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}},
                          Field{"a \"b\"", MakeType(TypeId::kText), true, {}}};
  table.key = {"a \"b\"", "id"};
  EXPECT_EQ(KeyShape(table), R"([["a \"b\"","text"],["id","bigint"]])");
  table.key = {"gone"};
  EXPECT_EQ(KeyShape(table), R"([["gone",""]])");
}

TEST(CdcPosition, TablesThatAreNotReadYetAreNotLoaded) {
  CdcPosition position = Sample();
  position.tables.insert("a.b.c.d");
  using Loaded = std::map<std::string, TableIds>;
  EXPECT_EQ(position.Loaded(), (Loaded{{"a.b.c.d", {}}, {"public.items", {}}, {"public.orders", {16390, 16401}}}));
  position.pending[0].up_to.clear();
  position.pending[1].how = SnapshotHow::kLost;
  EXPECT_EQ(position.Loaded(), (Loaded{{"public.items", {}}}));
}

TEST(CdcPosition, AnotherTableTakesTheNameOfOne) {
  CdcPosition position = Sample();
  CapturedTable table{.schema = "public", .name = "orders"};
  EXPECT_FALSE(position.TakesPlace("public.orders", table)) << "nothing is known of it";
  table.id = 16390;
  EXPECT_FALSE(position.TakesPlace("public.orders", table));
  table.id = 16555;
  EXPECT_TRUE(position.TakesPlace("public.orders", table));
  EXPECT_FALSE(position.TakesPlace("public.orders", table));
  EXPECT_EQ(position.ids["public.orders"].sender, 16401U);
}

TEST(CdcPosition, WholeLogsFit) {
  CdcPosition position = Sample();
  position.at = {~uint64_t{0}, ~uint64_t{0}};
  EXPECT_EQ(ParseCdcPosition(ToPosition(position))->at, position.at);
}

TEST(CdcPosition, AnythingElseIsRefused) {
  for (const char* text : {
           "",
           "[]",
           "{",
           R"({"v":1,"table":"public.orders"})",
           R"({"v":1,"kind":"cdc","at":["1","0"],"shown":"","identity":"","ids":{"a.b":"1"}})",
           R"({"v":2,"kind":"cdc"})",
           R"({"v":1,"kind":"cdc","at":[1,2],"shown":"","identity":""})",
           R"({"v":1,"kind":"cdc","at":["1"],"shown":"","identity":""})",
           R"({"v":1,"kind":"cdc","at":["-1","0"],"shown":"","identity":""})",
           R"({"v":1,"kind":"cdc","at":["1","0"],"identity":""})",
           R"({"v":1,"kind":"cdc","at":["1","0"],"shown":"","identity":"","more":1})",
           R"({"v":1,"kind":"cdc","at":["1","0"],"shown":"","identity":"","tables":[1]})",
           R"({"v":1,"kind":"cdc","at":["1","0"],"shown":"","identity":"","snapshot":[{"table":"a"}]})",
           R"({"v":1,"kind":"cdc","at":["1","0"],"shown":"","identity":"","snapshot":[{"table":"a.b","how":"x"}]})",
       }) {
    Result<CdcPosition> read = ParseCdcPosition(Position{text});
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::kInvalidInput) << text;
    EXPECT_THAT(read.error().fix, HasSubstr("nilus state reset"));
  }
}

}  // namespace
}  // namespace nilus
