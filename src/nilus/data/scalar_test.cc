#include "nilus/data/scalar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace nilus {
namespace {

using testing::HasSubstr;

// The canonical text of what `text` reads as, or the error's message behind "!".
std::string RoundTrip(const Type& type, std::string_view text) {
  ColumnBuilder builder(type);
  if (Status status = AppendParsed(text, &builder); !status) return "!" + status.error().message;
  return ScalarAt(builder.Finish(), 0).text;
}

template <typename T>
Column OneValue(const Type& type, T value) {
  ColumnBuilder builder(type);
  builder.Append<T>(value);
  return builder.Finish();
}

// Writing a value and reading its text gives the same bits.
template <typename T>
void ExpectExact(const Type& type, T value) {
  std::string text = ScalarAt(OneValue(type, value), 0).text;
  ColumnBuilder builder(type);
  Status status = AppendParsed(text, &builder);
  ASSERT_TRUE(status) << text << ": " << status.error().message;
  Column column = builder.Finish();
  T back = column.Value<T>(0);
  using Bits = std::array<uint8_t, sizeof(T)>;
  EXPECT_EQ(std::bit_cast<Bits>(back), std::bit_cast<Bits>(value)) << text;
}

TEST(Decimal, FormatsAllDigitsOfTheScale) {
  EXPECT_EQ(FormatDecimal(0, 0), "0");
  EXPECT_EQ(FormatDecimal(0, 2), "0.00");
  EXPECT_EQ(FormatDecimal(-1250, 2), "-12.50");
  EXPECT_EQ(FormatDecimal(5, 3), "0.005");
  EXPECT_EQ(FormatDecimal(-5, 1), "-0.5");
}

TEST(Decimal, HoldsThirtyEightDigits) {
  const std::string nines(38, '9');
  for (const char* minus : {"", "-"}) {
    const std::string sign(minus);
    Int128 value = 0;
    ASSERT_TRUE(ParseDecimal(sign + nines, 38, 0, &value));
    EXPECT_EQ(FormatDecimal(value, 0), sign + nines);
    ASSERT_TRUE(ParseDecimal(sign + "0." + nines, 38, 38, &value));
    EXPECT_EQ(FormatDecimal(value, 38), sign + "0." + nines);
  }
  Int128 value = 0;
  EXPECT_FALSE(ParseDecimal(nines + "9", 38, 0, &value));
  EXPECT_FALSE(ParseDecimal("0." + nines + "9", 38, 38, &value));
}

TEST(Decimal, ReadsExponentsAndSpaces) {
  EXPECT_EQ(RoundTrip(MakeDecimal(10, 2), " 1.5e2 "), "150.00");
  EXPECT_EQ(RoundTrip(MakeDecimal(10, 2), "+125E-2"), "1.25");
  EXPECT_EQ(RoundTrip(MakeDecimal(10, 2), ".5"), "0.50");
  EXPECT_EQ(RoundTrip(MakeDecimal(10, 2), "5."), "5.00");
  EXPECT_EQ(RoundTrip(MakeDecimal(10, 2), "0e999999999999999999999"), "0.00");
  EXPECT_EQ(RoundTrip(MakeDecimal(10, 2), "-0.00"), "0.00");
  EXPECT_EQ(RoundTrip(MakeDecimal(3, 2),
                      "0000000000000000000000000000000000000000000009.990000000000000000000000000000000000000000"),
            "9.99");
}

TEST(Decimal, RefusesWhatWouldLoseDigits) {
  Int128 value = 0;
  for (std::string_view text : {"1.234",
                                "1e-3",
                                "100000000",
                                "1e9",
                                "",
                                " ",
                                ".",
                                "-",
                                "e5",
                                "1e",
                                "1e+",
                                "1e+-2",
                                "1e 2",
                                "NaN",
                                "inf",
                                "1,5",
                                "1_000",
                                "0x10",
                                "--1",
                                "1 2",
                                "1e99999999999999999999",
                                "1e-99999999999999999999"}) {
    EXPECT_FALSE(ParseDecimal(text, 10, 2, &value)) << text;
  }
}

RC_GTEST_PROP(Decimal, RoundTripsAnyValue, (uint64_t high, uint64_t low)) {
  int precision = *rc::gen::inRange(1, 39);
  int scale = *rc::gen::inRange(0, precision + 1);
  Int128 bound = 1;
  for (int i = 0; i < precision; ++i) bound *= 10;
  Int128 value = static_cast<Int128>((static_cast<unsigned __int128>(high) << 64) | low) % bound;
  Int128 back = 0;
  RC_ASSERT(ParseDecimal(FormatDecimal(value, scale), precision, scale, &back));
  RC_ASSERT(back == value);
}

TEST(Dates, KnowsItsEdges) {
  auto text = [](int32_t days) {
    std::string out;
    AppendDate(days, &out);
    return out;
  };
  EXPECT_EQ(text(0), "1970-01-01");
  EXPECT_EQ(text(-1), "1969-12-31");
  EXPECT_EQ(text(11016), "2000-02-29");
  EXPECT_EQ(text(-719528), "0000-01-01");
  EXPECT_EQ(text(-719529), "-0001-12-31");
  EXPECT_EQ(text(2932896), "9999-12-31");
  EXPECT_EQ(text(2932897), "+10000-01-01");
  EXPECT_EQ(text(std::numeric_limits<int32_t>::max()), "+5881580-07-11");
  EXPECT_EQ(text(std::numeric_limits<int32_t>::min()), "-5877641-06-23");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kDate), "0044-03-15 BC"), "-0043-03-15");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kDate), "0001-12-31 BC"), "0000-12-31");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kDate), " 2024-02-29 "), "2024-02-29");
}

TEST(Dates, RefusesWhatIsNone) {
  int32_t days = 0;
  for (std::string_view text : {"", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-04-31",
                                "24-01-01", "2024-1-1", "2024-01-01x", "2024-01-01T00:00", "9999999-01-01",
                                "+5881580-07-12", "0000-01-01 BC", "-0001-01-01 BC", "infinity", "12345678901-01-01"}) {
    EXPECT_FALSE(ParseDate(text, &days)) << text;
  }
}

RC_GTEST_PROP(Dates, RoundTripAnyDay, (int32_t days)) { ExpectExact(MakeType(TypeId::kDate), days); }

TEST(Dates, FollowTheCalendarDayByDay) {  // 800 years around the epoch: every day is the one before it plus one
  int year = 1600;
  int month = 1;
  int day = 1;
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (int32_t days = -135140; days < 157054; ++days) {
    std::string text;
    AppendDate(days, &text);
    ASSERT_EQ(text, fmt::format("{:04}-{:02}-{:02}", year, month, day));
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (++day > kDays[month - 1] + (month == 2 && leap ? 1 : 0)) {
      day = 1;
      if (++month > 12) {
        month = 1;
        ++year;
      }
    }
  }
}

TEST(Times, KnowTheirEdges) {
  const Type time = MakeType(TypeId::kTime);
  EXPECT_EQ(RoundTrip(time, "00:00"), "00:00:00");
  EXPECT_EQ(RoundTrip(time, "24:00:00"), "24:00:00");
  EXPECT_EQ(RoundTrip(time, "10:20:30.1"), "10:20:30.100000");
  EXPECT_EQ(RoundTrip(time, "10:20:30.123456000"), "10:20:30.123456");
  for (std::string_view text : {"", "24:00:00.000001", "24:01", "25:00", "10:60", "10:20:60", "23:59:60", "1:2:3",
                                "10:20:30.", "10:20:30.1234567", "10:20:30Z", "10"}) {
    EXPECT_EQ(RoundTrip(time, text).front(), '!') << text;
  }
}

TEST(Timestamps, AreReadAsPeopleWriteThem) {
  const Type instant = MakeType(TypeId::kTimestamp);
  EXPECT_EQ(RoundTrip(instant, "2024-03-15T10:20:30Z"), "2024-03-15T10:20:30Z");
  EXPECT_EQ(RoundTrip(instant, "2024-03-15 10:20:30.5"), "2024-03-15T10:20:30.500000Z");
  EXPECT_EQ(RoundTrip(instant, "2024-03-15"), "2024-03-15T00:00:00Z");
  EXPECT_EQ(RoundTrip(instant, "2024-03-15 10:20:30+02"), "2024-03-15T08:20:30Z");
  EXPECT_EQ(RoundTrip(instant, "2024-03-15 10:20:30 -0530"), "2024-03-15T15:50:30Z");
  EXPECT_EQ(RoundTrip(instant, "2024-03-15T00:00:00+00:19:32"), "2024-03-14T23:40:28Z");
  EXPECT_EQ(RoundTrip(instant, "2024-12-31T24:00:00Z"), "2025-01-01T00:00:00Z");
  for (std::string_view leap : {"2016-12-31T23:59:60Z", "2016-12-31 23:59:60.5", "2016-06-30T12:00:60+02:00"})
    EXPECT_EQ(RoundTrip(instant, leap).front(), '!') << leap << " is no second of the next minute";
  EXPECT_EQ(RoundTrip(instant, "0044-03-15 12:00:00 BC"), "-0043-03-15T12:00:00Z");
  EXPECT_EQ(RoundTrip(instant, "1969-12-31T23:59:59.999999Z"), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(RoundTrip(instant, "+20000-01-01T00:00:00Z"), "+20000-01-01T00:00:00Z");
}

TEST(Timestamps, ReachTheEndsOfTheirRange) {
  for (int64_t value :
       {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), int64_t{0}, int64_t{-1}}) {
    ExpectExact(MakeType(TypeId::kTimestamp), value);
    ExpectExact(MakeType(TypeId::kTimestampNtz), value);
  }
  EXPECT_THAT(RoundTrip(MakeType(TypeId::kTimestamp), "+294247-01-10T04:00:54.775808Z"), HasSubstr("is no timestamp"));
}

TEST(Timestamps, WallClockReadingsHaveNoZone) {
  const Type ntz = MakeType(TypeId::kTimestampNtz);
  EXPECT_EQ(RoundTrip(ntz, "2024-03-15T10:20:30"), "2024-03-15T10:20:30");
  EXPECT_THAT(RoundTrip(ntz, "2024-03-15T10:20:30Z"), HasSubstr("is no timestamp_ntz"));
}

RC_GTEST_PROP(Timestamps, RoundTripAnyMicrosecond, (int64_t micros)) {
  ExpectExact(MakeType(TypeId::kTimestamp), micros);
  ExpectExact(MakeType(TypeId::kTimestampNtz), micros);
}

TEST(Numbers, RoundTripTheirEdges) {
  ExpectExact(MakeType(TypeId::kInt16), std::numeric_limits<int16_t>::min());
  ExpectExact(MakeType(TypeId::kInt32), std::numeric_limits<int32_t>::max());
  ExpectExact(MakeType(TypeId::kInt64), std::numeric_limits<int64_t>::min());
  ExpectExact(MakeType(TypeId::kFloat64), -0.0);
  ExpectExact(MakeType(TypeId::kFloat64), std::numeric_limits<double>::denorm_min());
  ExpectExact(MakeType(TypeId::kFloat64), std::numeric_limits<double>::infinity());
  ExpectExact(MakeType(TypeId::kFloat32), std::numeric_limits<float>::max());
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kFloat64), "nan"), "NaN");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kFloat64), "-infinity"), "-Infinity");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kFloat32), "0.1"), "0.1");
}

TEST(Numbers, AreNeverCutOff) {
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kInt64), " 42 "), "42");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kInt64), "12.0"), "12");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kInt64), "1e3"), "1000");
  for (std::string_view text : {"12.5", "9223372036854775808", "", "x", "1 2", "+-1", "0x1"}) {
    EXPECT_EQ(RoundTrip(MakeType(TypeId::kInt64), text).front(), '!') << text;
  }
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kInt16), "32768").front(), '!');
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kFloat64), "1e400").front(), '!');
}

RC_GTEST_PROP(Numbers, AnyDoubleRoundTrips, (uint64_t bits)) {
  auto value = std::bit_cast<double>(bits);
  RC_PRE(!std::isnan(value));
  ExpectExact(MakeType(TypeId::kFloat64), value);
}

TEST(Texts, StayAsTheyAre) {
  const std::string odd("a\0b\xff ", 5);
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kText), odd), odd);
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kJson), "{\"a\": 1}"), "{\"a\": 1}");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kBinary), "00FF7f"), "00ff7f");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kBinary), "\\xdead"), "dead");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kBinary), "abc").front(), '!');
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kBinary), "zz").front(), '!');
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kBool), "T"), "true");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kBool), "off"), "false");
  EXPECT_EQ(RoundTrip(MakeType(TypeId::kBool), "maybe").front(), '!');
}

TEST(Errors, ShowLongTextsShortened) {
  std::string message = RoundTrip(MakeType(TypeId::kInt64), std::string(100000, 'x'));
  EXPECT_LT(message.size(), 200U);
  EXPECT_THAT(message, HasSubstr("(100000 bytes)"));
}

int Compare(const Type& type, const std::string& a, const std::string& b) {
  Result<std::strong_ordering> order = CompareScalars(Scalar{type, a}, Scalar{type, b});
  EXPECT_TRUE(order) << a << " " << b;
  return order && *order < 0 ? -1 : order && *order > 0 ? 1 : 0;
}

TEST(Order, IsNumericChronologicalOrByBytes) {
  EXPECT_EQ(Compare(MakeType(TypeId::kInt64), "9", "10"), -1);
  EXPECT_EQ(Compare(MakeDecimal(38, 2), "-9.99", "-10"), 1);
  EXPECT_EQ(Compare(MakeType(TypeId::kDate), "-0043-03-15", "0001-01-01"), -1);
  EXPECT_EQ(Compare(MakeType(TypeId::kTimestamp), "2024-01-01T01:00:00+01", "2024-01-01T00:00:00Z"), 0);
  EXPECT_EQ(Compare(MakeType(TypeId::kText), "Z", "a"), -1);
  EXPECT_EQ(Compare(MakeType(TypeId::kText), "\x7f", "\xc3\xa9"), -1);
  EXPECT_EQ(Compare(MakeType(TypeId::kFloat64), "NaN", "Infinity"), 1);
  EXPECT_EQ(Compare(MakeType(TypeId::kFloat64), "NaN", "NaN"), 0);
  EXPECT_EQ(Compare(MakeType(TypeId::kFloat64), "-0", "0"), 0);
  EXPECT_EQ(Compare(MakeType(TypeId::kBool), "false", "true"), -1);
  EXPECT_FALSE(CompareScalars(Scalar{MakeType(TypeId::kInt64), "x"}, Scalar{MakeType(TypeId::kInt64), "1"}));
}

RC_GTEST_PROP(Order, DecimalsOfDifferentScalesCompareByValue, (int32_t a, int32_t b)) {
  int shift = *rc::gen::inRange(0, 10);
  Int128 unit = 1;
  for (int i = 0; i < shift; ++i) unit *= 10;
  Column left = OneValue<Int128>(MakeDecimal(38, 2), a);
  Column right = OneValue<Int128>(MakeDecimal(38, 2 + shift), b * unit);
  RC_ASSERT(CompareCells(left, 0, right, 0) == (a <=> b));
}

}  // namespace
}  // namespace nilus
