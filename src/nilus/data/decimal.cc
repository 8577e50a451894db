// Decimals between 128-bit integers and text.
#include <charconv>
#include <cstdint>
#include <limits>

#include "nilus/base/text.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

using Unsigned128 = unsigned __int128;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string FormatDecimal(Int128 unscaled, int scale) {
  char digits[64];
  char* end = digits + sizeof digits;
  char* at = end;
  bool negative = unscaled < 0;
  Unsigned128 rest = negative ? -static_cast<Unsigned128>(unscaled) : static_cast<Unsigned128>(unscaled);
  int written = 0;
  const auto put = [&](auto* number) {
    if (written == scale && scale > 0) *--at = '.';
    *--at = static_cast<char>('0' + static_cast<int>(*number % 10));
    *number /= 10;
    ++written;
  };
  while (rest > std::numeric_limits<uint64_t>::max()) put(&rest);
  auto low = static_cast<uint64_t>(rest);          // divided ten times as fast
  while (low != 0 || written <= scale) put(&low);  // at least one digit before the point
  if (negative) *--at = '-';
  return std::string(at, end);
}

bool ParseDecimal(std::string_view text, int precision, int scale, Int128* unscaled) {
  text = TrimSpaces(text);
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  // Split the mantissa from the exponent.
  int64_t exponent = 0;
  if (size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (!digits.empty() && digits.front() == '+') {
      digits.remove_prefix(1);
      if (digits.empty() || !IsDigit(digits.front())) return false;
    }
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (end != digits.data() + digits.size() || digits.empty()) return false;
    if (error == std::errc::invalid_argument) return false;
    if (error != std::errc() || exponent > 1'000'000'000 || exponent < -1'000'000'000) {
      exponent = digits.front() == '-' ? -1'000'000'000 : 1'000'000'000;  // only zero survives this; told below
    }
    text = text.substr(0, e);
  }
  size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return false;
  for (char c : whole) {
    if (!IsDigit(c)) return false;
  }
  for (char c : fraction) {
    if (!IsDigit(c)) return false;
  }
  // The digit at index i of whole+fraction counts 10^(whole.size() - 1 - i + exponent).
  const auto count = static_cast<int64_t>(whole.size() + fraction.size());
  const auto whole_size = static_cast<int64_t>(whole.size());
  auto digit = [&](int64_t i) {
    return i < whole_size ? whole[static_cast<size_t>(i)] - '0' : fraction[static_cast<size_t>(i - whole_size)] - '0';
  };
  int64_t first = 0;
  while (first < count && digit(first) == 0) ++first;
  if (first == count) {
    *unscaled = 0;
    return true;
  }
  int64_t last = count - 1;
  while (digit(last) == 0) --last;
  int64_t top_power = whole_size - 1 - first + exponent + scale;  // of ten, in units of the scale
  int64_t bottom_power = whole_size - 1 - last + exponent + scale;
  if (bottom_power < 0 || top_power >= precision) return false;
  Unsigned128 value = 0;
  for (int64_t i = first; i <= last; ++i) value = value * 10 + static_cast<unsigned>(digit(i));
  for (int64_t i = 0; i < bottom_power; ++i) value *= 10;
  *unscaled = negative ? -static_cast<Int128>(value) : static_cast<Int128>(value);
  return true;
}

}  // namespace nilus
