#include "nilus/connectors/postgres/wire_values.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

std::vector<uint8_t> Numeric(int weight, uint16_t sign, int display_scale, const std::vector<int>& digits) {
  std::vector<uint8_t> bytes;
  auto put = [&](int v) {
    bytes.push_back(static_cast<uint8_t>(v >> 8));
    bytes.push_back(static_cast<uint8_t>(v));
  };
  put(static_cast<int>(digits.size()));
  put(weight);
  put(sign);
  put(display_scale);
  for (int d : digits) put(d);
  return bytes;
}

std::string Decode(const std::vector<uint8_t>& bytes, int precision, int scale) {
  Int128 value = 0;
  switch (DecodeNumeric(bytes.data(), static_cast<uint32_t>(bytes.size()), precision, scale, &value)) {
    case Decoded::kFits:
      return FormatDecimal(value, scale);
    case Decoded::kMisfit:
      return "misfit " + NumericText(bytes.data(), static_cast<uint32_t>(bytes.size()));
    case Decoded::kMalformed:
      return "malformed";
  }
  return "";
}

TEST(DecodeNumeric, ShortValues) {
  EXPECT_EQ(Decode(Numeric(0, 0, 2, {12, 3400}), 15, 2), "12.34");
  EXPECT_EQ(Decode(Numeric(0, kNumericNegative, 2, {12, 3400}), 15, 2), "-12.34");
  EXPECT_EQ(Decode(Numeric(-1, 0, 2, {400}), 15, 2), "0.04");
  EXPECT_EQ(Decode(Numeric(0, 0, 2, {}), 15, 2), "0.00");
  EXPECT_EQ(Decode(Numeric(1, 0, 0, {1}), 15, 0), "10000");
  EXPECT_EQ(Decode(Numeric(0, 0, 1, {1, 5000}), 15, 9), "1.500000000");
  EXPECT_EQ(Decode(Numeric(0, 0, 4, {1, 2345}), 15, 4), "1.2345");
  EXPECT_EQ(Decode(Numeric(0, 0, 3, {1, 2340}), 15, 3), "1.234");
  EXPECT_EQ(Decode(Numeric(0, 0, 1, {1, 2000}), 15, 1), "1.2");
}

TEST(DecodeNumeric, LongValues) {
  EXPECT_EQ(Decode(Numeric(8, 0, 9, {1234, 5678, 9012, 3456, 7890, 1234, 5678, 9012, 3456, 7890}), 38, 2),
            "misfit 123456789012345678901234567890123456.789000000");
  EXPECT_EQ(Decode(Numeric(8, 0, 0, {99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999}), 38, 0),
            "9999999999999999999999999999999999");
  EXPECT_EQ(Decode(Numeric(9, 0, 0, {99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999}), 38, 0),
            "99999999999999999999999999999999999999");
  EXPECT_EQ(Decode(Numeric(9, 0, 0, {100}), 38, 0), "misfit 1" + std::string(38, '0'));
  EXPECT_EQ(Decode(Numeric(100, 0, 0, {1}), 38, 0), "misfit 1" + std::string(400, '0'));
  EXPECT_EQ(Decode(Numeric(-5, 0, 20, {1}), 38, 9), "misfit 0.00000000000000000001");
}

TEST(DecodeNumeric, MoreDigitsThanTheColumnHas) {
  EXPECT_EQ(Decode(Numeric(0, 0, 3, {12, 3450}), 15, 2), "misfit 12.345");
  EXPECT_EQ(Decode(Numeric(0, 0, 2, {1000}), 5, 2), "misfit 1000.00");
  EXPECT_EQ(Decode(Numeric(0, 0, 2, {999, 9900}), 5, 2), "999.99");
}

TEST(DecodeNumeric, NotANumber) {
  EXPECT_EQ(Decode(Numeric(0, kNumericNan, 0, {}), 15, 2), "misfit NaN");
  EXPECT_EQ(Decode(Numeric(0, kNumericInfinity, 0, {}), 15, 2), "misfit Infinity");
  EXPECT_EQ(Decode(Numeric(0, kNumericMinusInfinity, 0, {}), 15, 2), "misfit -Infinity");
}

TEST(DecodeNumeric, MalformedBytes) {
  EXPECT_EQ(Decode({}, 15, 2), "malformed");
  EXPECT_EQ(Decode(Numeric(0, 0, 2, {10000}), 15, 2), "malformed");
  EXPECT_EQ(Decode(Numeric(0, 0x1234, 2, {1}), 15, 2), "malformed");
  std::vector<uint8_t> bytes = Numeric(0, 0, 2, {12, 3400});
  bytes.pop_back();
  EXPECT_EQ(Decode(bytes, 15, 2), "malformed");
  bytes[0] = 0xFF;
  EXPECT_EQ(Decode(bytes, 15, 2), "malformed");
}

TEST(TimestampText, AsTheServerWritesIt) {
  EXPECT_EQ(TimestampText(std::numeric_limits<int64_t>::max(), true), "infinity");
  EXPECT_EQ(TimestampText(std::numeric_limits<int64_t>::min(), false), "-infinity");
  EXPECT_EQ(TimestampText(9'223'371'331'199'999'999, false), "294276-12-31 23:59:59.999999");
  EXPECT_EQ(TimestampText(9'223'371'331'199'000'000, true), "294276-12-31 23:59:59+00");
  EXPECT_EQ(TimestampText(0, false), "2000-01-01 00:00:00");
  EXPECT_EQ(TimestampText(-211'813'488'000'000'000, false), "4714-11-24 00:00:00 BC");
  EXPECT_EQ(TimestampText(1'100'000, true), "2000-01-01 00:00:01.1+00");
}

}  // namespace
}  // namespace nilus::postgres
