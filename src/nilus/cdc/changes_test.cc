// Choosing among changes: what belongs to a change goes with it.
#include "nilus/cdc/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/cdc/key_bound.h"
#include "nilus/cdc/lines.h"
#include "nilus/cdc/signals.h"
#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Change {
  ChangeOp op;
  int64_t id;
  std::string body;
  std::optional<int64_t> old_id;
  bool unchanged = false;
  uint64_t at = 10;
};

SchemaPtr TestSchema() {
  auto schema = std::make_shared<Schema>();
  schema->fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}, Field{"body", MakeType(TypeId::kText), true, {}}};
  return schema;
}

ChangeBatch Make(const std::vector<Change>& changes) {
  ChangeBatch batch{.schema = "public", .table = "docs", .key = {"id"}};
  BatchBuilder rows(TestSchema());
  BatchBuilder old(TestSchema());
  std::vector<uint8_t> flags;
  for (const Change& change : changes) {
    const auto index = static_cast<int32_t>(batch.ops.size());
    rows.column(0).Append<int64_t>(change.id);
    change.body.empty() ? rows.column(1).AppendNull() : rows.column(1).AppendBytes(change.body);
    rows.FinishRow();
    if (change.old_id) {
      old.column(0).Append<int64_t>(*change.old_id);
      old.column(1).AppendNull();
      old.FinishRow();
      batch.old_of.push_back(index);
    }
    flags.push_back(change.unchanged ? 1 : 0);
    batch.ops.push_back(change.op);
    batch.positions.push_back({change.at, 0});
    batch.change_lsns.push_back(change.at);
    batch.transactions.push_back(1);
    batch.committed_at.push_back(0);
    batch.sequence.push_back(index);
  }
  batch.rows = rows.Finish();
  if (!batch.old_of.empty()) batch.old_rows = old.Finish();
  if (std::find(flags.begin(), flags.end(), 1) != flags.end()) batch.unchanged[1] = flags;
  return batch;
}

std::vector<std::string> Ids(const RecordBatch& rows) {
  std::vector<std::string> ids;
  for (int64_t row = 0; row < rows.num_rows(); ++row) ids.push_back(ScalarAt(rows.column(0), row).text);
  return ids;
}

TEST(Changes, KeepWhatBelongsToThem) {
  const ChangeBatch batch = Make({{ChangeOp::kCreate, 1, "a", {}},
                                  {ChangeOp::kUpdate, 2, "", 7, true},
                                  {ChangeOp::kUpdate, 3, "c", 8},
                                  {ChangeOp::kDelete, 4, "", {}}});
  const ChangeBatch kept = KeepChanges(batch, {KeepAs::kNothing, KeepAs::kWhole, KeepAs::kRemoval, KeepAs::kWhole});
  EXPECT_THAT(Ids(kept.rows), ElementsAre("2", "8", "4"));
  EXPECT_THAT(kept.ops, ElementsAre(ChangeOp::kUpdate, ChangeOp::kDelete, ChangeOp::kDelete));
  EXPECT_THAT(kept.sequence, ElementsAre(1, 2, 3));
  EXPECT_THAT(kept.old_of, ElementsAre(0));
  EXPECT_THAT(Ids(*kept.old_rows), ElementsAre("7"));
  EXPECT_THAT(kept.unchanged.at(1), ElementsAre(1, 0, 0));
  const ChangeBatch arrival =
      KeepChanges(batch, {KeepAs::kNothing, KeepAs::kNothing, KeepAs::kArrival, KeepAs::kNothing});
  EXPECT_THAT(arrival.ops, ElementsAre(ChangeOp::kCreate));
  EXPECT_FALSE(arrival.old_rows.has_value());
  EXPECT_THAT(arrival.unchanged, IsEmpty());
}

TEST(Changes, AreCutAtTheEndOfATransaction) {
  ChangeChunk chunk;
  chunk.batches.push_back(
      Make({{ChangeOp::kCreate, 1, "a", {}, false, 10}, {ChangeOp::kCreate, 2, "b", {}, false, 20}}));
  chunk.batches.push_back(Make({{ChangeOp::kCreate, 3, "c", {}, false, 30}}));
  chunk.complete = {30, 0};
  chunk.schemas = {SchemaEvent{.at = {15, 0}, .table = {}}, SchemaEvent{.at = {16, 0}, .table = {}}};
  const ChangeChunk taken = TakeUntil({15, 0}, &chunk);
  EXPECT_EQ(taken.complete.major, 15U);
  ASSERT_EQ(taken.schemas.size(), 1U);
  EXPECT_EQ(taken.schemas[0].at.major, 15U);
  ASSERT_EQ(chunk.schemas.size(), 1U) << "a shape goes with its rows";
  ASSERT_EQ(taken.batches.size(), 1U);
  EXPECT_THAT(Ids(taken.batches[0].rows), ElementsAre("1"));
  ASSERT_EQ(chunk.batches.size(), 2U);
  EXPECT_THAT(Ids(chunk.batches[0].rows), ElementsAre("2"));
  EXPECT_THAT(Ids(chunk.batches[1].rows), ElementsAre("3"));
}

TEST(Changes, LieOnOneSideOfABound) {
  Result<KeyBound> bound = KeyBound::Parse(R"(["9"])", {"id"}, *TestSchema());
  ASSERT_TRUE(bound);
  bool restarts = false;
  // 10 is above 9 as a number, though not as a text. Rows that move over the bound come or go.
  Result<ChangeBatch> kept = KeepBelow(*bound,
                                       Make({{ChangeOp::kCreate, 10, "a", {}},
                                             {ChangeOp::kCreate, 9, "b", {}},
                                             {ChangeOp::kUpdate, 20, "c", 5},
                                             {ChangeOp::kUpdate, 6, "d", 30},
                                             {ChangeOp::kUpdate, 40, "e", 50},
                                             {ChangeOp::kDelete, 1, "", {}}}),
                                       &restarts);
  ASSERT_TRUE(kept);
  EXPECT_FALSE(restarts);
  EXPECT_THAT(Ids(kept->rows), ElementsAre("9", "5", "6", "1"));
  EXPECT_THAT(kept->ops, ElementsAre(ChangeOp::kCreate, ChangeOp::kDelete, ChangeOp::kCreate, ChangeOp::kDelete));
  // Of a row that comes from beyond the bound every value must be known.
  ASSERT_TRUE(KeepBelow(*bound, Make({{ChangeOp::kUpdate, 6, "", 30, true}}), &restarts));
  EXPECT_TRUE(restarts);
}

TEST(Changes, BoundsThatAreNoneAreRefused) {
  for (const char* text : {"", "9", "[9]", "[\"x\"]", "[\"1\",\"2\"]", "{}"}) {
    EXPECT_FALSE(KeyBound::Parse(text, {"id"}, *TestSchema())) << text;
  }
  EXPECT_FALSE(KeyBound::Parse(R"(["9"])", {"gone"}, *TestSchema()));
}

TEST(Changes, OfAKeyAreTwoLines) {
  const ChangeBatch batch = Make({{ChangeOp::kUpdate, 1, "a", 1}, {ChangeOp::kUpdate, 2, "b", 5}});
  Result<ChangeLines> lines = ChangeLines::Of(batch, {"id"});
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 3);
  EXPECT_THAT(Ids(lines->TakeFrom(batch)), ElementsAre("1", "5", "2"));
  EXPECT_EQ(lines->op(batch, 0), ChangeOp::kUpdate);
  EXPECT_EQ(lines->op(batch, 1), ChangeOp::kDelete);
  EXPECT_EQ(lines->op(batch, 2), ChangeOp::kCreate);
  EXPECT_TRUE(lines->Removed(batch, false).BoolValue(1));
  EXPECT_FALSE(lines->Removed(batch, false).BoolValue(2));
  EXPECT_TRUE(lines->Moved().BoolValue(2));
  EXPECT_FALSE(lines->Moved().BoolValue(1));
}

TEST(Signals, AskForSnapshots) {
  auto schema = std::make_shared<Schema>();
  for (const char* name : {"id", "type", "data"})
    schema->fields.push_back(Field{name, MakeType(TypeId::kText), true, {}});
  BatchBuilder rows(schema);
  const std::vector<std::vector<std::string>> written = {
      {"1", "execute-snapshot", R"({"data-collections":["public.a","public.b"]})"},
      {"2", "execute-snapshot", R"({"data-collections":["public.a"],"type":"BLOCKING"})"},
      {"3", "stop-snapshot", "{}"},
      {"4", "execute-snapshot", "no json"},
      {"5", "execute-snapshot", R"({"data-collections":["a"],"additional-conditions":[]})"},
      {"6", "execute-snapshot", R"({"data-collections":["public.a"],"type":"weird"})"},
      {"7", "execute-snapshot", R"({"data-collections":["public.a"],"type":1})"},
      {"8", "execute-snapshot", R"({"data-collections":["public.a"],"type":"INCREMENTAL"})"}};
  ChangeBatch batch;
  for (const auto& row : written) {
    for (int i = 0; i < 3; ++i) rows.column(i).AppendBytes(row[static_cast<size_t>(i)]);
    rows.FinishRow();
    batch.ops.push_back(ChangeOp::kCreate);
  }
  batch.rows = rows.Finish();
  const std::vector<Signal> signals = ReadSignals(batch);
  ASSERT_EQ(signals.size(), 8U);
  EXPECT_THAT(signals[0].tables, ElementsAre("public.a", "public.b"));
  EXPECT_FALSE(signals[0].anew);
  EXPECT_TRUE(signals[1].anew);
  EXPECT_THAT(signals[2].problem, HasSubstr("type"));
  EXPECT_THAT(signals[3].problem, HasSubstr("data-collections"));
  EXPECT_THAT(signals[4].problem, HasSubstr("additional-conditions"));
  EXPECT_THAT(signals[5].problem, HasSubstr("neither incremental nor blocking"));
  EXPECT_THAT(signals[6].problem, HasSubstr("neither incremental nor blocking"));
  EXPECT_EQ(signals[7].problem, "");
}

// A key that is one of PostgreSQL's infinities stands in a variant column, which the other half of a batch may lack.
TEST(Lines, KeysThatTheirTypeCannotHoldAreTold) {
  auto schema = std::make_shared<Schema>();
  schema->fields = {Field{"until", MakeType(TypeId::kTimestamp), true, {}}};
  const auto rows_of = [&](const std::vector<std::string>& texts) {
    BatchBuilder builder(schema);
    for (const std::string& text : texts) {
      text == "0" ? builder.column(0).Append<int64_t>(0) : builder.AppendVariant(0, text);
      builder.FinishRow();
    }
    return builder.Finish();
  };
  const auto batch_of = [&](const std::vector<std::string>& now, const std::vector<std::string>& old) {
    ChangeBatch batch{.schema = "public", .table = "prices", .key = {"until"}, .rows = rows_of(now)};
    batch.old_rows = rows_of(old);
    for (size_t i = 0; i < now.size(); ++i) {
      batch.old_of.push_back(static_cast<int32_t>(i));
      batch.ops.push_back(ChangeOp::kUpdate);
    }
    return batch;
  };
  const ChangeBatch same = batch_of({"infinity", "0"}, {"infinity", "0"});
  EXPECT_FALSE(ChangeLines::Of(same, same.key)->has_moves());
  const ChangeBatch turned = batch_of({"infinity"}, {"-infinity"});
  EXPECT_TRUE(ChangeLines::Of(turned, turned.key)->has_moves());

  const ChangeBatch ended = batch_of({"0"}, {"infinity"});
  const RecordBatch lines = ChangeLines::Of(ended, ended.key)->TakeFrom(ended);
  ASSERT_EQ(lines.num_rows(), 2);
  const Column* variant = VariantOf(lines, "until");
  ASSERT_NE(variant, nullptr);
  EXPECT_EQ(variant->BytesValue(0), "infinity");
  EXPECT_TRUE(variant->IsNull(1));
  EXPECT_FALSE(lines.column(0).IsNull(1));
}

TEST(Bound, WhatTheKeysTypeCannotHoldLiesBeforeOrBehindIt) {
  auto schema = std::make_shared<Schema>();
  schema->fields = {Field{"until", MakeType(TypeId::kTimestamp), true, {}}};
  const Result<KeyBound> bound = KeyBound::Parse(R"(["1970-01-01T00:00:00.000000Z"])", {"until"}, *schema);
  ASSERT_TRUE(bound) << bound.error().message;
  BatchBuilder builder(schema);
  for (const char* text : {"infinity", "-infinity", "NaN", "4714-11-24 00:00:00 BC"}) {
    builder.AppendVariant(0, text);
    builder.FinishRow();
  }
  const RecordBatch rows = builder.Finish();
  const bool lies_before[] = {false, true, false, true};
  for (int64_t row = 0; row < 4; ++row) EXPECT_EQ(*bound->Holds(rows, row), lies_before[row]) << row;
}

}  // namespace
}  // namespace nilus
