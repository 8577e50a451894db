#include "nilus/rows/value_text.h"

#include <charconv>
#include <cstdlib>

#include "nilus/data/decimal.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

constexpr int64_t kMostZeros = 400;  // more than any double has

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Where the digits at the beginning of `text` end.
size_t EndOfDigits(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// 7.50 as 7.5 and 7.00 as 7.
std::string_view WithoutZeros(std::string_view decimal) {
  if (decimal.find('.') == std::string_view::npos) return decimal;
  decimal.remove_suffix(decimal.size() - decimal.find_last_not_of('0') - 1);
  if (decimal.back() == '.') decimal.remove_suffix(1);
  return decimal;
}

// 0.[digits] × 10^point.
struct PlainNumber {
  bool is_negative = false;
  std::string digits;
  int64_t point = 0;
};

// A number with an exponent.
bool ReadNumber(std::string_view text, PlainNumber* number) {
  number->is_negative = text.starts_with('-');
  if (number->is_negative) text.remove_prefix(1);
  size_t at = EndOfDigits(text, 0);
  if (at == 0) return false;
  number->digits = text.substr(0, at);
  number->point = static_cast<int64_t>(at);
  if (at < text.size() && text[at] == '.') {
    const size_t end = EndOfDigits(text, at + 1);
    number->digits += text.substr(at + 1, end - at - 1);
    at = end;
  }
  if (at == text.size() || (text[at] != 'e' && text[at] != 'E')) return false;
  text.remove_prefix(at + 1);
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size() || std::abs(exponent) > kMostZeros) return false;
  number->point += exponent;
  return true;
}

}  // namespace

void AppendPlainNumber(std::string_view number, std::string* out) {
  if (number.find_first_of("eE") == std::string_view::npos) {
    out->append(WithoutZeros(number));
    return;
  }
  PlainNumber plain;
  if (!ReadNumber(number, &plain)) {
    out->append(number);
    return;
  }
  if (plain.is_negative) out->push_back('-');
  std::string& digits = plain.digits;
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.empty()) return out->push_back('0');
  const size_t zeros = digits.find_first_not_of('0');
  digits.erase(0, zeros);
  const int64_t point = plain.point - static_cast<int64_t>(zeros);
  const auto count = static_cast<int64_t>(digits.size());
  if (point <= 0) {
    out->append("0.").append(static_cast<size_t>(-point), '0').append(digits);
  } else if (point >= count) {
    out->append(digits).append(static_cast<size_t>(point - count), '0');
  } else {
    out->append(digits, 0, static_cast<size_t>(point)).append(".").append(digits, static_cast<size_t>(point));
  }
}

void AppendValueText(const Column& column, int64_t row, std::string* out) {
  const bool is_plain = !IsFloat(column.type.id) && column.type != kUndeclaredDecimal;
  if (is_plain) return AppendCellText(column, row, out);
  std::string number;
  AppendCellText(column, row, &number);
  AppendPlainNumber(number, out);
}

}  // namespace nilus
