#include "nilus/rows/coerce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "nilus/rows/column_testing.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Type kBigint = MakeType(TypeId::kInt64);
constexpr Type kDouble = MakeType(TypeId::kFloat64);
constexpr Type kText = MakeType(TypeId::kText);
constexpr Type kJson = MakeType(TypeId::kJson);
constexpr Type kBool = MakeType(TypeId::kBool);
constexpr Type kDate = MakeType(TypeId::kDate);
constexpr Type kTime = MakeType(TypeId::kTime);
constexpr Type kInstant = MakeType(TypeId::kTimestamp);
constexpr Type kWallClock = MakeType(TypeId::kTimestampNtz);
constexpr Type kBinary = MakeType(TypeId::kBinary);

// The text of coercing one value; "!" when it does not fit.
std::string As(const Type& to, const Type& from, const std::string& text, CoerceRule rule) {
  Coerced coerced = Coerce(ColumnOf(from, {text}), to, rule);
  EXPECT_EQ(coerced.column.type, to);
  EXPECT_EQ(coerced.column.IsNull(0), coerced.misfit_count == 1);
  return coerced.misfit_count == 0 ? ScalarAt(coerced.column, 0).text : "!";
}
std::string Exact(const Type& to, const Type& from, const std::string& text) {
  return As(to, from, text, CoerceRule::kExact);
}
std::string Lenient(const Type& to, const Type& from, const std::string& text) {
  return As(to, from, text, CoerceRule::kLenient);
}

TEST(Coerce, WidensNumbers) {
  EXPECT_EQ(Exact(kBigint, MakeType(TypeId::kInt16), "-5"), "-5");
  EXPECT_EQ(Exact(kDouble, MakeType(TypeId::kInt32), "7"), "7");
  EXPECT_EQ(Exact(MakeDecimal(12, 2), kBigint, "7"), "7.00");
  EXPECT_EQ(Exact(kDouble, MakeType(TypeId::kFloat32), "0.5"), "0.5");
  EXPECT_EQ(Exact(MakeDecimal(38, 10), MakeDecimal(12, 2), "-1.25"), "-1.2500000000");
}

TEST(Coerce, NarrowsOnlyWhatStaysExact) {
  EXPECT_EQ(Exact(kBigint, kDouble, "12"), "12");
  EXPECT_EQ(Exact(kBigint, kDouble, "12.5"), "!");
  EXPECT_EQ(Exact(kBigint, kDouble, "NaN"), "!");
  EXPECT_EQ(Exact(kBigint, kDouble, "-0"), "!");
  EXPECT_EQ(Exact(kBigint, kDouble, "9223372036854775808"), "!");
  EXPECT_EQ(Exact(kBigint, kDouble, "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(Exact(kDouble, kBigint, "9007199254740993"), "!") << "2^53 + 1 is no double";
  EXPECT_EQ(Exact(kDouble, kBigint, "9223372036854775807"), "!");
  EXPECT_EQ(Exact(MakeType(TypeId::kInt16), kBigint, "40000"), "!");
  EXPECT_EQ(Exact(MakeDecimal(6, 2), kBigint, "12345"), "!");
  EXPECT_EQ(Exact(MakeDecimal(4, 2), MakeDecimal(10, 4), "1.2500"), "1.25");
  EXPECT_EQ(Exact(MakeDecimal(4, 2), MakeDecimal(10, 4), "1.2501"), "!");
  EXPECT_EQ(Exact(kBigint, MakeDecimal(10, 2), "3.00"), "3");
  EXPECT_EQ(Exact(kBigint, MakeDecimal(10, 2), "3.01"), "!");
  EXPECT_EQ(Exact(MakeType(TypeId::kFloat32), kDouble, "0.1"), "!");
}

TEST(Coerce, ComparesFloatsAndDecimalsByTheirDigits) {
  EXPECT_EQ(Exact(MakeDecimal(10, 2), kDouble, "12.5"), "12.50");
  EXPECT_EQ(Exact(MakeDecimal(10, 2), kDouble, "0.001"), "!");
  EXPECT_EQ(Exact(MakeDecimal(38, 0), kDouble, "1e+22"), "!") << "an exponent says how exact it is";
  EXPECT_EQ(Exact(kDouble, MakeDecimal(10, 2), "12.50"), "12.5");
  EXPECT_EQ(Exact(kDouble, MakeDecimal(30, 20), "0.10000000000000000001"), "!");
}

TEST(Coerce, TextsAreTakenAsTheyAreSpelled) {
  EXPECT_EQ(Exact(kBigint, kText, "42"), "42");
  EXPECT_EQ(Exact(kBigint, kText, "-7"), "-7");
  EXPECT_EQ(Exact(kBigint, kText, "12.0"), "12");
  for (const char* text :
       {"0042", " 42", "42 ", "+42", "4e1", "1_000", "", "-", "-0", "0x10", "99999999999999999999"}) {
    EXPECT_EQ(Exact(kBigint, kText, text), "!") << text;
  }
  EXPECT_EQ(Exact(MakeDecimal(10, 2), kText, "1.5"), "1.50");
  EXPECT_EQ(Exact(MakeDecimal(10, 2), kText, "1.505"), "!");
  EXPECT_EQ(Exact(kDouble, kText, "0.1"), "0.1");
  EXPECT_EQ(Exact(kDouble, kText, "1e+22"), "1e+22");
  EXPECT_EQ(Exact(kDouble, kText, "NaN"), "NaN");
  EXPECT_EQ(Exact(kDouble, kText, "0.10000000000000000001"), "!");
  EXPECT_EQ(Exact(kDouble, kText, "1e999"), "!");
  EXPECT_EQ(Exact(kBool, kText, "true"), "true");
  EXPECT_EQ(Exact(kBool, kText, "TRUE"), "true") << "as inference takes it";
  EXPECT_EQ(Exact(kBool, kText, "False"), "false");
  for (const char* text : {"yes", "tRUE", "t", "1", " true"}) EXPECT_EQ(Exact(kBool, kText, text), "!") << text;
  EXPECT_EQ(Exact(kDate, kText, "2024-02-29"), "2024-02-29");
  EXPECT_EQ(Exact(kDate, kText, "2024-02-30"), "!");
  EXPECT_EQ(Exact(kDate, kText, "0044-03-15 BC"), "!");
  EXPECT_EQ(Exact(kTime, kText, "10:20"), "10:20:00");
  EXPECT_EQ(Exact(kInstant, kText, "2024-01-01T10:00:00+02:00"), "2024-01-01T08:00:00Z");
  EXPECT_EQ(Exact(kInstant, kText, "2024-01-01T10:00:00"), "!") << "no zone";
  EXPECT_EQ(Exact(kWallClock, kText, "2024-01-01 10:00:00"), "2024-01-01T10:00:00");
  EXPECT_EQ(Exact(kWallClock, kText, "2024-01-01T10:00:00Z"), "!");
  EXPECT_EQ(Exact(kInstant, kText, "2016-12-31T23:59:60Z"), "!") << "a leap second is not the next minute";
  EXPECT_EQ(Exact(kTime, kText, "10:00:60"), "!");
  EXPECT_EQ(Exact(kTime, kText, "24:00:00"), "24:00:00");
  EXPECT_EQ(Exact(kJson, kText, R"({"a":[1]})"), R"({"a":[1]})");
  EXPECT_EQ(Exact(kJson, kText, "plain"), "!");
  EXPECT_EQ(Exact(kBinary, kText, "00ff"), "!");
}

TEST(Coerce, HintsReadUsualSpellings) {
  EXPECT_EQ(Lenient(kBigint, kText, " +0042 "), "42");
  EXPECT_EQ(Lenient(kBigint, kText, "1e3"), "1000");
  EXPECT_EQ(Lenient(kBigint, kText, "12.5"), "!");
  EXPECT_EQ(Lenient(MakeDecimal(12, 2), kText, "007.5"), "7.50");
  EXPECT_EQ(Lenient(kDouble, kText, "+1.50"), "1.5");
  EXPECT_EQ(Lenient(kDouble, kText, "0.10000000000000000001"), "!") << "digits would be lost";
  EXPECT_EQ(Lenient(kBool, kText, "Yes"), "true");
  EXPECT_EQ(Lenient(kBool, kBigint, "0"), "false");
  EXPECT_EQ(Lenient(kBool, kBigint, "2"), "!");
  EXPECT_EQ(Lenient(kBigint, kBool, "true"), "1");
  EXPECT_EQ(Lenient(kInstant, kText, "2024-01-01"), "2024-01-01T00:00:00Z");
  EXPECT_EQ(Lenient(kInstant, kText, "2024-01-01 10:00"), "2024-01-01T10:00:00Z");
  EXPECT_EQ(Lenient(kInstant, kText, "2016-12-31T23:59:60Z"), "!");
  EXPECT_EQ(Lenient(kInstant, kBigint, "1700000000"), "!") << "what an epoch counts is not guessed";
  EXPECT_EQ(Lenient(kInstant, kDate, "2024-01-01"), "2024-01-01T00:00:00Z");
  EXPECT_EQ(Lenient(kWallClock, kText, "2024-01-01T10:00:00+02:00"), "2024-01-01T08:00:00");
  EXPECT_EQ(Lenient(kDate, kText, "2024-01-01T00:00:00Z"), "2024-01-01");
  EXPECT_EQ(Lenient(kDate, kText, "2024-01-01T01:00:00Z"), "!");
  EXPECT_EQ(Lenient(kDate, kInstant, "2024-01-01T00:00:00Z"), "2024-01-01");
  EXPECT_EQ(Lenient(kText, kBinary, "00ff"), "00ff");
  EXPECT_EQ(Lenient(kBinary, kText, "00ff"), "00ff");
  EXPECT_EQ(Lenient(kBigint, kJson, "42"), "42");
  EXPECT_EQ(Lenient(kDate, kJson, "\"2024-01-01\""), "2024-01-01");
  EXPECT_EQ(Lenient(kBigint, kJson, "[42]"), "!");
}

TEST(Coerce, DatesAndWallClocksAreMidnights) {
  EXPECT_EQ(Exact(kWallClock, kDate, "2024-01-02"), "2024-01-02T00:00:00");
  EXPECT_EQ(Exact(kDate, kWallClock, "2024-01-02T00:00:00"), "2024-01-02");
  EXPECT_EQ(Exact(kDate, kWallClock, "2024-01-02T00:00:01"), "!");
  EXPECT_EQ(Exact(kInstant, kWallClock, "2024-01-02T00:00:00"), "!") << "where it was is not known";
  EXPECT_EQ(Exact(kWallClock, kDate, "+999999-01-01"), "!") << "beyond 64 bits of microseconds";
}

TEST(Coerce, AnythingButBinaryIsAText) {
  EXPECT_EQ(Exact(kText, kDate, "2024-01-02"), "2024-01-02");
  EXPECT_EQ(Exact(kText, kJson, "{}"), "{}");
  EXPECT_EQ(Exact(kText, MakeDecimal(4, 2), "1.50"), "1.50");
  EXPECT_EQ(Exact(kText, kBinary, "00"), "!");
  EXPECT_EQ(Exact(kJson, kBigint, "5"), "5");
  EXPECT_EQ(Exact(kJson, kDouble, "NaN"), "!");
  EXPECT_EQ(Exact(kJson, kDate, "2024-01-02"), "!");
}

TEST(Coerce, JsonGoesByWhatEachValueIs) {
  EXPECT_EQ(Exact(kText, kJson, R"("Ann")"), "Ann");
  EXPECT_EQ(Exact(kText, kJson, R"( "a\"\u00fc\n" )"), "a\"ü\n");
  EXPECT_EQ(Lenient(kText, kJson, R"("Ann")"), "Ann");
  EXPECT_EQ(Exact(kText, kJson, "1.50"), "1.50");
  EXPECT_EQ(Exact(kText, kJson, R"({"f":"x"})"), R"({"f":"x"})");
  EXPECT_EQ(Exact(kText, kJson, R"("half)"), R"("half)") << "no JSON: as it stands";
  EXPECT_EQ(Exact(kBigint, kJson, R"("42")"), "42");
  EXPECT_EQ(Exact(kBigint, kJson, R"("\u0034\u0032")"), "42");
  EXPECT_EQ(Exact(kBigint, kJson, "1e3"), "1000") << "as in a column of numbers";
  EXPECT_EQ(Exact(kBigint, kJson, R"("1e3")"), "!");
  EXPECT_EQ(Exact(kBigint, kJson, "null"), "!");
  EXPECT_EQ(Exact(kBool, kJson, "true"), "true");
  EXPECT_EQ(Exact(kDouble, kJson, "-0.0"), "-0");
  EXPECT_EQ(Exact(MakeDecimal(30, 2), kJson, "12345678901234567890.5"), "12345678901234567890.50");
  Coerced mixed = Coerce(ColumnOf(kJson, {R"("x")", "7", std::nullopt, R"({"f":1})", R"("8")", "true"}), kBigint,
                         CoerceRule::kExact);
  EXPECT_THAT(CellsOf(mixed.column), ElementsAre(std::nullopt, "7", std::nullopt, std::nullopt, "8", std::nullopt));
  EXPECT_THAT(mixed.misfits, ElementsAre(1, 0, 0, 1, 0, 1));
  EXPECT_EQ(mixed.misfit_count, 3);
  EXPECT_EQ(Coerce(ColumnOf(kJson, {std::nullopt}), kBigint, CoerceRule::kExact).misfit_count, 0);
}

TEST(Coerce, MixedColumnsKeepNullsApartFromMisfits) {
  Coerced coerced = Coerce(ColumnOf(kText, {"1", std::nullopt, "x", "3"}), kBigint, CoerceRule::kExact);
  EXPECT_THAT(CellsOf(coerced.column), ElementsAre("1", std::nullopt, std::nullopt, "3"));
  EXPECT_THAT(coerced.misfits, ElementsAre(0, 0, 1, 0));
  EXPECT_EQ(coerced.misfit_count, 1);
}

TEST(Coerce, ColumnsOfOneLayoutAreShared) {
  Column column = ColumnOf(MakeDecimal(10, 2), {"1.00"});
  Coerced coerced = Coerce(column, MakeDecimal(20, 2), CoerceRule::kExact);
  EXPECT_EQ(coerced.column.values.data(), column.values.data());
  EXPECT_THAT(coerced.misfits, IsEmpty());
}

TEST(Coerce, RowsAreKeptAndOverlaid) {
  Column column = ColumnOf(kText, {"a", "b", std::nullopt});
  EXPECT_THAT(CellsOf(KeepRows(column, {1, 0, 1}, true)), ElementsAre("a", std::nullopt, std::nullopt));
  EXPECT_THAT(CellsOf(KeepRows(column, {1, 0, 1}, false)), ElementsAre(std::nullopt, "b", std::nullopt));
  EXPECT_THAT(CellsOf(Overlay(column, ColumnOf(kText, {"x", "y", "z"}))), ElementsAre("a", "b", "z"));
}

RC_GTEST_PROP(Coerce, NumbersComeBackOrAreRefused, (int64_t value)) {
  Type to = *rc::gen::element(MakeType(TypeId::kInt16), MakeType(TypeId::kInt32), kDouble, MakeType(TypeId::kFloat32),
                              MakeDecimal(20, 3), kText, kJson);
  Coerced there = Coerce(ColumnOf(kBigint, {std::to_string(value)}), to, CoerceRule::kExact);
  if (there.misfit_count > 0) return;
  Coerced back = Coerce(there.column, kBigint, CoerceRule::kExact);
  RC_ASSERT(back.misfit_count == 0);
  RC_ASSERT(back.column.Value<int64_t>(0) == value);
}

RC_GTEST_PROP(Coerce, DoublesComeBackFromDecimalsAndTexts, (int32_t units)) {
  const double value = units / 100.0;
  ColumnBuilder builder(kDouble);
  builder.Append<double>(value);
  Column column = builder.Finish();
  for (const Type& to : {MakeDecimal(20, 4), kText}) {
    Coerced there = Coerce(column, to, CoerceRule::kExact);
    RC_ASSERT(there.misfit_count == 0);
    Coerced back = Coerce(there.column, kDouble, CoerceRule::kExact);
    RC_ASSERT(back.misfit_count == 0);
    RC_ASSERT(back.column.Value<double>(0) == value);
  }
}

}  // namespace
}  // namespace nilus
