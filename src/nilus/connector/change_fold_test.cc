#include "nilus/connector/change_fold.h"

#include <gmock/gmock.h>

#include "nilus/connector/conformance_testing.h"

namespace nilus {
namespace {

using conformance::KindOf;
using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;
using testing::ElementsAre;

SchemaPtr Changes() {
  return MakeSchema({MakeField("id", TypeId::kInt64), MakeField("a", TypeId::kText),
                     MakeField(std::string(kRemovedColumn), TypeId::kBool),
                     MakeField(std::string(kUnchangedColumn), TypeId::kText),
                     MakeField(std::string(kMovedColumn), TypeId::kBool)});
}

WriteRequest Request() {
  WriteRequest request;
  request.table = {"main", "t"};
  request.schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("a", TypeId::kText)});
  request.strategy = WriteStrategy::kMerge;
  request.primary_key = {"id"};
  request.is_changes = true;
  return request;
}

// id, a, group, from of each row.
std::vector<std::string> RowsOf(const FoldedChanges& folded) {
  std::vector<std::string> rows;
  const Schema& schema = *folded.rows.schema();
  for (int64_t row = 0; row < folded.rows.num_rows(); ++row) {
    const Column& a = folded.rows.column(*schema.Find("a"));
    rows.push_back(fmt::format("{} {} {} {}", folded.rows.column(*schema.Find("id")).Value<int64_t>(row),
                               a.IsNull(row) ? "-" : a.BytesValue(row),
                               folded.rows.column(*schema.Find(kGroupColumn)).Value<int32_t>(row),
                               folded.rows.column(*schema.Find(kFromColumn)).Value<int64_t>(row)));
  }
  return rows;
}

const conformance::Cell kNone;

TEST(ChangeFold, LastChangeOfAKeyCounts) {
  const WriteRequest request = Request();
  ChangeFold fold(request, *request.schema);
  ASSERT_TRUE(fold.Add(MakeBatch(Changes(), {{"1", "x", kNone, kNone, kNone}, {"2", "y", "false", "", "false"}})));
  ASSERT_TRUE(fold.Add(MakeBatch(Changes(), {{"1", "z", kNone, kNone, kNone}, {"2", kNone, "true", kNone, kNone}})));
  FoldedChanges folded = fold.Take();
  EXPECT_THAT(RowsOf(folded), ElementsAre("1 z 0 0", "2 - -1 1"));
  EXPECT_EQ(folded.kept, 1);
  EXPECT_EQ(folded.removed, 1);
  EXPECT_FALSE(folded.truncates);
  EXPECT_EQ(fold.Take().rows.num_rows(), 0);
}

TEST(ChangeFold, NumbersGoOnFromPartToPart) {
  const WriteRequest request = Request();
  ChangeFold fold(request, *request.schema);
  ASSERT_TRUE(fold.Add(MakeBatch(Changes(), {{"1", "x", kNone, kNone, kNone}, {"2", "x", kNone, kNone, kNone}})));
  fold.Take();
  ASSERT_TRUE(fold.Add(MakeBatch(Changes(), {{"1", kNone, "true", kNone, kNone}, {"7", kNone, kNone, "a", "true"}})));
  FoldedChanges folded = fold.Take();
  EXPECT_THAT(RowsOf(folded), ElementsAre("1 - -1 2", "7 - 1 2"));
  ASSERT_EQ(folded.groups.size(), 1U);
  EXPECT_THAT(folded.groups[0].columns, ElementsAre("a"));
  EXPECT_TRUE(folded.groups[0].has_moved);
  EXPECT_EQ(folded.groups[0].rows, 1);
}

TEST(ChangeFold, AMoveIsNotTakenApart) {
  WriteRequest request = Request();
  request.memory_bytes = 1;
  ChangeFold fold(request, *request.schema);
  const RecordBatch plain = MakeBatch(Changes(), {{"1", "x", kNone, kNone, kNone}});
  const RecordBatch moved = MakeBatch(Changes(), {{"2", kNone, kNone, "a", "true"}});
  EXPECT_FALSE(fold.MustTakeBefore(plain)) << "there is nothing to take";
  ASSERT_TRUE(fold.Add(MakeBatch(Changes(), {{"1", kNone, "true", kNone, kNone}})));
  EXPECT_TRUE(fold.MustTakeBefore(plain));
  EXPECT_FALSE(fold.MustTakeBefore(moved));
}

TEST(ChangeFold, FloatKeysThatAreEqualAreOneKey) {
  WriteRequest request = Request();
  request.schema = MakeSchema({MakeField("id", TypeId::kFloat64), MakeField("a", TypeId::kText)});
  ChangeFold fold(request, *request.schema);
  ASSERT_TRUE(fold.Add(MakeBatch(request.schema, {{"0", "x"}, {"-0", "y"}, {"NaN", "n"}, {"NaN", "m"}})));
  EXPECT_EQ(fold.Take().kept, 2);
}

TEST(ChangeFold, ManyKeys) {
  const WriteRequest request = Request();
  ChangeFold fold(request, *request.schema);
  std::vector<Row> rows;
  for (int i = 0; i < 5000; ++i) rows.push_back({fmt::format("{}", i % 2500), fmt::format("{}", i)});
  ASSERT_TRUE(fold.Add(MakeBatch(request.schema, rows)));
  const FoldedChanges folded = fold.Take();
  EXPECT_EQ(folded.kept, 2500);
  EXPECT_EQ(RowsOf(folded)[17], "17 2517 0 17");
}

TEST(ChangeFold, WhatChangesMayNotSay) {
  const WriteRequest request = Request();
  auto error = [&](const std::vector<Row>& rows) {
    ChangeFold fold(request, *request.schema);
    return KindOf(fold.Add(MakeBatch(Changes(), rows)));
  };
  EXPECT_EQ(error({{kNone, "x", kNone, kNone, kNone}}), "data");
  EXPECT_EQ(error({{"1", "x", "true", kNone, kNone}, {"1", kNone, kNone, "a", kNone}}), "data");
  EXPECT_EQ(error({{kNone, kNone, "true", kNone, kNone}, {"1", kNone, kNone, "a", kNone}}), "data");
  EXPECT_EQ(error({{"1", kNone, kNone, "nonesuch", kNone}}), "internal");
  EXPECT_EQ(error({{"1", kNone, kNone, "a", "true"}}), "internal");
  ChangeFold fold(request, *request.schema);
  EXPECT_EQ(KindOf(fold.Add(MakeBatch(
                MakeSchema({MakeField("id", TypeId::kInt64), MakeField(std::string(kRemovedColumn), TypeId::kText)}),
                {{"1", "true"}}))),
            "internal");
}

}  // namespace
}  // namespace nilus
