#include "nilus/connectors/postgres/fit.h"

#include <gtest/gtest.h>

#include "nilus/connector/conformance_testing.h"
#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

using conformance::Cell;

LoadColumn Target(Type type, CopyForm form) {
  return LoadColumn{.name = "c", .type = type, .form = form, .is_bounded = true, .sql_type = "?"};
}

Column MakeColumn(Type type, const std::vector<Cell>& cells) {
  std::vector<conformance::Row> rows;
  for (const Cell& cell : cells) rows.push_back({cell});
  return conformance::MakeBatch(conformance::MakeSchema({conformance::MakeField("c", type)}), rows).column(0);
}

Column RawText(const std::vector<std::string>& values) {
  ColumnBuilder builder(MakeType(TypeId::kText));
  for (const std::string& value : values) builder.AppendBytes(value);
  return builder.Finish();
}

std::vector<Cell> Cells(const Column& column) {
  std::vector<Cell> cells;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) {
      cells.emplace_back();
    } else {
      cells.emplace_back(ScalarAt(column, row).text);
    }
  }
  return cells;
}

void ExpectFit(const Column& from, const LoadColumn& to, const std::vector<Cell>& values,
               const std::vector<Cell>& misfits) {
  FittedColumn fitted = FitColumn(from, to);
  EXPECT_EQ(Cells(fitted.column), values);
  if (misfits.empty()) {
    EXPECT_FALSE(fitted.misfits.has_value());
    EXPECT_EQ(fitted.misfit_count, 0);
  } else {
    ASSERT_TRUE(fitted.misfits.has_value());
    EXPECT_EQ(Cells(*fitted.misfits), misfits);
    EXPECT_EQ(fitted.misfit_count,
              std::count_if(misfits.begin(), misfits.end(), [](const Cell& cell) { return cell.has_value(); }));
  }
}

constexpr std::nullopt_t kNull = std::nullopt;

TEST(FitTest, TextThatTheServerRefusesGoesAsHex) {
  LoadColumn text = Target(MakeType(TypeId::kText), CopyForm::kText);
  ExpectFit(RawText({"plain", "", "ü€😀"}), text, {"plain", "", "ü€😀"}, {});
  ExpectFit(RawText({"a", std::string("x\0y", 3), "\xC3", "é"}), text, {"a", kNull, kNull, "é"},
            {kNull, "780079", "c3", kNull});
  // Valid as a whole, but cut inside a character.
  ExpectFit(RawText({"\xC3", "\xA9"}), text, {kNull, kNull}, {"c3", "a9"});
}

TEST(FitTest, VarcharCountsCharacters) {
  LoadColumn varchar = Target(Type{TypeId::kText, 0, 0, 3}, CopyForm::kText);
  ExpectFit(RawText({"abc", "üüü", "abcd"}), varchar, {"abc", "üüü", kNull}, {kNull, kNull, "abcd"});
}

TEST(FitTest, IntegersNarrow) {
  ExpectFit(MakeColumn(MakeType(TypeId::kInt64), {"2147483647", "-2147483648", "2147483648", kNull}),
            Target(MakeType(TypeId::kInt32), CopyForm::kInt4), {"2147483647", "-2147483648", kNull, kNull},
            {kNull, kNull, "2147483648", kNull});
  ExpectFit(MakeColumn(MakeType(TypeId::kInt32), {"5"}), Target(MakeType(TypeId::kInt64), CopyForm::kInt8), {"5"}, {});
}

TEST(FitTest, NumbersChangeTypeOnlyWithoutLoss) {
  ExpectFit(MakeColumn(MakeType(TypeId::kFloat64), {"12", "12.5"}), Target(MakeType(TypeId::kInt64), CopyForm::kInt8),
            {"12", kNull}, {kNull, "12.5"});
  ExpectFit(MakeColumn(MakeType(TypeId::kFloat64), {"0.5", "0.1", "NaN"}),
            Target(MakeType(TypeId::kFloat32), CopyForm::kFloat4), {"0.5", kNull, "NaN"}, {kNull, "0.1", kNull});
  ExpectFit(MakeColumn(MakeDecimal(30, 2), {"1234567890123.45", "1234567890123456789.01"}),
            Target(MakeType(TypeId::kFloat64), CopyForm::kFloat8), {"1234567890123.45", kNull},
            {kNull, "1234567890123456789.01"});
  ExpectFit(MakeColumn(MakeType(TypeId::kText), {"42", "x"}), Target(MakeType(TypeId::kInt64), CopyForm::kInt8),
            {"42", kNull}, {kNull, "x"});
}

TEST(FitTest, DecimalsKeepTheirDigits) {
  // The scale on the wire is the source's; only values that would be rounded or overflow are taken out.
  ExpectFit(MakeColumn(MakeDecimal(20, 4), {"12.3400", "12.3450", "10000.0000", "-9999.9900"}),
            Target(MakeDecimal(6, 2), CopyForm::kNumeric), {"12.3400", kNull, kNull, "-9999.9900"},
            {kNull, "12.3450", "10000.0000", kNull});
}

TEST(FitTest, DatesBeforeTheServersFirst) {
  LoadColumn date = Target(MakeType(TypeId::kDate), CopyForm::kDate);
  ExpectFit(MakeColumn(MakeType(TypeId::kDate), {"2024-02-29", "-4713-11-24"}), date, {"2024-02-29", "-4713-11-24"},
            {});
  ExpectFit(MakeColumn(MakeType(TypeId::kDate), {"2024-02-29", "-4713-11-23"}), date, {"2024-02-29", kNull},
            {kNull, "-4713-11-23"});
  FittedColumn times =
      FitColumn(MakeColumn(MakeType(TypeId::kTimestamp), {"-4714-01-01T00:00:00Z", "2024-01-01T00:00:00Z"}),
                Target(MakeType(TypeId::kTimestamp), CopyForm::kTimestamp));
  EXPECT_EQ(times.misfit_count, 1);
}

TEST(FitTest, JsonAndUuid) {
  LoadColumn jsonb = Target(MakeType(TypeId::kJson), CopyForm::kJsonb);
  ExpectFit(RawText({"{}", "{", "\"\\u0000\""}), jsonb, {"{}", kNull, kNull}, {kNull, "{", "\"\\u0000\""});
  ExpectFit(RawText({R"({"a":1,"b":1})", R"({"a":1,"a":2})", "-0"}), jsonb, {R"({"a":1,"b":1})", kNull, kNull},
            {kNull, R"({"a":1,"a":2})", "-0"});
  LoadColumn uuid = Target(MakeType(TypeId::kText), CopyForm::kUuid);
  ExpectFit(RawText({"123e4567-E89b-12d3-a456-426614174000", "123e4567"}), uuid,
            {"123e4567-E89b-12d3-a456-426614174000", kNull}, {kNull, "123e4567"});
}

TEST(FitTest, EnumsTakeTheirLabels) {
  LoadColumn mood = Target(MakeType(TypeId::kText), CopyForm::kText);
  mood.labels = std::make_shared<std::set<std::string, std::less<>>>(std::set<std::string, std::less<>>{"sad", "it's"});
  ExpectFit(RawText({"sad", "it's", "SAD", ""}), mood, {"sad", "it's", kNull, kNull}, {kNull, kNull, "SAD", ""});
}

TEST(FitTest, DomainsWithACheckTravelAsText) {
  TargetColumn domain{.name = "c", .sql_type = "pos", .type = MakeType(TypeId::kInt32), .form = CopyForm::kInt4};
  EXPECT_FALSE(PlanColumn(MakeType(TypeId::kInt32), domain).needs_cast);
  domain.has_checks = true;
  const LoadColumn plan = PlanColumn(MakeType(TypeId::kInt32), domain);
  EXPECT_TRUE(plan.needs_cast);
  ExpectFit(MakeColumn(MakeType(TypeId::kInt32), {"5", "-5"}), plan, {"5", "-5"}, {});
}

TEST(FitTest, CoarserTimestamps) {
  LoadColumn millis = Target(MakeType(TypeId::kTimestamp), CopyForm::kTimestamp);
  millis.time_unit = 1000;
  FittedColumn fitted = FitColumn(
      MakeColumn(MakeType(TypeId::kTimestamp), {"2024-01-01T00:00:00.123Z", "2024-01-01T00:00:00.123456Z"}), millis);
  EXPECT_EQ(fitted.misfit_count, 1);
  EXPECT_FALSE(fitted.column.IsNull(0));
}

}  // namespace
}  // namespace nilus::postgres
