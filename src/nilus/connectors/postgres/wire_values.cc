#include "nilus/connectors/postgres/wire_values.h"

#include <fmt/format.h>

#include <limits>

#include "nilus/data/decimal.h"

namespace nilus::postgres {
namespace {

using Unsigned128 = unsigned __int128;

}  // namespace

Decoded DecodeLongNumeric(const uint8_t* bytes, uint32_t length, int precision, int scale, Int128* unscaled) {
  uint32_t count = LoadBig16(bytes);
  uint16_t sign = LoadBig16(bytes + 4);
  if (length != 8 + 2 * count) return Decoded::kMalformed;
  if (sign == kNumericNan || sign == kNumericInfinity || sign == kNumericMinusInfinity) {
    return count == 0 ? Decoded::kMisfit : Decoded::kMalformed;
  }
  if ((sign & ~kNumericNegative) != 0) return Decoded::kMalformed;
  const uint8_t* digits = bytes + 8;
  for (uint32_t i = 0; i < count; ++i) {
    if (LoadBig16(digits + 2 * i) > 9'999) return Decoded::kMalformed;
  }
  int exponent = 4 * (static_cast<int16_t>(LoadBig16(bytes + 2)) - static_cast<int>(count) + 1) + scale;
  while (count > 0 && LoadBig16(digits + 2 * (count - 1)) == 0) {  // the server strips these; others might not
    --count;
    exponent += 4;
  }
  Unsigned128 value = 0;
  for (uint32_t i = 0; i < count; ++i) {
    // The part of the last digit that lies behind the scale must be zero.
    uint32_t digit = LoadBig16(digits + 2 * i);
    Unsigned128 base = 10'000;
    if (i + 1 == count && exponent < 0) {
      if (exponent < -3) return Decoded::kMisfit;
      auto below = static_cast<uint32_t>(kPowersOfTen[-exponent]);
      if (digit % below != 0) return Decoded::kMisfit;
      digit /= below;
      base = 10'000 / below;
    }
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
      return Decoded::kMisfit;
  }
  for (; value != 0 && exponent > 0; --exponent) {
    if (__builtin_mul_overflow(value, 10, &value)) return Decoded::kMisfit;
  }
  if (value >= static_cast<Unsigned128>(PowerOfTen(precision))) return Decoded::kMisfit;
  *unscaled = sign != 0 ? -static_cast<Int128>(value) : static_cast<Int128>(value);
  return Decoded::kFits;
}

std::string NumericText(const uint8_t* bytes, uint32_t length) {
  int count = LoadBig16(bytes);
  int weight = static_cast<int16_t>(LoadBig16(bytes + 2));
  uint16_t sign = LoadBig16(bytes + 4);
  int display_scale = LoadBig16(bytes + 6) & 0x3FFF;  // as the server masks it
  if (sign == kNumericNan) return "NaN";
  if (sign == kNumericInfinity) return "Infinity";
  if (sign == kNumericMinusInfinity) return "-Infinity";
  if (length != 8 + 2 * static_cast<uint32_t>(count)) return {};
  auto digit = [&](int at) { return at < 0 || at >= count ? 0 : LoadBig16(bytes + 8 + 2 * at); };
  std::string text;
  if (sign == kNumericNegative) text += '-';
  if (weight < 0) text += '0';
  for (int i = 0; i <= weight; ++i) text += i == 0 ? fmt::format("{}", digit(i)) : fmt::format("{:04}", digit(i));
  if (display_scale == 0) return text;
  text += '.';
  size_t end = text.size() + static_cast<size_t>(display_scale);
  for (int i = weight + 1; text.size() < end; ++i) text += fmt::format("{:04}", digit(i));
  text.resize(end);
  return text;
}

std::string TimestampText(int64_t pg_micros, bool with_zone) {
  if (pg_micros == std::numeric_limits<int64_t>::max()) return "infinity";
  if (pg_micros == std::numeric_limits<int64_t>::min()) return "-infinity";
  constexpr int64_t kDayMicros = 86'400'000'000;
  int64_t day = pg_micros / kDayMicros;
  int64_t micros = pg_micros % kDayMicros;
  if (micros < 0) {
    micros += kDayMicros;
    --day;
  }
  // Years of 400 (146,097 days) repeat; counting from March puts the leap day last (proleptic Gregorian).
  int64_t days_from_march = day + 730'425;  // from 0000-03-01 to 2000-01-01
  int64_t era = (days_from_march >= 0 ? days_from_march : days_from_march - 146'096) / 146'097;
  int64_t in_era = days_from_march - era * 146'097;
  int64_t year_of_era = (in_era - in_era / 1'460 + in_era / 36'524 - in_era / 146'096) / 365;
  int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * in_year + 2) / 153;
  int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  int64_t day_of_month = in_year - (153 * month_from_march + 2) / 5 + 1;
  int64_t seconds = micros / 1'000'000;
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", year > 0 ? year : 1 - year, month, day_of_month,
                                 seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (int64_t fraction = micros % 1'000'000; fraction != 0) {
    text += fmt::format(".{:06}", fraction);
    while (text.ends_with('0')) text.pop_back();
  }
  if (with_zone) text += "+00";
  if (year <= 0) text += " BC";
  return text;
}

void FormatUuid(const uint8_t* bytes, char* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = kHex[bytes[i] >> 4];
    *out++ = kHex[bytes[i] & 15];
  }
}

}  // namespace nilus::postgres
