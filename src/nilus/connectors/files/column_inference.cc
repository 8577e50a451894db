#include "nilus/connectors/files/column_inference.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "nilus/connectors/files/json_scan.h"
#include "nilus/data/scalar.h"

namespace nilus::files {
namespace {

// Types that a text can stand for, as bits.
constexpr uint32_t kInteger = 1;
constexpr uint32_t kDouble = 2;
constexpr uint32_t kDecimalNumber = 4;
constexpr uint32_t kBoolean = 8;
constexpr uint32_t kCalendarDate = 16;
constexpr uint32_t kClockTime = 32;
constexpr uint32_t kInstant = 64;
constexpr uint32_t kWallClock = 128;
constexpr uint32_t kNumbers = kInteger | kDouble | kDecimalNumber;

constexpr uint32_t Bit(CellKind kind) { return 1U << static_cast<int>(kind); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A decimal number by its digits: value = digits × 10^exponent, digits without zeros at either end.
struct Digits {
  bool is_number = false;
  bool is_plain = false;  // no point, no exponent
  bool negative = false;
  int count = 0;  // significant digits; 0: zero
  int64_t exponent = 0;
  int whole = 0;     // digits before the point as written
  int fraction = 0;  // digits behind it as written
  char text[40];     // the significant digits, when there are at most 40
};

// -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?, with the digits before the point optional: ".5".
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
  read.exponent = exponent + trailing_zeros - std::max(read.fraction, 0);
  if (read.whole == -1) {  // count the fraction anew: the exponent was read behind it
    size_t point = text.find('.');
    size_t e = text.find_first_of("eE");
    read.exponent =
        exponent + trailing_zeros - (point == std::string_view::npos ? 0 : static_cast<int64_t>(e - point - 1));
  }
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

bool IsFloatWord(std::string_view text) { return text == "NaN" || text == "Infinity" || text == "-Infinity"; }

bool IsBooleanWord(std::string_view text) {
  return text == "true" || text == "false" || text == "True" || text == "False" || text == "TRUE" || text == "FALSE";
}

// Which temporal type a text can be. Only ISO 8601 in full: nothing is guessed about 01/02/2024.
uint32_t TemporalCandidates(std::string_view text) {
  if (text.size() < 8 || text.size() > 40) return 0;
  if (text.size() >= 3 && text[2] == ':') {  // hh:mm:ss[.ffffff]
    int64_t micros = 0;
    bool full = text.size() >= 8 && text[5] == ':';
    return full && text.back() != ' ' && !text.starts_with("24") && text.substr(6, 2) < "60" && ParseTime(text, &micros)
               ? kClockTime
               : 0;
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
  if (text.size() >= 19 && text[16] == ':' && text.substr(17, 2) >= "60") return 0;
  int64_t micros = 0;
  bool has_zone = false;
  if (!ParseTimestamp(text, &micros, &has_zone)) return 0;
  return has_zone ? kInstant : kWallClock;
}

uint32_t BooleanOrTemporal(std::string_view text) { return IsBooleanWord(text) ? kBoolean : TemporalCandidates(text); }

bool LooksLikeLiteral(std::string_view text) {
  if (text.empty()) return false;
  if (IsDigit(text.front()) || text.front() == '-') return ReadDigits(text).is_number;
  return text == "true" || text == "false" || text == "null";
}

bool ParseBooleanWord(std::string_view text) { return (text.front() | 32) == 't'; }

}  // namespace

void ColumnInference::ObserveNumber(std::string_view text) {
  Digits digits = ReadDigits(text);
  if (!digits.is_number) {
    candidates_ = 0;
    return;
  }
  saw_number_ = true;
  uint32_t can_be = 0;
  if (digits.is_plain && !(digits.negative && digits.count == 0)) {
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc()) can_be |= kInteger;
  }
  if ((candidates_ & kDouble) != 0 && IsExactDouble(text, digits)) can_be |= kDouble;
  bool negative_zero = digits.negative && digits.count == 0;  // a double keeps its sign, a decimal has none
  if (digits.whole >= 0 && !negative_zero) {
    can_be |= kDecimalNumber;
    whole_digits_ = std::max(whole_digits_, std::max(digits.whole, 1));
    fraction_digits_ = std::max(fraction_digits_, digits.fraction);
  }
  candidates_ &= can_be;
}

void ColumnInference::ObserveText(std::string_view text) {
  if (candidates_ == 0) return;
  if (text.empty()) {
    candidates_ = 0;
    return;
  }
  char first = text.front();
  if ((candidates_ & kNumbers) != 0 && (IsDigit(first) || first == '-' || first == '.')) {
    uint32_t before = candidates_;
    ObserveNumber(text);
    if (candidates_ != 0) return;
    if (IsFloatWord(text)) {
      candidates_ = before & kDouble;
    } else {
      candidates_ = before & TemporalCandidates(text);
    }
    return;
  }
  candidates_ &= IsFloatWord(text) ? kDouble : BooleanOrTemporal(text);
}

void ColumnInference::Observe(CellKind kind, std::string_view text) {
  if (kind == CellKind::kNull) return;
  if (kind == CellKind::kQuoted && text.empty()) return;  // missing where the column is no text, '' where it is
  kinds_ |= Bit(kind);
  switch (kind) {
    case CellKind::kPlain:
    case CellKind::kQuoted:
      ObserveText(text);
      return;
    case CellKind::kNumber:
      if ((candidates_ & kNumbers) != 0) ObserveNumber(text);
      return;
    case CellKind::kString:
      saw_literal_ = saw_literal_ || LooksLikeLiteral(text);
      candidates_ &= IsFloatWord(text) ? kDouble : TemporalCandidates(text);
      return;
    case CellKind::kBool:
    case CellKind::kNested:
    case CellKind::kNull:
      return;
  }
}

Type ColumnInference::ResolveNumber(TypeId otherwise) const {
  if (!saw_number_) return MakeType(otherwise);
  if ((candidates_ & kInteger) != 0) return MakeType(TypeId::kInt64);
  if ((candidates_ & kDouble) != 0) return MakeType(TypeId::kFloat64);
  int precision = whole_digits_ + fraction_digits_;
  if ((candidates_ & kDecimalNumber) != 0 && precision <= kMaxDecimalPrecision)
    return MakeDecimal(precision, fraction_digits_);
  return MakeType(otherwise);
}

Type ColumnInference::Resolve() const {
  constexpr uint32_t kTexts = Bit(CellKind::kPlain) | Bit(CellKind::kQuoted);
  if (kinds_ == Bit(CellKind::kNested)) return MakeType(TypeId::kJson);
  if (kinds_ == Bit(CellKind::kBool)) return MakeType(TypeId::kBool);
  // Strings among numbers and booleans: as text while it stays plain which of them were strings.
  constexpr uint32_t kScalars = Bit(CellKind::kNumber) | Bit(CellKind::kString) | Bit(CellKind::kBool);
  bool stays_plain = (kinds_ & Bit(CellKind::kString)) != 0 && (kinds_ & ~kScalars) == 0 && !saw_literal_;
  TypeId mixed = stays_plain ? TypeId::kText : TypeId::kJson;
  if (kinds_ == Bit(CellKind::kNumber) || kinds_ == (Bit(CellKind::kNumber) | Bit(CellKind::kString)))
    return ResolveNumber(mixed);
  if (kinds_ == 0) return MakeType(TypeId::kText);
  if ((kinds_ & ~kTexts) != 0 && kinds_ != Bit(CellKind::kString)) return MakeType(mixed);
  if ((candidates_ & kNumbers) != 0) return ResolveNumber(TypeId::kText);
  if ((candidates_ & kBoolean) != 0) return MakeType(TypeId::kBool);
  if ((candidates_ & kCalendarDate) != 0) return MakeType(TypeId::kDate);
  if ((candidates_ & kClockTime) != 0) return MakeType(TypeId::kTime);
  if ((candidates_ & kInstant) != 0) return MakeType(TypeId::kTimestamp);
  if ((candidates_ & kWallClock) != 0) return MakeType(TypeId::kTimestampNtz);
  return MakeType(TypeId::kText);
}

bool AppendCell(CellKind kind, std::string_view text, ColumnBuilder* column) {
  const TypeId type = column->type().id;
  if (HasOffsets(type) && column->WouldOverflow(text.size())) return false;
  switch (type) {
    case TypeId::kText:
      column->AppendBytes(text);
      return true;
    case TypeId::kJson: {
      if (kind != CellKind::kString) {
        column->AppendBytes(text);
        return true;
      }
      std::string quoted;
      AppendJsonString(text, &quoted);
      if (column->WouldOverflow(quoted.size())) return false;
      column->AppendBytes(quoted);
      return true;
    }
    default:
      break;
  }
  if (kind == CellKind::kQuoted && text.empty() && type != TypeId::kBinary) {
    column->AppendNull();
    return true;
  }
  switch (type) {
    case TypeId::kInt64: {
      int64_t value = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) return false;
      column->Append(value);
      return true;
    }
    case TypeId::kFloat64: {
      double value = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) return false;
      column->Append(value);
      return true;
    }
    case TypeId::kBool:
      if (!IsBooleanWord(text)) return false;
      column->AppendBool(ParseBooleanWord(text));
      return true;
    default:
      return AppendParsed(text, column).has_value();
  }
}

}  // namespace nilus::files
