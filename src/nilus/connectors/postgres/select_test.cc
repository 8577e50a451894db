#include "nilus/connectors/postgres/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::vector<std::string> Conditions(const std::vector<RowRange>& ranges) {
  std::vector<std::string> conditions;
  for (const RowRange& range : ranges) conditions.push_back(range.condition);
  return conditions;
}

TEST(BlockRanges, OuterOnesAreOpen) {
  EXPECT_THAT(Conditions(BlockRanges(10, 4)),
              ElementsAre("t.ctid < '(4,0)'::pg_catalog.tid",
                          "t.ctid >= '(4,0)'::pg_catalog.tid AND t.ctid < '(8,0)'::pg_catalog.tid",
                          "t.ctid >= '(8,0)'::pg_catalog.tid"));
  EXPECT_THAT(Conditions(BlockRanges(0, 4)), ElementsAre(""));
  EXPECT_THAT(Conditions(BlockRanges(4, 4)), ElementsAre(""));
  EXPECT_THAT(BlockRanges(4294967294, 1LL << 29), SizeIs(8));
}

TEST(IntegerRanges, CoverEverythingOnce) {
  EXPECT_THAT(Conditions(IntegerRanges("k", 1, 10, 2)),
              ElementsAre("k < '6'::pg_catalog.int8", "k >= '6'::pg_catalog.int8"));
  EXPECT_THAT(Conditions(IntegerRanges("k", 5, 5, 8)), ElementsAre(""));
  auto whole =
      Conditions(IntegerRanges("k", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), 4));
  EXPECT_THAT(whole, ElementsAre("k < '-4611686018427387904'::pg_catalog.int8",
                                 "k >= '-4611686018427387904'::pg_catalog.int8 AND k < '0'::pg_catalog.int8",
                                 "k >= '0'::pg_catalog.int8 AND k < '4611686018427387904'::pg_catalog.int8",
                                 "k >= '4611686018427387904'::pg_catalog.int8"));
}

TEST(RangeCondition, ValuesAreInert) {
  Key key{"t.\"k\"", "::pg_catalog.text", "", "", MakeType(TypeId::kText), Wire::kText};
  KeyRange range{
      .column = "k", .lower = Scalar{MakeType(TypeId::kText), "x' OR 1=1; DROP TABLE t; --\\"}, .with_nulls = false};
  EXPECT_EQ(RangeCondition(key, range), "t.\"k\" >=  E'x'' OR 1=1; DROP TABLE t; --\\\\'::pg_catalog.text");
  EXPECT_EQ(RangeCondition(key, {.column = "k"}), "");
  EXPECT_EQ(RangeCondition(key, {.column = "k", .with_nulls = false}), "t.\"k\" IS NOT NULL");
}

}  // namespace
}  // namespace nilus::postgres
