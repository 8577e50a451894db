#include "nilus/connectors/files/column_inference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "nilus/data/scalar.h"

namespace nilus::files {
namespace {

// The type of a CSV column, checked to be the same for every order of the values.
std::string CsvType(std::vector<std::string> values, CellKind kind = CellKind::kPlain) {
  std::sort(values.begin(), values.end());
  std::string type;
  do {
    ColumnInference inference;
    for (const std::string& value : values) inference.Observe(kind, value);
    std::string now = inference.Resolve().ToString();
    EXPECT_TRUE(type.empty() || type == now) << type << " and " << now;
    type = now;
  } while (std::next_permutation(values.begin(), values.end()));
  return type;
}

TEST(ColumnInference, Numbers) {
  EXPECT_EQ(CsvType({"1", "-2", "0"}), "bigint");
  EXPECT_EQ(CsvType({"9223372036854775807", "-9223372036854775808"}), "bigint");
  EXPECT_EQ(CsvType({"9223372036854775808", "1"}), "decimal(19,0)");
  EXPECT_EQ(CsvType({"9007199254740993", "0.5"}), "decimal(17,1)");  // not exact as a double
  EXPECT_EQ(CsvType({"1", "2.5"}), "double");
  EXPECT_EQ(CsvType({"0.1", "1e10", "-1.5E-7"}), "double");
  EXPECT_EQ(CsvType({"0.30000000000000004"}), "double");
  EXPECT_EQ(CsvType({"0.300000000000000041"}), "decimal(19,18)");
  EXPECT_EQ(CsvType({"1.7976931348623157e308", "5e-324"}), "double");
  EXPECT_EQ(CsvType({"12345678901234567890.12", "1"}), "decimal(22,2)");
  EXPECT_EQ(CsvType({std::string(39, '9')}), "text");
  EXPECT_EQ(CsvType({"-0"}), "double");
  EXPECT_EQ(CsvType({".5", "1"}), "double");
}

TEST(ColumnInference, WhatIsNoNumberStaysText) {
  for (const char* value : {"007", "00", "+5", "1e400", "1e-400", "1.", "1,5", " 1", "1 ", "0x10", "1_000", "--1", "1e",
                            "-", "01.5", "٣"}) {
    EXPECT_EQ(CsvType({value, "1"}), "text") << value;
  }
  EXPECT_EQ(CsvType({"-0", "9007199254740993"}), "text");
}

TEST(ColumnInference, NanIsANumberOnlyAmongNumbers) {
  EXPECT_EQ(CsvType({"NaN", "1.5", "-Infinity"}), "double");
  EXPECT_EQ(CsvType({"NaN", "1"}), "double");
  EXPECT_EQ(CsvType({"NaN"}), "text");
  EXPECT_EQ(CsvType({"nan", "1"}), "text");
  EXPECT_EQ(CsvType({"NaN", "9007199254740993"}), "text");
}

TEST(ColumnInference, Booleans) {
  EXPECT_EQ(CsvType({"true", "False", "TRUE"}), "bool");
  EXPECT_EQ(CsvType({"true", "1"}), "text");
  EXPECT_EQ(CsvType({"yes", "no"}), "text");
  EXPECT_EQ(CsvType({"tRue"}), "text");
}

TEST(ColumnInference, DatesAndTimes) {
  EXPECT_EQ(CsvType({"2024-01-02", "1899-12-31"}), "date");
  EXPECT_EQ(CsvType({"01/02/2024"}), "text");
  EXPECT_EQ(CsvType({"2024-13-01"}), "text");
  EXPECT_EQ(CsvType({"2023-02-29"}), "text");
  EXPECT_EQ(CsvType({"2024-1-2"}), "text");
  EXPECT_EQ(CsvType({"2024-01-02T03:04:05", "2024-01-02 03:04:05.5"}), "timestamp_ntz");
  EXPECT_EQ(CsvType({"2024-01-02T03:04:05Z", "2024-01-02 03:04:05+05:30"}), "timestamp");
  EXPECT_EQ(CsvType({"2024-01-02T03:04:05Z", "2024-01-02T03:04:05"}), "text");
  EXPECT_EQ(CsvType({"2024-01-02", "2024-01-02T03:04:05"}), "text");
  EXPECT_EQ(CsvType({"2024-01-02T03:04:05.1234567"}), "text");  // finer than a microsecond
  EXPECT_EQ(CsvType({"2024-01-02T03:04:60"}), "text");
  EXPECT_EQ(CsvType({"2024-01-02T24:00:00"}), "text");
  EXPECT_EQ(CsvType({"10:20:30", "23:59:59.999999"}), "time");
  EXPECT_EQ(CsvType({"10:20"}), "text");
  EXPECT_EQ(CsvType({"20240102"}), "bigint");
  EXPECT_EQ(CsvType({"2024-01-02", "5"}), "text");
}

TEST(ColumnInference, NothingIsText) { EXPECT_EQ(CsvType({}), "text"); }

// Whatever type comes out, every value comes back: as the same text, or as the same number.
TEST(ColumnInference, ValuesComeBack) {
  const std::vector<std::vector<std::string>> columns = {{"1", "9223372036854775807"},
                                                         {"0.1", "1e22", "123456.789"},
                                                         {"12345678901234567890.12", "-7"},
                                                         {"true", "false"},
                                                         {"2024-02-29"},
                                                         {"2024-01-02T03:04:05.000001Z"},
                                                         {"10:20:30.000001"},
                                                         {"007", "x", " "},
                                                         {"NaN", "1.5", "Infinity"}};
  for (const auto& values : columns) {
    ColumnInference inference;
    for (const std::string& value : values) inference.Observe(CellKind::kPlain, value);
    ColumnBuilder builder(inference.Resolve());
    for (const std::string& value : values) ASSERT_TRUE(AppendCell(CellKind::kPlain, value, &builder)) << value;
    Column column = builder.Finish();
    for (size_t i = 0; i < values.size(); ++i) {
      std::string text = ScalarAt(column, static_cast<int64_t>(i)).text;
      if (text == values[i]) continue;
      Int128 before = 0;
      Int128 after = 0;
      EXPECT_TRUE(ParseDecimal(values[i], 38, 10, &before) && ParseDecimal(text, 38, 10, &after) && before == after)
          << values[i] << " → " << text;
    }
  }
}

}  // namespace
}  // namespace nilus::files
