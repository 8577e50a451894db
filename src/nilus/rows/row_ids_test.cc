#include "nilus/rows/row_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "nilus/rows/column_testing.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::MatchesRegex;

constexpr Type kBigint = MakeType(TypeId::kInt64);
constexpr Type kText = MakeType(TypeId::kText);

std::vector<Cell> Ids(const RecordBatch& batch, const std::shared_ptr<RowNames>& names) {
  RowNamer namer(names);
  return CellsOf(namer.Name(batch), kRowIdColumn);
}

std::shared_ptr<RowNames> Names(std::vector<std::string> key, std::string load = "load-1", bool per_load = false) {
  return std::make_shared<RowNames>(std::move(load), "raw.t", std::move(key), per_load);
}

TEST(RowIds, StandBehindAllColumns) {
  RowNamer namer(Names({}));
  RecordBatch batch = namer.Name(OneColumn("a", kText, {"x", "y"}));
  ASSERT_EQ(batch.schema()->size(), 3);
  EXPECT_EQ(batch.schema()->fields[1].name, "_nilus_load_id");
  EXPECT_EQ(batch.schema()->fields[2].name, "_nilus_id");
  EXPECT_THAT(CellsOf(batch, "_nilus_load_id"), ElementsAre("load-1", "load-1"));
}

TEST(RowIds, NumberedRowsHaveACommonBeginningAndSortAsTheyCame) {
  std::vector<Cell> texts(200, "same");
  std::vector<Cell> ids = Ids(OneColumn("a", kText, texts), Names({}));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::set<Cell>(ids.begin(), ids.end()).size(), 200U);
  for (const Cell& id : ids) {
    ASSERT_EQ(id->size(), 22U);
    EXPECT_EQ(id->substr(0, 14), ids[0]->substr(0, 14));
  }
  EXPECT_NE(Ids(OneColumn("a", kText, {"x"}), Names({}, "load-2"))[0], ids[0]);
}

TEST(RowIds, BatchesOfSeveralThreadsTakeDifferentNumbers) {
  std::shared_ptr<RowNames> names = Names({});
  RowNamer first(names);
  RowNamer second(names);
  std::set<Cell> ids;
  for (int i = 0; i < 5; ++i) {
    for (RowNamer* namer : {&first, &second}) {
      for (const Cell& id : CellsOf(namer->Name(OneColumn("a", kText, {"x", "y", "z"})), kRowIdColumn)) ids.insert(id);
    }
  }
  EXPECT_EQ(ids.size(), 30U);
}

// Written down: these ids stand in tables.
TEST(RowIds, KeysGiveTheSameIdsForEver) {
  EXPECT_THAT(Ids(OneColumn("id", kBigint, {"1", "-7"}), Names({"id"})),
              ElementsAre("0hnMd2p9ySbG1vXlwSw9-A", "l_PFeqL2xeNWPHFLqAiHeQ"));
  EXPECT_THAT(Ids(OneColumn("id", kText, {"1"}), Names({"id"}, "another load")),
              ElementsAre(testing::Optional(MatchesRegex("[-_A-Za-z0-9]+"))));
}

TEST(RowIds, WidthsOfTypesDoNotMatter) {
  const std::vector<Cell> expected = Ids(OneColumn("id", kBigint, {"5", "70"}), Names({"id"}));
  for (const Type& type :
       {MakeType(TypeId::kInt16), MakeType(TypeId::kInt32), MakeDecimal(10, 2), MakeType(TypeId::kFloat64)}) {
    EXPECT_EQ(Ids(OneColumn("id", type, {"5", "70"}), Names({"id"}, "another load")), expected) << type.ToString();
  }
  EXPECT_NE(Ids(OneColumn("id", kText, {"5", "70"}), Names({"id"})), expected);
}

TEST(RowIds, AllPartsOfAKeyCountInTheirOrder) {
  RecordBatch batch = BatchOf(
      {{Field{.name = "a", .type = kText}, {"x", "xy", "x"}}, {Field{.name = "b", .type = kText}, {"yz", "z", "yz"}}});
  std::vector<Cell> ids = Ids(batch, Names({"a", "b"}));
  EXPECT_NE(ids[0], ids[1]) << "where one part ends and the next begins";
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_NE(Ids(batch, Names({"b", "a"}))[0], ids[0]);
}

TEST(RowIds, RowsWithoutAllOfTheirKeyAreNumbered) {
  RecordBatch batch = BatchOf({{Field{.name = "a", .type = kBigint}, {"1", std::nullopt, std::nullopt}}});
  std::vector<Cell> ids = Ids(batch, Names({"a"}));
  EXPECT_NE(ids[1], ids[2]);
  EXPECT_NE(Ids(OneColumn("other", kBigint, {"1", "1"}), Names({"a"}))[0],
            Ids(OneColumn("other", kBigint, {"1"}), Names({"a"}, "2"))[0]);
}

TEST(RowIds, VersionsOfScd2AreRowsOfTheirOwn) {
  RecordBatch batch = OneColumn("id", kBigint, {"1"});
  EXPECT_NE(Ids(batch, Names({"id"}, "load-1", true)), Ids(batch, Names({"id"}, "load-2", true)));
}

TEST(RowIds, ThoseOfTheSourceAreLeftOut) {
  RecordBatch batch = BatchOf({{Field{.name = "_nilus_id", .type = kText}, {"old"}},
                               {Field{.name = "a", .type = kText}, {"x"}},
                               {Field{.name = "_nilus_load_id", .type = kText}, {"old"}}});
  RecordBatch without = WithoutRowIds(batch);
  ASSERT_EQ(without.schema()->size(), 1);
  EXPECT_EQ(without.schema()->fields[0].name, "a");
  EXPECT_EQ(WithoutRowIds(*batch.schema()).size(), 1);
}

RC_GTEST_PROP(RowIds, DifferentKeysHaveDifferentIds, (int64_t a, int64_t b)) {
  std::vector<Cell> ids = Ids(OneColumn("id", kBigint, {std::to_string(a), std::to_string(b)}), Names({"id"}));
  RC_ASSERT((ids[0] == ids[1]) == (a == b));
}

}  // namespace
}  // namespace nilus
