#include "nilus/rows/spelling.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "nilus/base/text.h"
#include "nilus/data/scalar.h"
#include "nilus/json/literal.h"

namespace nilus {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A number in the parts that say how large it is: 0.[digits] × 10^exponent, without zeros at either end of the digits.
struct NumberParts {
  bool is_negative = false;
  std::string digits;
  int64_t exponent = 0;
  friend bool operator==(const NumberParts&, const NumberParts&) = default;
};

// [+-]digits[.digits][e[+-]digits], with at least one digit before the exponent.
bool ReadNumber(std::string_view text, NumberParts* parts) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    parts->is_negative = text.front() == '-';
    text.remove_prefix(1);
  }
  size_t at = 0;
  int64_t before_point = 0;
  bool has_point = false;
  for (; at < text.size() && (IsDigit(text[at]) || (text[at] == '.' && !has_point)); ++at) {
    if (text[at] == '.') {
      has_point = true;
      continue;
    }
    parts->digits += text[at];
    if (!has_point) ++before_point;
  }
  if (parts->digits.empty()) return false;
  int64_t exponent = 0;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return false;
    std::string_view written = text.substr(at + 1);
    if (written.starts_with('+')) written.remove_prefix(1);
    auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (error != std::errc() || end != written.data() + written.size()) return false;
    if (std::abs(exponent) > 100'000) return false;
  }
  parts->exponent = before_point + exponent;
  const size_t first = parts->digits.find_first_not_of('0');
  if (first == std::string::npos) {
    parts->digits.clear();
    parts->exponent = 0;
    return true;
  }
  parts->exponent -= static_cast<int64_t>(first);
  parts->digits.erase(0, first);
  parts->digits.erase(parts->digits.find_last_not_of('0') + 1);
  return true;
}

// -?(0|[1-9][0-9]*)(.[0-9]+)?, and with `with_exponent` an exponent behind it.
bool IsPlainNumber(std::string_view text, bool with_exponent) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || !IsDigit(text.front())) return false;
  if (text.size() > 1 && text.front() == '0' && IsDigit(text[1])) return false;
  size_t at = 0;
  while (at < text.size() && IsDigit(text[at])) ++at;
  if (at < text.size() && text[at] == '.') {
    const size_t point = at++;
    while (at < text.size() && IsDigit(text[at])) ++at;
    if (at == point + 1) return false;
  }
  if (with_exponent && at < text.size() && (text[at] == 'e' || text[at] == 'E')) return true;  // ReadNumber reads it
  return at == text.size();
}

bool IsNegativeZero(std::string_view text) {
  return text.starts_with('-') && text.find_first_of("123456789") == std::string_view::npos;
}

bool IsNotFinite(std::string_view text) { return text == "NaN" || text == "Infinity" || text == "-Infinity"; }

bool AppendFloating(double value, ColumnBuilder* column) {
  if (column->type().id == TypeId::kFloat64) {
    column->Append<double>(value);
  } else {
    column->Append<float>(static_cast<float>(value));
  }
  return true;
}

// The nearest float, when its own shortest digits are those of the text: 0.1 is, 0.10000000000000000001 is not.
template <typename T>
bool AppendNearest(std::string_view text, ColumnBuilder* column) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  char digits[64];
  auto written = std::to_chars(digits, digits + sizeof digits, value);
  NumberParts wanted;
  NumberParts got;
  if (!ReadNumber(text, &wanted) || !ReadNumber({digits, written.ptr}, &got) || wanted != got) return false;
  return AppendFloating(value, column);
}

bool AppendFloat(std::string_view text, ColumnBuilder* column) {
  if (IsNotFinite(text)) return AppendParsed(text, column).has_value();
  if (column->type().id == TypeId::kFloat64) return AppendNearest<double>(text, column);
  return AppendNearest<float>(text, column);
}

// A text that is the whole of its value: no space around it, no era behind it.
bool IsBareTime(std::string_view text) {
  return !text.empty() && text.front() != ' ' && text.back() != ' ' && text.back() != 'C';
}

bool AppendInstant(std::string_view text, ColumnBuilder* column) {
  int64_t micros = 0;
  bool has_zone = false;
  if (!ParseTimestamp(text, &micros, &has_zone)) return false;
  if (has_zone != (column->type().id == TypeId::kTimestamp)) return false;
  if (text.find(':') == std::string_view::npos) return false;  // a date alone
  column->Append<int64_t>(micros);
  return true;
}

bool AppendJson(std::string_view text, ColumnBuilder* column) {
  if (column->WouldOverflow(text.size()) || !nlohmann::json::accept(text)) return false;
  column->AppendBytes(text);
  return true;
}

bool AppendMidnight(std::string_view text, ColumnBuilder* column) {
  constexpr int64_t kMicrosPerDay = 86'400'000'000;
  int64_t micros = 0;
  bool has_zone = false;
  if (!ParseTimestamp(text, &micros, &has_zone) || micros % kMicrosPerDay != 0) return false;
  column->Append<int32_t>(static_cast<int32_t>(micros / kMicrosPerDay));
  return true;
}

// A reading with an offset is taken in UTC.
bool AppendWallClock(std::string_view text, ColumnBuilder* column) {
  int64_t micros = 0;
  bool has_zone = false;
  if (!ParseTimestamp(text, &micros, &has_zone)) return false;
  column->Append<int64_t>(micros);
  return true;
}

}  // namespace

bool AppendExactly(std::string_view text, ColumnBuilder* column) {
  switch (column->type().id) {
    case TypeId::kBool:
      if (!json::IsBooleanWord(text)) return false;
      column->AppendBool((text.front() | 0x20) == 't');
      return true;
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kDecimal:
      return IsPlainNumber(text, false) && !IsNegativeZero(text) && AppendParsed(text, column).has_value();
    case TypeId::kFloat32:
    case TypeId::kFloat64:
      return (IsNotFinite(text) || IsPlainNumber(text, true)) && AppendFloat(text, column);
    case TypeId::kText:
      return AppendParsed(text, column).has_value();
    case TypeId::kJson:
      return AppendJson(text, column);
    case TypeId::kBinary:
      return false;
    case TypeId::kDate:
    case TypeId::kTime:
      return IsBareTime(text) && AppendParsed(text, column).has_value();
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      return IsBareTime(text) && AppendInstant(text, column);
  }
  return false;
}

bool AppendLeniently(std::string_view text, ColumnBuilder* column) {
  const TypeId id = column->type().id;
  if (id == TypeId::kJson) return AppendJson(text, column);
  if (id == TypeId::kText) return AppendParsed(text, column).has_value();
  text = TrimSpaces(text);
  if (IsFloat(id)) return AppendFloat(text, column);
  if (AppendParsed(text, column)) return true;
  if (id == TypeId::kDate) return AppendMidnight(text, column);
  return id == TypeId::kTimestampNtz && AppendWallClock(text, column);
}

}  // namespace nilus
