#include "nilus/cli/row_output.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "nilus/cli/display.h"
#include "nilus/data/builder.h"

namespace nilus::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SchemaPtr MakeSchema(std::vector<Field> fields) { return std::make_shared<Schema>(Schema{std::move(fields)}); }

// Rows of one text column; nullopt is NULL.
RecordBatch Texts(const SchemaPtr& schema, const std::vector<std::optional<std::string>>& values) {
  BatchBuilder builder(schema);
  for (const auto& value : values) {
    if (value) {
      builder.column(0).AppendBytes(*value);
    } else {
      builder.column(0).AppendNull();
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

std::string Render(RowFormat format, const SchemaPtr& schema, const std::vector<RecordBatch>& batches,
                   bool to_terminal = false, int columns = 120) {
  StringOutput out;
  auto rows = MakeRowOutput(schema, {.format = format, .to_terminal = to_terminal, .columns = columns}, out);
  for (const RecordBatch& batch : batches) rows->Write(batch);
  rows->Finish();
  return out.text();
}

const SchemaPtr kOneText = MakeSchema({{"t", MakeType(TypeId::kText)}});

TEST(RowOutput, NullAndEmptyTextDifferInEveryFormat) {
  RecordBatch batch = Texts(kOneText, {std::nullopt, "", "NULL", "x"});
  EXPECT_EQ(Render(RowFormat::kTable, kOneText, {batch}), "t\n------\nNULL\n\n\"NULL\"\nx\n(4 rows)\n");
  EXPECT_EQ(Render(RowFormat::kJsonLines, kOneText, {batch}),
            "{\"t\":null}\n{\"t\":\"\"}\n{\"t\":\"NULL\"}\n{\"t\":\"x\"}\n");
  EXPECT_EQ(Render(RowFormat::kCsv, kOneText, {batch}), "t\n\n\"\"\nNULL\nx\n");
}

TEST(RowOutput, CsvQuotesWhatNeedsIt) {
  RecordBatch batch = Texts(kOneText, {"a,b", "say \"hi\"", "two\nlines", "plain"});
  EXPECT_EQ(Render(RowFormat::kCsv, kOneText, {batch}), "t\n\"a,b\"\n\"say \"\"hi\"\"\"\n\"two\nlines\"\nplain\n");
}

TEST(RowOutput, ControlCharactersNeverReachATerminal) {
  RecordBatch batch = Texts(kOneText, {"\x1b]0;title\x07 \xC2\x9B"});
  for (RowFormat format : {RowFormat::kTable, RowFormat::kJsonLines, RowFormat::kCsv}) {
    std::string text = Render(format, kOneText, {batch}, /*to_terminal=*/true);
    EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << text;
    EXPECT_THAT(text, Not(HasSubstr("\x07"))) << text;
    EXPECT_THAT(text, Not(HasSubstr("\x9b"))) << text;
  }
  EXPECT_THAT(Render(RowFormat::kTable, kOneText, {batch}), Not(HasSubstr("\x1b")))
      << "tables are for people: always escaped";
  EXPECT_THAT(Render(RowFormat::kCsv, kOneText, {batch}), HasSubstr("\x1b]0;title\x07")) << "files get the bytes";
}

TEST(RowOutput, JsonKeepsDigitsAndStaysOneLine) {
  SchemaPtr schema = MakeSchema({{"i", MakeType(TypeId::kInt64)},
                                 {"d", MakeDecimal(38, 2)},
                                 {"f", MakeType(TypeId::kFloat64)},
                                 {"b", MakeType(TypeId::kBool)},
                                 {"j", MakeType(TypeId::kJson)}});
  BatchBuilder builder(schema);
  auto row = [&](Int128 decimal, double number, std::string_view json) {
    builder.column(0).Append<int64_t>(INT64_MAX);
    builder.column(1).Append<Int128>(decimal);
    builder.column(2).Append<double>(number);
    builder.column(3).AppendBool(true);
    builder.column(4).AppendBytes(json);
    builder.FinishRow();
  };
  row(Int128{1234567890123456789} * 1000, 0.1, "{\"a\":\n [1, 2]}");
  row(-5, std::numeric_limits<double>::quiet_NaN(), "{broken");
  std::string text = Render(RowFormat::kJsonLines, schema, {builder.Finish()});
  EXPECT_THAT(
      text,
      HasSubstr(
          "{\"i\":9223372036854775807,\"d\":12345678901234567890.00,\"f\":0.1,\"b\":true,\"j\":{\"a\":  [1, 2]}}\n"));
  EXPECT_THAT(text, HasSubstr("\"d\":-0.05,\"f\":\"NaN\""));
  EXPECT_THAT(text, HasSubstr("\"j\":\"{broken\"}\n")) << "what is no JSON stays text";
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST(RowOutput, VariantsTakeThePlaceOfTheirNull) {
  SchemaPtr schema = MakeSchema({{"n", MakeType(TypeId::kInt64)}});
  BatchBuilder builder(schema);
  builder.column(0).Append<int64_t>(1);
  builder.FinishRow();
  RecordBatch plain = builder.Finish();
  builder.AppendVariant(0, "infinity");
  builder.FinishRow();
  RecordBatch with_variant = builder.Finish();
  ASSERT_EQ(with_variant.schema()->size(), 2);
  EXPECT_EQ(Render(RowFormat::kCsv, schema, {plain, with_variant}), "n\n1\ninfinity\n");
}

TEST(RowOutput, TablesFitAndCut) {
  SchemaPtr schema = MakeSchema({{"id", MakeType(TypeId::kInt64)}, {"long_text", MakeType(TypeId::kText)}});
  BatchBuilder builder(schema);
  for (int64_t i : {1, 1000}) {
    builder.column(0).Append<int64_t>(i);
    builder.column(1).AppendBytes(std::string(5000, 'x'));
    builder.FinishRow();
  }
  std::string text = Render(RowFormat::kTable, schema, {builder.Finish()}, true, 40);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(DisplayWidth(line), 40) << line;
  EXPECT_THAT(text, HasSubstr("   1 | xxxx"));
  EXPECT_THAT(text, HasSubstr("…"));
}

TEST(RowOutput, ATableOfManyRowsKeepsItsFirstWidths) {
  StringOutput out;
  auto rows = MakeRowOutput(kOneText, {.format = RowFormat::kTable}, out);
  std::vector<std::optional<std::string>> values(1500, "abc");
  rows->Write(Texts(kOneText, values));
  EXPECT_FALSE(out.text().empty()) << "rows are not held back until the end";
  rows->Write(Texts(kOneText, {"much longer"}));
  rows->Finish();
  EXPECT_THAT(out.text(), HasSubstr("\nmu…\n(1,501 rows)\n"));
}

TEST(RowOutput, NoRowsStillShowTheColumns) {
  EXPECT_EQ(Render(RowFormat::kTable, kOneText, {}), "t\n-\n(0 rows)\n");
  EXPECT_EQ(Render(RowFormat::kCsv, kOneText, {}), "t\n");
  EXPECT_EQ(Render(RowFormat::kJsonLines, kOneText, {}), "");
}

TEST(RowOutput, ColumnsAreMatchedByName) {
  SchemaPtr wanted = MakeSchema({{"a", MakeType(TypeId::kInt64)}, {"b", MakeType(TypeId::kText)}});
  SchemaPtr other = MakeSchema({{"b", MakeType(TypeId::kText)}, {"a", MakeType(TypeId::kInt64)}});
  BatchBuilder builder(other);
  builder.column(0).AppendBytes("text");
  builder.column(1).Append<int64_t>(7);
  builder.FinishRow();
  EXPECT_EQ(Render(RowFormat::kCsv, wanted, {builder.Finish()}), "a,b\n7,text\n");
}

}  // namespace
}  // namespace nilus::cli
