#include "nilus/connectors/sqlite/values.h"

#include <gtest/gtest.h>

#include <random>

#include "nilus/connectors/sqlite/functions.h"
#include "nilus/data/scalar.h"

namespace nilus::sqlite {
namespace {

Value Integer(int64_t value) { return {.storage = SQLITE_INTEGER, .integer = value}; }
Value Real(double value) { return {.storage = SQLITE_FLOAT, .real = value}; }
Value Text(std::string_view value) { return {.storage = SQLITE_TEXT, .bytes = value}; }
Value Blob(std::string_view value) { return {.storage = SQLITE_BLOB, .bytes = value}; }

// The canonical text, or the variant's behind "variant: ".
std::string Read(const Value& value, Type type) {
  ColumnBuilder builder(type);
  if (!AppendExactly(value, &builder)) {
    EXPECT_EQ(builder.length(), 0);
    return "variant: " + VariantText(value);
  }
  std::string text;
  AppendCellText(builder.Finish(), 0, &text);
  return text;
}
std::string Read(const Value& value, TypeId id) { return Read(value, MakeType(id)); }

TEST(ValuesTest, ValuesOfTheColumnsOwnType) {
  EXPECT_EQ(Read(Integer(INT64_MIN), TypeId::kInt64), "-9223372036854775808");
  EXPECT_EQ(Read(Real(0.1), TypeId::kFloat64), "0.1");
  EXPECT_EQ(Read(Text("x"), TypeId::kText), "x");
  EXPECT_EQ(Read(Blob(std::string_view("\0\xff", 2)), TypeId::kBinary), "00ff");
  EXPECT_EQ(Read(Integer(1), TypeId::kBool), "true");
  EXPECT_EQ(Read(Text("12.50"), MakeDecimal(5, 2)), "12.50");
  EXPECT_EQ(Read(Text("{\"a\":1}"), TypeId::kJson), "{\"a\":1}");
}

TEST(ValuesTest, OtherStorageThatLosesNothing) {
  EXPECT_EQ(Read(Real(12), TypeId::kInt64), "12");
  EXPECT_EQ(Read(Integer(1LL << 53), TypeId::kFloat64), "9007199254740992");
  EXPECT_EQ(Read(Integer(1LL << 62), TypeId::kFloat64), "4611686018427387904");
  EXPECT_EQ(Read(Text("NaN"), TypeId::kFloat64), "NaN");
  EXPECT_EQ(Read(Text("true"), TypeId::kBool), "true");
  EXPECT_EQ(Read(Integer(7), MakeDecimal(5, 2)), "7.00");
  EXPECT_EQ(Read(Real(0.1), MakeDecimal(5, 2)), "0.10");
  EXPECT_EQ(Read(Integer(42), TypeId::kText), "42");
  EXPECT_EQ(Read(Integer(42), TypeId::kJson), "42");
  EXPECT_EQ(Read(Text("2024-03-15"), TypeId::kTimestamp), Read(Text("2024-03-15 00:00:00"), TypeId::kTimestamp));
  EXPECT_EQ(Read(Text("2024-03-15T12:00:00+02:00"), TypeId::kTimestamp),
            Read(Text("2024-03-15 10:00:00"), TypeId::kTimestamp));
  EXPECT_EQ(Read(Text("2024-03-15 00:00:00"), TypeId::kDate), "2024-03-15");
}

TEST(ValuesTest, WhatDoesNotFitIsKeptAsText) {
  EXPECT_EQ(Read(Text("12"), TypeId::kInt64), "variant: 12");
  EXPECT_EQ(Read(Real(1.5), TypeId::kInt64), "variant: 1.5");
  EXPECT_EQ(Read(Real(1e300), TypeId::kInt64), "variant: 1e+300");
  EXPECT_EQ(Read(Integer(40'000), TypeId::kInt16), "variant: 40000");
  EXPECT_EQ(Read(Integer((1LL << 53) + 1), TypeId::kFloat64), "variant: 9007199254740993");
  EXPECT_EQ(Read(Integer(INT64_MAX), TypeId::kFloat64), "variant: 9223372036854775807");
  EXPECT_EQ(Read(Real(0.1), TypeId::kFloat32), "variant: 0.1");
  EXPECT_EQ(Read(Integer(2), TypeId::kBool), "variant: 2");
  EXPECT_EQ(Read(Text("1.234"), MakeDecimal(5, 2)), "variant: 1.234");
  EXPECT_EQ(Read(Text("1234567"), MakeDecimal(5, 2)), "variant: 1234567");
  EXPECT_EQ(Read(Blob("\xab"), TypeId::kText), "variant: ab");
  EXPECT_EQ(Read(Text("\xff"), TypeId::kText), "variant: ff");
  EXPECT_EQ(Read(Text("plain"), TypeId::kBinary), "variant: plain");
  EXPECT_EQ(Read(Text("{oops"), TypeId::kJson), "variant: {oops");
  EXPECT_EQ(Read(Integer(1'700'000'000), TypeId::kTimestamp), "variant: 1700000000");
  EXPECT_EQ(Read(Text("2024-03-15 10:00:00Z"), TypeId::kTimestampNtz), "variant: 2024-03-15 10:00:00Z");
  EXPECT_EQ(Read(Text("2024-02-30"), TypeId::kDate), "variant: 2024-02-30");
  EXPECT_EQ(Read(Text("infinity"), TypeId::kTimestamp), "variant: infinity");
}

TEST(DecimalKeyTest, KnowsNumbersFromOtherTexts) {
  std::string key;
  for (const char* text : {"0", "-0.00", "12", "+1.5", "1e10", "-.5", "5.", "1E-3"})
    EXPECT_TRUE(DecimalKey(text, &key)) << text;
  for (const char* text : {"", "-", ".", "x", "1x", "1e", "1e+", "1.2.3", "--1", "NaN", " 1"}) {
    EXPECT_FALSE(DecimalKey(text, &key)) << text;
  }
}

TEST(DecimalKeyTest, SortsLikeTheNumbers) {
  std::mt19937 random(20261121);
  std::vector<std::string> texts = {"0",  "-0",  "0.000", "1",   "1.0",  "10",  "0.1",
                                    "-1", "-10", "-0.1",  "1e3", "1000", "-1e3"};
  for (int i = 0; i < 300; ++i) {
    std::string text = random() % 2 == 0 ? "-" : "";
    const int whole = static_cast<int>(random() % 20);
    for (int d = 0; d < whole; ++d) text += static_cast<char>('0' + random() % 10);
    text += whole == 0 ? "0." : ".";
    for (int d = static_cast<int>(random() % 10) + 1; d > 0; --d) text += static_cast<char>('0' + random() % 10);
    texts.push_back(text);
  }
  for (const std::string& a : texts) {
    for (const std::string& b : texts) {
      std::string key_a;
      std::string key_b;
      ASSERT_TRUE(DecimalKey(a, &key_a) && DecimalKey(b, &key_b));
      const auto expected = CompareScalars({MakeDecimal(38, 12), a}, {MakeDecimal(38, 12), b});
      ASSERT_TRUE(expected) << expected.error().message;
      ASSERT_TRUE((key_a.compare(key_b) <=> 0) == *expected) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace nilus::sqlite
