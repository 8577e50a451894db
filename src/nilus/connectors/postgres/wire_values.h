// Single values of PostgreSQL's binary formats (the *_send functions of the server: numeric.c, date.c, timestamp.c,
// uuid.c). All integers are big-endian.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "nilus/data/builder.h"

namespace nilus::postgres {

inline uint16_t LoadBig16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_bswap16(v);
}
inline uint32_t LoadBig32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_bswap32(v);
}
inline uint64_t LoadBig64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_bswap64(v);
}

// PostgreSQL counts from 2000-01-01, we from 1970-01-01.
inline constexpr int32_t kEpochDays = 10957;
inline constexpr int64_t kEpochMicros = 946'684'800'000'000;

enum class Decoded : uint8_t {
  kFits,
  kMisfit,     // a valid value that the column's type cannot hold: its text goes to the variant column
  kMalformed,  // no value of this format at all
};

inline constexpr int64_t kPowersOfTen[19] = {1,
                                             10,
                                             100,
                                             1'000,
                                             10'000,
                                             100'000,
                                             1'000'000,
                                             10'000'000,
                                             100'000'000,
                                             1'000'000'000,
                                             10'000'000'000,
                                             100'000'000'000,
                                             1'000'000'000'000,
                                             10'000'000'000'000,
                                             100'000'000'000'000,
                                             1'000'000'000'000'000,
                                             10'000'000'000'000'000,
                                             100'000'000'000'000'000,
                                             1'000'000'000'000'000'000};

// numeric: int16 count of base-10000 digits, int16 weight of the first one, uint16 sign, uint16 display scale, digits.
inline constexpr uint16_t kNumericNegative = 0x4000, kNumericNan = 0xC000, kNumericInfinity = 0xD000,
                          kNumericMinusInfinity = 0xF000;

// The general case of DecodeNumeric.
Decoded DecodeLongNumeric(const uint8_t* bytes, uint32_t length, int precision, int scale, Int128* unscaled);

// The value × 10^scale, exactly; kMisfit when it has more digits on either side of the point than decimal(precision,
// scale), or is NaN or infinite.
[[gnu::always_inline]] inline Decoded DecodeNumeric(const uint8_t* bytes, uint32_t length, int precision, int scale,
                                                    Int128* unscaled) {
  if (length < 8) return Decoded::kMalformed;
  uint32_t count = LoadBig16(bytes);
  uint16_t sign = LoadBig16(bytes + 4);
  // Where the last digit stands, in decimal places of the unscaled value.
  int exponent = 4 * (static_cast<int16_t>(LoadBig16(bytes + 2)) - static_cast<int>(count) + 1) + scale;
  bool is_short =
      count - 1 < 4 && length == 8 + 2 * count && exponent >= -3 && exponent <= 18 && (sign & ~kNumericNegative) == 0;
  if (!is_short) {
    if (count == 0 && length == 8 && sign == 0) {
      *unscaled = 0;
      return Decoded::kFits;
    }
    // By way of a variable of its own, so that the caller's can stay in registers: 16 bytes that were stored in two
    // pieces cannot be read in one before they have arrived in the cache.
    Int128 value = 0;
    Decoded decoded = DecodeLongNumeric(bytes, length, precision, scale, &value);
    *unscaled = value;
    return decoded;
  }
  const uint8_t* digit = bytes + 8;
  uint64_t value = 0;
  uint32_t largest = 0;
  for (uint32_t i = 1; i < count; ++i, digit += 2) {
    uint32_t d = LoadBig16(digit);
    largest = d > largest ? d : largest;
    value = value * 10'000 + d;
  }
  uint32_t last = LoadBig16(digit);
  largest = last > largest ? last : largest;
  if (largest > 9'999) return Decoded::kMalformed;
  uint32_t behind_scale = 0;  // decimals of the last digit that must be zero
  Int128 result = 0;
  switch (exponent) {  // divisions by constants are multiplications
    case -3:
      behind_scale = last % 1'000;
      value = value * 10 + last / 1'000;
      result = value;
      break;
    case -2:
      behind_scale = last % 100;
      value = value * 100 + last / 100;
      result = value;
      break;
    case -1:
      behind_scale = last % 10;
      value = value * 1'000 + last / 10;
      result = value;
      break;
    default:
      value = value * 10'000 + last;
      result = static_cast<Int128>(value) * kPowersOfTen[exponent];
  }
  if (behind_scale != 0) return Decoded::kMisfit;
  if (precision <= 18
          ? result >= kPowersOfTen[precision]
          : precision < 36 && result >= static_cast<Int128>(kPowersOfTen[18]) * kPowersOfTen[precision - 18]) {
    return Decoded::kMisfit;
  }
  *unscaled = sign != 0 ? -result : result;
  return Decoded::kFits;
}

// PostgreSQL's own spelling of a well-formed numeric: "NaN", "-Infinity", "12.50".
std::string NumericText(const uint8_t* bytes, uint32_t length);

// PostgreSQL's own spelling (DateStyle ISO, TimeZone UTC) of a timestamp that has no place in our 64 bits: "infinity",
// "-infinity", "294276-12-31 23:59:59.999999", the latter with "+00" for one with zone.
std::string TimestampText(int64_t pg_micros, bool with_zone);

// 36 characters from 16 bytes.
void FormatUuid(const uint8_t* bytes, char* out);

}  // namespace nilus::postgres
