#include "nilus/connectors/postgres/column_values.h"

#include <charconv>

#include "nilus/base/encoding.h"
#include "nilus/base/text.h"
#include "nilus/data/scalar.h"
#include "nilus/json/scanner.h"

namespace nilus::postgres {
namespace {

template <typename T>
bool ParseNumber(std::string_view text, T* value) {
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && at == end;
}

// `Parsed` is the value's own range, `Stored` the column's layout.
template <typename Parsed, typename Stored>
bool AppendNumber(std::string_view text, ColumnBuilder& out) {
  Parsed value{};
  if (!ParseNumber(text, &value)) return false;
  out.Append<Stored>(value);
  return true;
}

bool IsInfinity(std::string_view text) { return text == "infinity" || text == "-infinity"; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "NaN", "Infinity", "-Infinity", or digits with a sign and a point; numeric_out writes no exponent.
bool IsNumericText(std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  bool has_digit = false;
  bool has_point = false;
  for (char c : text) {
    if (c == '.' && !has_point) {
      has_point = true;
    } else if (IsDigit(c)) {
      has_digit = true;
    } else {
      return false;
    }
  }
  return has_digit;
}

// Up to 18 digits, no more behind the point than the scale has: nearly all of them.
bool ParseShortNumeric(std::string_view text, int precision, int scale, Int128* unscaled) {
  if (text.size() > 18 || text.empty()) return false;
  const bool is_negative = text[0] == '-';
  int64_t value = 0;
  int behind = -1;  // digits behind the point; none seen yet
  for (size_t i = is_negative ? 1 : 0; i < text.size(); ++i) {
    if (text[i] == '.' && behind < 0) {
      behind = 0;
      continue;
    }
    if (!IsDigit(text[i])) return false;
    value = value * 10 + (text[i] - '0');
    if (behind >= 0) ++behind;
  }
  const int missing = scale - std::max(behind, 0);
  if (missing < 0 || missing > 18 || !IsDigit(text.back())) return false;
  const Int128 result = static_cast<Int128>(value) * kPowersOfTen[missing];
  if (precision <= 18 && result >= kPowersOfTen[precision]) return false;
  if (precision > 18 && precision < 36 &&
      result >= static_cast<Int128>(kPowersOfTen[18]) * kPowersOfTen[precision - 18]) {
    return false;
  }
  *unscaled = is_negative ? -result : result;
  return true;
}

bool AppendNumericText(WireField field, int index, std::string_view text, BatchBuilder* builder) {
  Int128 value = 0;
  if (ParseShortNumeric(text, field.precision, field.scale, &value)) {
    builder->column(index).Append(value);
    return true;
  }
  if (!IsNumericText(text)) return false;
  if (ParseDecimal(text, field.precision, field.scale, &value)) {
    builder->column(index).Append(value);
  } else {
    builder->AppendVariant(index, text);
  }
  return true;
}

bool AppendHexText(std::string_view digits, ColumnBuilder& out) {
  if (digits.size() % 2 != 0) return false;
  char* bytes = out.StartBytes(digits.size() / 2);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = HexDigit(digits[i]);
    const int low = HexDigit(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    *bytes++ = static_cast<char>(high << 4 | low);
  }
  out.FinishBytes(digits.size() / 2);
  return true;
}

bool AppendDateText(int index, std::string_view text, BatchBuilder* builder) {
  int32_t days = 0;
  if (ParseDate(text, &days)) {
    builder->column(index).Append(days);
    return true;
  }
  if (!IsInfinity(text)) return false;
  builder->AppendVariant(index, text);
  return true;
}

bool AppendTimestampText(WireField field, int index, std::string_view text, BatchBuilder* builder) {
  int64_t micros = 0;
  bool has_zone = false;
  if (ParseTimestamp(text, &micros, &has_zone) && has_zone == field.with_zone) {
    builder->column(index).Append(micros);
    return true;
  }
  // The last 30 years that PostgreSQL has are beyond 64 bits since 1970.
  constexpr int kFirstYearBeyond = 294'246;
  int year = 0;
  std::from_chars(text.data(), text.data() + text.size(), year);
  if (!IsInfinity(text) && year < kFirstYearBeyond) return false;
  builder->AppendVariant(index, text);
  return true;
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? text[i] != '-' : HexDigit(text[i]) < 0) return false;
  }
  return true;
}

}  // namespace

[[gnu::noinline]] bool AppendNonAscii(BatchBuilder* builder, int index, std::string_view text) {
  if (IsValidUtf8(text)) {
    builder->column(index).AppendBytes(text);
    return true;
  }
  if (text.size() > kMaxHexedBytes) return false;
  builder->AppendVariant(index, HexEncode(text));
  return true;
}

[[gnu::noinline]] bool AppendJson(BatchBuilder* builder, int index, std::string_view text) {
  if (text.find("\\u") != std::string_view::npos && IsValidUtf8(text)) {
    json::Scanner scanner(text);
    json::Value value;
    scanner.SkipSpace();
    if (!scanner.ReadValue(&value)) {
      builder->AppendVariant(index, text);
      return true;
    }
  }
  return AppendUtf8(builder, index, reinterpret_cast<const uint8_t*>(text.data()), static_cast<uint32_t>(text.size()));
}

bool AppendTextValue(WireField field, int index, std::string_view text, BatchBuilder* builder) {
  ColumnBuilder& out = builder->column(index);
  switch (field.wire) {
    case Wire::kBool:
      if (text != "t" && text != "f" && text != "true" && text != "false") return false;
      out.AppendBool(text[0] == 't');
      return true;
    case Wire::kInt16:
      return AppendNumber<int16_t, int16_t>(text, out);
    case Wire::kInt32:
      return AppendNumber<int32_t, int32_t>(text, out);
    case Wire::kInt64:
      return AppendNumber<int64_t, int64_t>(text, out);
    case Wire::kInt16Wide:
      return AppendNumber<int16_t, int64_t>(text, out);
    case Wire::kInt32Wide:
      return AppendNumber<int32_t, int64_t>(text, out);
    case Wire::kUint32Wide:
      return AppendNumber<uint32_t, int64_t>(text, out);
    case Wire::kFloat32:
      return AppendNumber<float, float>(text, out);
    case Wire::kFloat32Wide:
      return AppendNumber<float, double>(text, out);
    case Wire::kFloat64:
      return AppendNumber<double, double>(text, out);
    case Wire::kNumeric:
      return AppendNumericText(field, index, text, builder);
    case Wire::kJson:
      return AppendJson(builder, index, text);
    case Wire::kText:
    case Wire::kJsonb:
      return AppendUtf8(builder, index, reinterpret_cast<const uint8_t*>(text.data()),
                        static_cast<uint32_t>(text.size()));
    case Wire::kBinary:
      return text.starts_with("\\x") && AppendHexText(text.substr(2), out);
    case Wire::kDate:
      return AppendDateText(index, text, builder);
    case Wire::kTime: {
      int64_t micros = 0;
      if (!ParseTime(text, &micros)) return false;
      out.Append(micros);
      return true;
    }
    case Wire::kTimestamp:
      return AppendTimestampText(field, index, text, builder);
    case Wire::kUuid:
      if (!IsUuid(text)) return false;
      out.AppendBytes(text);
      return true;
  }
  return false;
}

}  // namespace nilus::postgres
