#include "nilus/rows/normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/cast.h"

namespace nilus {
namespace {

using testing::HasSubstr;

Column ColumnOf(const Type& type, const std::vector<std::optional<std::string>>& texts) {
  ColumnBuilder builder(type);
  for (const auto& text : texts) {
    if (!text) {
      builder.AppendNull();
    } else {
      EXPECT_TRUE(AppendParsed(*text, &builder)) << *text;
    }
  }
  return builder.Finish();
}

RecordBatch OneColumn(const std::string& name, const Type& type, const std::vector<std::optional<std::string>>& texts) {
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = name, .type = type}}});
  return RecordBatch(schema, {ColumnOf(type, texts)}, static_cast<int64_t>(texts.size()));
}

std::unique_ptr<TableShape> Shape(const Schema& source, NormalizerOptions options = {}) {
  options.table = "raw.t";
  Result<std::unique_ptr<TableShape>> shape = TableShape::Create(source, std::move(options));
  EXPECT_TRUE(shape) << (shape ? "" : shape.error().message);
  return shape ? *std::move(shape) : nullptr;
}

// The text of casting one value, or the error's message behind "!".
std::string Cast(const Type& from, const std::string& text, const Type& to) {
  if (!IsCastable(from, to)) return "!not castable";
  Result<Column> column = CastColumn(ColumnOf(from, {text}), to);
  return column ? ScalarAt(*column, 0).text : "!" + column.error().message;
}

constexpr Type kBigint = MakeType(TypeId::kInt64);
constexpr Type kDouble = MakeType(TypeId::kFloat64);
constexpr Type kText = MakeType(TypeId::kText);

TEST(Cast, WidensNumbers) {
  EXPECT_EQ(Cast(MakeType(TypeId::kInt16), "-5", kBigint), "-5");
  EXPECT_EQ(Cast(MakeType(TypeId::kInt32), "7", kDouble), "7");
  EXPECT_EQ(Cast(kBigint, "7", MakeDecimal(12, 2)), "7.00");
  EXPECT_EQ(Cast(MakeType(TypeId::kFloat32), "0.5", kDouble), "0.5");
  EXPECT_EQ(Cast(MakeDecimal(12, 2), "-1.25", MakeDecimal(38, 10)), "-1.2500000000");
}

TEST(Cast, NarrowsOnlyWhatStaysExact) {
  EXPECT_EQ(Cast(kDouble, "12", kBigint), "12");
  EXPECT_THAT(Cast(kDouble, "12.5", kBigint), HasSubstr("12.5"));
  EXPECT_EQ(Cast(kDouble, "NaN", kBigint).front(), '!');
  EXPECT_EQ(Cast(kDouble, "-0", kBigint).front(), '!');
  EXPECT_EQ(Cast(kDouble, "9223372036854775808", kBigint).front(), '!');
  EXPECT_EQ(Cast(kDouble, "-9223372036854775808", kBigint), "-9223372036854775808");
  EXPECT_EQ(Cast(kBigint, "9007199254740993", kDouble).front(), '!') << "2^53 + 1 is no double";
  EXPECT_EQ(Cast(kBigint, "9223372036854775807", kDouble).front(), '!');
  EXPECT_EQ(Cast(kBigint, "40000", MakeType(TypeId::kInt16)).front(), '!');
  EXPECT_EQ(Cast(kBigint, "12345", MakeDecimal(6, 2)).front(), '!');
  EXPECT_EQ(Cast(MakeDecimal(10, 4), "1.2500", MakeDecimal(4, 2)), "1.25");
  EXPECT_EQ(Cast(MakeDecimal(10, 4), "1.2501", MakeDecimal(4, 2)).front(), '!');
  EXPECT_EQ(Cast(MakeDecimal(10, 2), "3.00", kBigint), "3");
  EXPECT_EQ(Cast(MakeDecimal(10, 2), "3.01", kBigint).front(), '!');
  EXPECT_EQ(Cast(kDouble, "0.1", MakeType(TypeId::kFloat32)).front(), '!');
}

TEST(Cast, AnythingButBinaryMayBecomeText) {
  EXPECT_EQ(Cast(MakeType(TypeId::kDate), "2024-01-02", kText), "2024-01-02");
  EXPECT_EQ(Cast(MakeType(TypeId::kJson), "{}", kText), "{}");
  EXPECT_EQ(Cast(MakeType(TypeId::kBinary), "00", kText), "!not castable");
  EXPECT_EQ(Cast(kText, "5", kBigint), "!not castable");
  EXPECT_EQ(Cast(MakeType(TypeId::kTimestamp), "2024-01-01T00:00:00Z", MakeType(TypeId::kTimestampNtz)),
            "!not castable");
}

RC_GTEST_PROP(Cast, NumbersComeBackOrAreRefused, (int64_t value)) {
  Type to = *rc::gen::element(MakeType(TypeId::kInt16), MakeType(TypeId::kInt32), kDouble, MakeType(TypeId::kFloat32),
                              MakeDecimal(20, 3));
  Result<Column> there = CastColumn(ColumnOf(kBigint, {std::to_string(value)}), to);
  if (!there) return;
  Result<Column> back = CastColumn(*there, kBigint);
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->Value<int64_t>(0) == value);
}

TEST(Cast, KeepsNulls) {
  Result<Column> column = CastColumn(ColumnOf(MakeType(TypeId::kInt32), {"1", std::nullopt, "3"}), MakeDecimal(10, 1));
  ASSERT_TRUE(column);
  EXPECT_EQ(column->null_count, 1);
  EXPECT_TRUE(column->IsNull(1));
  EXPECT_EQ(ScalarAt(*column, 2).text, "3.0");
}

TEST(Normalizer, RenamesWithoutCopying) {
  RecordBatch batch = OneColumn("UserId", kBigint, {"1", "2"});
  auto shape = Shape(*batch.schema());
  Normalizer normalizer(*shape);
  Result<RecordBatch> result = normalizer.Normalize(batch);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->schema()->fields[0].name, "user_id");
  EXPECT_EQ(result->column(0).values.data(), batch.column(0).values.data());
}

TEST(Normalizer, ExistingColumnsKeepTheirType) {
  Schema destination{{Field{.name = "amount", .type = MakeDecimal(20, 4)}}};
  RecordBatch batch = OneColumn("Amount", MakeType(TypeId::kInt32), {"3", std::nullopt});
  auto shape = Shape(*batch.schema(), {.destination = destination});
  EXPECT_EQ(shape->schema().fields[0].type, MakeDecimal(20, 4));
  Normalizer normalizer(*shape);
  Result<RecordBatch> result = normalizer.Normalize(batch);
  ASSERT_TRUE(result);
  EXPECT_EQ(ScalarAt(result->column(0), 0).text, "3.0000");
  EXPECT_TRUE(result->column(0).IsNull(1));
}

TEST(Normalizer, RefusesTypesThatCannotFitBeforeAnythingIsRead) {
  Schema destination{{Field{.name = "at", .type = MakeType(TypeId::kDate)}}};
  Result<std::unique_ptr<TableShape>> shape =
      TableShape::Create(Schema{{Field{.name = "At", .type = kText}}}, {.destination = destination, .table = "raw.t"});
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().kind, ErrorKind::kData);
  EXPECT_THAT(shape.error().message, HasSubstr("column `at` is text at the source, but date in raw.t"));
  EXPECT_THAT(shape.error().fix, HasSubstr("sql_exclude_columns"));
}

TEST(Normalizer, NamesTheValueThatDoesNotFit) {
  Schema destination{{Field{.name = "n", .type = kBigint}}};
  RecordBatch batch = OneColumn("n", kDouble, {"1", "2.5"});
  auto shape = Shape(*batch.schema(), {.destination = destination});
  Normalizer normalizer(*shape);
  Result<RecordBatch> result = normalizer.Normalize(batch);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kData);
  EXPECT_THAT(result.error().message, HasSubstr("`n`"));
  EXPECT_THAT(result.error().message, HasSubstr("2.5"));
}

TEST(Normalizer, VariantColumnsFollowTheirColumn) {
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "EndsAt", .type = MakeType(TypeId::kTimestamp)}}});
  auto shape = Shape(*schema);
  Normalizer normalizer(*shape);
  BatchBuilder builder(schema);
  builder.AppendVariant(0, "infinity");
  builder.FinishRow();
  Result<RecordBatch> result = normalizer.Normalize(builder.Finish());
  ASSERT_TRUE(result);
  ASSERT_EQ(result->schema()->size(), 2);
  EXPECT_EQ(result->schema()->fields[1].name, "ends_at__v_text");
  EXPECT_EQ(result->schema()->fields[1].variant_of, "ends_at");
  EXPECT_EQ(normalizer.variant_values().at("ends_at"), 1);
  EXPECT_EQ(shape->schema().size(), 2) << "the next writer is opened with it";
}

TEST(Normalizer, DropsExcludedColumns) {
  Schema schema{{Field{.name = "Id", .type = kBigint}, Field{.name = "Secret", .type = kText}}};
  for (const char* name : {"Secret", "secret"}) {
    auto shape = Shape(schema, {.exclude = {name}});
    EXPECT_EQ(shape->schema().size(), 1);
  }
}

TEST(Normalizer, ColumnsThatComeLaterMustNotCollideEither) {
  auto shape = Shape(Schema{});
  Normalizer first(*shape);
  Normalizer second(*shape);
  EXPECT_TRUE(first.Normalize(OneColumn("userName", kText, {"a"})));
  Result<RecordBatch> result = second.Normalize(OneColumn("user_name", kText, {"b"}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(result.error().message, HasSubstr("`userName` and `user_name`"));
  EXPECT_THAT(result.error().fix, HasSubstr("sql_exclude_columns"));
  EXPECT_THAT(result.error().fix, HasSubstr("SCHEMA_NAMING=direct"));
}

TEST(Normalizer, LaterBatchesAreCastToTheFirstType) {
  auto shape = Shape(Schema{});
  Normalizer normalizer(*shape);
  ASSERT_TRUE(normalizer.Normalize(OneColumn("n", kDouble, {"1.5"})));
  Result<RecordBatch> result = normalizer.Normalize(OneColumn("n", kBigint, {"2"}));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->column(0).type, kDouble);
}

}  // namespace
}  // namespace nilus
