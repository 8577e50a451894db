#include "nilus/json/literal.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "nilus/data/scalar.h"

namespace nilus::json {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A decimal number by its digits: value = digits × 10^exponent, digits without zeros at either end.
struct Digits {
  bool is_number = false;
  bool is_plain = false;  // no point, no exponent
  bool negative = false;
  int count = 0;  // significant digits; 0: zero
  int64_t exponent = 0;
  int whole = 0;     // digits before the point as written; -1: there is an exponent
  int fraction = 0;  // digits behind it as written
  char text[40];     // the significant digits, when there are at most 40
};

Digits ReadDigits(std::string_view text) {
  Digits read;
  size_t i = 0;
  auto peek = [&] { return i < text.size() ? text[i] : '\0'; };
  if (peek() == '-') {
    read.negative = true;
    ++i;
  }
  int trailing_zeros = 0;
  auto take = [&](char digit) {
    if (digit == '0') {
      trailing_zeros += read.count > 0 ? 1 : 0;
      return;
    }
    for (; trailing_zeros > 0; --trailing_zeros, ++read.count) {
      if (read.count < static_cast<int>(sizeof read.text)) read.text[read.count] = '0';
    }
    if (read.count < static_cast<int>(sizeof read.text)) read.text[read.count] = digit;
    ++read.count;
  };
  size_t start = i;
  while (IsDigit(peek())) take(text[i++]);
  read.whole = static_cast<int>(i - start);
  if (read.whole > 1 && text[start] == '0') return read;  // 007 is no number but a name
  read.is_plain = true;
  if (peek() == '.') {
    read.is_plain = false;
    start = ++i;
    while (IsDigit(peek())) take(text[i++]);
    read.fraction = static_cast<int>(i - start);
    if (read.fraction == 0) return read;
  }
  if (read.whole == 0 && read.fraction == 0) return read;
  int64_t exponent = 0;
  const int behind_point = read.fraction;
  if (peek() == 'e' || peek() == 'E') {
    read.is_plain = false;
    ++i;
    bool negative = peek() == '-';
    if (negative || peek() == '+') ++i;
    if (!IsDigit(peek())) return read;
    while (IsDigit(peek()) && exponent < 1'000'000) exponent = exponent * 10 + (text[i++] - '0');
    if (negative) exponent = -exponent;
    read.whole = read.fraction = -1;  // not a plain decimal
  }
  if (i != text.size()) return read;
  read.is_number = true;
  read.exponent = exponent + trailing_zeros - behind_point;
  return read;
}

// The double nearest to the text stands for exactly this number: its shortest form has the same digits.
bool IsExactDouble(std::string_view text, const Digits& digits) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return false;
  if (digits.count <= 15 && std::abs(value) > 1e-290) return true;  // 15 digits always survive
  if (digits.count > 17) return false;
  char shortest[64];
  auto [shortest_end, code] = std::to_chars(shortest, shortest + sizeof shortest, value);
  Digits again = ReadDigits(std::string_view(shortest, static_cast<size_t>(shortest_end - shortest)));
  return again.is_number && again.count == digits.count && (digits.count == 0 || again.exponent == digits.exponent) &&
         std::equal(digits.text, digits.text + digits.count, again.text);
}

// At most 15 digits, no exponent, no sign of zero: whatever they are, they fit each kind of number. False: look closer.
bool IsShortNumber(std::string_view text, NumberTraits* traits) {
  if (text.size() > 16 || text.empty()) return false;
  size_t i = text[0] == '-' ? 1 : 0;
  const size_t start = i;
  if (i == text.size() || (text[i] == '0' && (start == 1 || (text.size() > 1 && text[1] != '.')))) return false;
  while (i < text.size() && IsDigit(text[i])) ++i;
  const size_t whole = i - start;
  size_t fraction = 0;
  if (i < text.size() && text[i] == '.') {
    const size_t point = i++;
    while (i < text.size() && IsDigit(text[i])) ++i;
    fraction = i - point - 1;
    if (fraction == 0) return false;
  }
  if (i != text.size() || whole == 0 || whole + fraction > 15) return false;
  traits->is_number = true;
  traits->candidates = fraction == 0 ? kNumbers : kDouble | kDecimalNumber;
  traits->whole = static_cast<int>(whole);
  traits->fraction = static_cast<int>(fraction);
  return true;
}

}  // namespace

NumberTraits TraitsOfNumber(std::string_view text, bool wants_double) {
  NumberTraits traits;
  if (IsShortNumber(text, &traits)) return traits;
  const Digits digits = ReadDigits(text);
  traits.is_number = digits.is_number;
  if (!digits.is_number) return traits;
  const bool negative_zero = digits.negative && digits.count == 0;  // a double keeps its sign, nothing else does
  bool is_large = false;  // a bigint that is no double: there a double's digits are others, or may be
  if (digits.is_plain && !negative_zero) {
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc()) traits.candidates |= kInteger;
    is_large = error == std::errc() && (value > kMostExactInteger || value < -kMostExactInteger);
  }
  if (wants_double && !is_large && IsExactDouble(text, digits)) traits.candidates |= kDouble;
  if (digits.whole >= 0 && !negative_zero) {
    traits.candidates |= kDecimalNumber;
    traits.whole = std::max(digits.whole, 1);
    traits.fraction = digits.fraction;
  }
  return traits;
}

bool IsFloatWord(std::string_view text) { return text == "NaN" || text == "Infinity" || text == "-Infinity"; }

bool IsBooleanWord(std::string_view text) {
  return text == "true" || text == "false" || text == "True" || text == "False" || text == "TRUE" || text == "FALSE";
}

Candidates TemporalCandidates(std::string_view text) {
  if (text.size() < 8 || text.size() > 40) return 0;
  if (text[2] == ':') {  // hh:mm:ss[.ffffff]
    int64_t micros = 0;
    return text[5] == ':' && text.back() != ' ' && !text.starts_with("24") && ParseTime(text, &micros) ? kClockTime : 0;
  }
  if (text.size() < 10 || !IsDigit(text[0]) || !IsDigit(text[3]) || text[4] != '-' || text[7] != '-') return 0;
  if (text.size() == 10) {
    int32_t days = 0;
    return ParseDate(text, &days) ? kCalendarDate : 0;
  }
  if (text.size() < 16 || (text[10] != 'T' && text[10] != ' ') || !IsDigit(text[11]) || text.ends_with(' ') ||
      text.ends_with(" BC"))
    return 0;
  if (text.substr(11, 2) == "24") return 0;  // 24:00 would come out as the next day
  int64_t micros = 0;
  bool has_zone = false;
  if (!ParseTimestamp(text, &micros, &has_zone)) return 0;
  return has_zone ? kInstant : kWallClock;
}

bool LooksLikeLiteral(std::string_view text) {
  if (text.empty()) return false;
  if (IsDigit(text.front()) || text.front() == '-') return ReadDigits(text).is_number;
  return text == "true" || text == "false" || text == "null";
}

bool TextTraits::AddNumber(std::string_view text) {
  const NumberTraits traits = TraitsOfNumber(text, (candidates & kDouble) != 0);
  candidates &= traits.candidates;
  if (!traits.is_number) return false;
  saw_number = true;
  whole = std::max(whole, traits.whole);
  fraction = std::max(fraction, traits.fraction);
  return true;
}

void TextTraits::Merge(const TextTraits& other) {
  candidates &= other.candidates;
  saw_number = saw_number || other.saw_number;
  whole = std::max(whole, other.whole);
  fraction = std::max(fraction, other.fraction);
}

Type TextTraits::ResolveNumber(TypeId otherwise) const {
  if (!saw_number) return MakeType(otherwise);
  if ((candidates & kInteger) != 0) return MakeType(TypeId::kInt64);
  if ((candidates & kDouble) != 0) return MakeType(TypeId::kFloat64);
  if ((candidates & kDecimalNumber) != 0 && whole + fraction <= kMaxDecimalPrecision)
    return MakeDecimal(whole + fraction, fraction);
  return MakeType(otherwise);
}

Type TextTraits::ResolveTemporal() const {
  if ((candidates & kCalendarDate) != 0) return MakeType(TypeId::kDate);
  if ((candidates & kClockTime) != 0) return MakeType(TypeId::kTime);
  if ((candidates & kInstant) != 0) return MakeType(TypeId::kTimestamp);
  if ((candidates & kWallClock) != 0) return MakeType(TypeId::kTimestampNtz);
  return MakeType(TypeId::kText);
}

}  // namespace nilus::json
