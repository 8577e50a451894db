#include "nilus/rows/dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/rows/column_testing.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// All rows of the batch as letters, and read back.
RecordBatch RoundTrip(const RecordBatch& batch, std::vector<DeadLetter>* letters = nullptr) {
  std::vector<DeadRow> dead;
  for (int64_t row = 0; row < batch.num_rows(); ++row) dead.push_back({.row = row, .column = "c", .reason = "why"});
  RecordBatch written = WriteDeadLetters(
      batch, dead, "a split",
      LetterNotes{.masks = {{"email", "hash"}}, .key = {"c0", "c1"}, .cursor = {}, .cursor_type = std::nullopt});
  std::vector<DeadLetter> read;
  for (int64_t row = 0; row < written.num_rows(); ++row) {
    read.push_back(DeadLetter{.id = std::to_string(row),
                              .payload = std::string(written.column(0).BytesValue(row)),
                              .position = std::string(written.column(3).BytesValue(row))});
  }
  if (letters != nullptr) *letters = read;
  Result<DeadLetterOrigin> origin = ReadOrigin(read.at(0).position);
  EXPECT_TRUE(origin) << (origin ? "" : origin.error().message);
  EXPECT_EQ(origin->masks.at("email"), "hash");
  EXPECT_THAT(origin->key, ElementsAre("c0", "c1"));
  Result<RecordBatch> back = ReadPayloads(read, *origin);
  EXPECT_TRUE(back) << (back ? "" : back.error().message);
  return back ? *back : RecordBatch();
}

TEST(DeadLetters, EveryTypeComesBack) {
  std::vector<std::pair<Field, std::vector<Cell>>> columns;
  auto add = [&](const Type& type, const std::string& text) {
    columns.push_back({Field{.name = "c" + std::to_string(columns.size()), .type = type}, {text, std::nullopt}});
  };
  add(MakeType(TypeId::kBool), "true");
  add(MakeType(TypeId::kInt16), "-5");
  add(MakeType(TypeId::kInt64), "9223372036854775807");
  add(MakeType(TypeId::kFloat64), "0.1");
  add(MakeType(TypeId::kFloat64), "NaN");
  add(MakeType(TypeId::kFloat64), "1e+300");
  add(MakeType(TypeId::kFloat64), "-0");
  add(MakeDecimal(38, 10), "1234567890123456789012345678.0000000001");
  add(MakeDecimal(12, 2), "12.50");
  add(MakeType(TypeId::kText), "ümlaut \" \\ \n 漢字");
  add(MakeType(TypeId::kText), std::string("nul\0nul", 7));
  add(MakeType(TypeId::kBinary), "00ff");
  add(MakeType(TypeId::kJson), R"({"a":[1,2.50,{"b":null}],"c":"x"})");
  add(MakeType(TypeId::kJson), R"("text")");
  add(MakeType(TypeId::kJson), "[]");
  add(MakeType(TypeId::kJson), "null");
  add(MakeType(TypeId::kJson), R"({"a":1e400,"b":-0, "a":-0.0})");
  add(MakeType(TypeId::kJson), R"({"a":"\ud83d"})");
  add(MakeType(TypeId::kJson), "no JSON");
  add(MakeType(TypeId::kDate), "-0043-03-15");
  add(MakeType(TypeId::kTime), "24:00:00");
  add(MakeType(TypeId::kTimestamp), "2024-01-02T03:04:05.000006Z");
  add(MakeType(TypeId::kTimestampNtz), "2024-01-02T03:04:05");
  RecordBatch batch = BatchOf(columns);
  RecordBatch back = RoundTrip(batch);
  ASSERT_EQ(back.schema()->size(), batch.schema()->size());
  for (int i = 0; i < batch.schema()->size(); ++i) {
    EXPECT_EQ(back.schema()->fields[static_cast<size_t>(i)].type, batch.schema()->fields[static_cast<size_t>(i)].type);
    EXPECT_EQ(CellsOf(back.column(i)), CellsOf(batch.column(i))) << i;
  }
}

TEST(DeadLetters, PayloadsAreForPeopleToo) {
  std::vector<DeadLetter> letters;
  RoundTrip(BatchOf({{Field{.name = "id", .type = MakeType(TypeId::kInt64)}, {"7"}},
                     {Field{.name = "Name", .type = MakeType(TypeId::kText)}, {"x"}},
                     {Field{.name = "d", .type = MakeDecimal(12, 2)}, {"1.50"}},
                     {Field{.name = "n", .type = MakeType(TypeId::kDate)}, {std::nullopt}}}),
            &letters);
  EXPECT_EQ(letters[0].payload, R"({"id":7,"Name":"x","d":1.50,"n":null})");
  EXPECT_THAT(letters[0].position, HasSubstr(R"("source":"a split")"));
}

TEST(DeadLetters, JsonColumnsHaveOneFormForAllOfTheirValues) {
  const std::vector<Cell> cells = {R"("x")", R"("\ud83d")", "null", R"({"a":1})", std::nullopt};
  std::vector<DeadLetter> letters;
  RecordBatch back = RoundTrip(BatchOf({{Field{.name = "j", .type = MakeType(TypeId::kJson)}, cells}}), &letters);
  EXPECT_EQ(CellsOf(back.column(0)), cells);
  EXPECT_EQ(letters[0].payload, R"({"j":"\"x\""})");
  EXPECT_THAT(letters[0].position, HasSubstr(R"("j":{"type":"json","form":"quoted"})"));
}

TEST(DeadLetters, TextThatIsNoUtf8StandsInHex) {
  std::vector<DeadLetter> letters;
  RecordBatch back =
      RoundTrip(BatchOf({{Field{.name = "t", .type = MakeType(TypeId::kText)}, {"\xff\xfe", "plain"}}}), &letters);
  EXPECT_EQ(letters[0].payload, R"({"t":"fffe"})");
  EXPECT_EQ(back.schema()->fields[0].type, MakeType(TypeId::kBinary));
  EXPECT_THAT(CellsOf(back.column(0)), ElementsAre("fffe", "706c61696e"));
}

TEST(DeadLetters, VariantColumnsOfTheSourceKeepTheirPlace) {
  RecordBatch back = RoundTrip(
      BatchOf({{Field{.name = "at", .type = MakeType(TypeId::kDate)}, {std::nullopt}},
               {Field{.name = "at__v_text", .type = MakeType(TypeId::kText), .variant_of = "at"}, {"infinity"}}}));
  EXPECT_EQ(back.schema()->fields[1].variant_of, "at");
  EXPECT_THAT(CellsOf(back.column(1)), ElementsAre("infinity"));
}

TEST(DeadLetters, TheCursorStandsBesideThem) {
  const RecordBatch batch = BatchOf({{Field{.name = "n", .type = MakeType(TypeId::kInt32)}, {"1", "2", std::nullopt}},
                                     {Field{.name = "t", .type = MakeType(TypeId::kText)}, {"x", "y", "z"}}});
  const std::vector<DeadRow> dead = {DeadRow{.row = 1, .column = "t", .reason = "why"},
                                     DeadRow{.row = 2, .column = "t", .reason = "why"}};
  LetterNotes notes{.masks = {}, .key = {}, .cursor = "n", .cursor_type = std::nullopt};
  RecordBatch letters = WriteDeadLetters(batch, dead, "a split", notes);
  EXPECT_EQ(letters.schema()->fields.back(), (Field{.name = "cursor", .type = MakeType(TypeId::kInt64)}));
  EXPECT_THAT(CellsOf(letters, "cursor"), ElementsAre("2", std::nullopt));
  notes.cursor_type = MakeType(TypeId::kText);  // as a table has it that is there
  EXPECT_THAT(CellsOf(WriteDeadLetters(batch, dead, "a split", notes), "cursor"), ElementsAre("2", std::nullopt));
  notes.cursor_type = MakeType(TypeId::kDate);
  letters = WriteDeadLetters(batch, dead, "a split", notes);
  EXPECT_THAT(CellsOf(letters, "cursor"), ElementsAre(std::nullopt, std::nullopt));
  EXPECT_EQ(letters.num_rows(), 2);
}

TEST(DeadLetters, DamagedOnesAreErrors) {
  DeadLetterOrigin origin;
  origin.schema.fields = {Field{.name = "id", .type = MakeType(TypeId::kInt64)}};
  for (const char* position :
       {"", "[]", "{}", R"({"types":{}})", R"({"types":{"a":1}})", R"({"types":{"a":"nope"}})",
        R"({"types":{"a":{"type":"text"}}})", R"({"types":{"a":{"type":"text","form":"quoted"}}})",
        R"({"types":{"a":{"type":"json","form":"bare"}}})"}) {
    EXPECT_FALSE(ReadOrigin(position)) << position;
  }
  for (const char* payload : {"", "[]", "7", R"({"id":"x"})", R"({"id":[1]})", R"({"other":1})", R"({"id":1)"}) {
    Result<RecordBatch> rows = ReadPayloads({DeadLetter{.id = "letter-7", .payload = payload}}, origin);
    ASSERT_FALSE(rows) << payload;
    EXPECT_THAT(rows.error().message, HasSubstr("letter-7"));
  }
}

TEST(DeadLetters, TableNamesFitTheLimit) {
  EXPECT_EQ(DeadLetterTable("orders", 63), "orders__dead_letters");
  EXPECT_LE(DeadLetterTable(std::string(60, 'a'), 63).size(), 63U);
}

}  // namespace
}  // namespace nilus
