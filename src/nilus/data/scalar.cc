#include "nilus/data/scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "nilus/base/text.h"
#include "nilus/data/decimal.h"

namespace nilus {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

template <typename T>
void AppendFloat(T value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
  } else if (std::isinf(value)) {
    out->append(value < 0 ? "-Infinity" : "Infinity");
  } else {
    char digits[64];
    auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    out->append(digits, end);
  }
}

void AppendInteger(int64_t value, std::string* out) {
  char digits[24];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out->append(digits, end);
}

bool ParseInteger64(std::string_view text, int64_t* value) {
  std::string_view digits = TrimSpaces(text);
  if (digits.size() > 1 && digits.front() == '+' && digits[1] != '-') digits.remove_prefix(1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
  if (error == std::errc() && end == digits.data() + digits.size()) return true;
  Int128 exact = 0;  // "12.0", "1e3": whole numbers all the same
  if (!ParseDecimal(digits, 19, 0, &exact)) return false;
  *value = static_cast<int64_t>(exact);
  return *value == exact;
}

template <typename T>
bool ParseNarrow(std::string_view text, T* value) {
  int64_t wide = 0;
  if (!ParseInteger64(text, &wide)) return false;
  *value = static_cast<T>(wide);
  return *value == wide;
}

template <typename T>
bool ParseFloat(std::string_view text, T* value) {
  std::string_view digits = TrimSpaces(text);
  if (digits.size() > 1 && digits.front() == '+' && digits[1] != '-') digits.remove_prefix(1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
  return error == std::errc() && end == digits.data() + digits.size();
}

bool ParseBool(std::string_view text, bool* value) {
  std::string lower(TrimSpaces(text));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (std::string_view word : {"true", "t", "1", "yes", "y", "on"}) {
    if (lower == word) return *value = true;
  }
  for (std::string_view word : {"false", "f", "0", "no", "n", "off"}) {
    if (lower == word) return !(*value = false);
  }
  return false;
}

bool AppendHex(std::string_view text, ColumnBuilder* column) {
  if (text.starts_with("\\x")) text.remove_prefix(2);
  if (text.size() % 2 != 0) return false;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = HexDigit(text[i]);
    int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  column->AppendBytes(bytes);
  return true;
}

template <typename T, typename Parse>
bool AppendWith(std::string_view text, ColumnBuilder* column, Parse parse) {
  T value{};
  if (!parse(text, &value)) return false;
  column->Append<T>(value);
  return true;
}

bool AppendValue(std::string_view text, ColumnBuilder* column) {
  const Type& type = column->type();
  switch (type.id) {
    case TypeId::kBool: {
      bool value = false;
      if (!ParseBool(text, &value)) return false;
      column->AppendBool(value);
      return true;
    }
    case TypeId::kInt16:
      return AppendWith<int16_t>(text, column, ParseNarrow<int16_t>);
    case TypeId::kInt32:
      return AppendWith<int32_t>(text, column, ParseNarrow<int32_t>);
    case TypeId::kInt64:
      return AppendWith<int64_t>(text, column, ParseInteger64);
    case TypeId::kFloat32:
      return AppendWith<float>(text, column, ParseFloat<float>);
    case TypeId::kFloat64:
      return AppendWith<double>(text, column, ParseFloat<double>);
    case TypeId::kDecimal:
      return AppendWith<Int128>(text, column, [&](std::string_view digits, Int128* value) {
        return ParseDecimal(digits, type.precision, type.scale, value);
      });
    case TypeId::kText:
    case TypeId::kJson:
      column->AppendBytes(text);
      return true;
    case TypeId::kBinary:
      return AppendHex(text, column);
    case TypeId::kDate:
      return AppendWith<int32_t>(text, column, ParseDate);
    case TypeId::kTime:
      return AppendWith<int64_t>(text, column, ParseTime);
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      return AppendWith<int64_t>(text, column, [&](std::string_view iso, int64_t* value) {
        bool has_zone = false;
        // A wall-clock reading has no zone to convert from; an instant without one is read as UTC.
        return ParseTimestamp(iso, value, &has_zone) && !(has_zone && type.id == TypeId::kTimestampNtz);
      });
  }
  return false;
}

int64_t IntegerAt(const Column& column, int64_t row) {
  switch (FixedWidth(column.type.id)) {
    case 2:
      return column.Value<int16_t>(row);
    case 4:
      return column.Value<int32_t>(row);
    default:
      return column.Value<int64_t>(row);
  }
}

double FloatAt(const Column& column, int64_t row) {
  return column.type.id == TypeId::kFloat32 ? column.Value<float>(row) : column.Value<double>(row);
}

// NaN equals itself and is above everything, as in PostgreSQL; -0 equals 0.
std::strong_ordering CompareFloats(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return static_cast<int>(std::isnan(a)) <=> static_cast<int>(std::isnan(b));
  if (a < b) return std::strong_ordering::less;
  return a > b ? std::strong_ordering::greater : std::strong_ordering::equal;
}

std::strong_ordering CompareDecimals(Int128 a, int scale_a, Int128 b, int scale_b) {
  if (scale_a != scale_b) {  // whole parts first, then fractions, both brought to 38 digits
    Int128 unit_a = PowerOfTen(scale_a);
    Int128 unit_b = PowerOfTen(scale_b);
    Int128 whole_a = a / unit_a;
    Int128 whole_b = b / unit_b;
    if (whole_a == whole_b) {
      a = (a % unit_a) * PowerOfTen(kMaxDecimalPrecision - scale_a);
      b = (b % unit_b) * PowerOfTen(kMaxDecimalPrecision - scale_b);
    } else {
      a = whole_a;
      b = whole_b;
    }
  }
  if (a < b) return std::strong_ordering::less;
  return a > b ? std::strong_ordering::greater : std::strong_ordering::equal;
}

std::string Shortened(std::string_view text) {
  constexpr size_t kShown = 64;
  return text.size() <= kShown ? std::string(text) : fmt::format("{}… ({} bytes)", text.substr(0, kShown), text.size());
}

}  // namespace

void AppendCellText(const Column& column, int64_t row, std::string* out) {
  switch (column.type.id) {
    case TypeId::kBool:
      out->append(column.BoolValue(row) ? "true" : "false");
      return;
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
      AppendInteger(IntegerAt(column, row), out);
      return;
    case TypeId::kFloat32:
      AppendFloat(column.Value<float>(row), out);
      return;
    case TypeId::kFloat64:
      AppendFloat(column.Value<double>(row), out);
      return;
    case TypeId::kDecimal:
      out->append(FormatDecimal(column.Value<Int128>(row), column.type.scale));
      return;
    case TypeId::kText:
    case TypeId::kJson:
      out->append(column.BytesValue(row));
      return;
    case TypeId::kBinary:
      for (char c : column.BytesValue(row)) {
        auto byte = static_cast<unsigned char>(c);
        out->push_back(kHexDigits[byte >> 4]);
        out->push_back(kHexDigits[byte & 15]);
      }
      return;
    case TypeId::kDate:
      AppendDate(column.Value<int32_t>(row), out);
      return;
    case TypeId::kTime:
      AppendTime(column.Value<int64_t>(row), out);
      return;
    case TypeId::kTimestamp:
      AppendTimestamp(column.Value<int64_t>(row), true, out);
      return;
    case TypeId::kTimestampNtz:
      AppendTimestamp(column.Value<int64_t>(row), false, out);
      return;
  }
}

Scalar ScalarAt(const Column& column, int64_t row) {
  Scalar scalar{.type = column.type, .text = {}};
  AppendCellText(column, row, &scalar.text);
  return scalar;
}

Status AppendParsed(std::string_view text, ColumnBuilder* column) {
  if (HasOffsets(column->type().id) && column->WouldOverflow(text.size())) {
    return Fail(ErrorKind::kData, "a value of {} bytes does not fit into a batch, which holds 2 GiB a column",
                text.size());
  }
  if (AppendValue(text, column)) return {};
  return Fail(ErrorKind::kData, "`{}` is no {}, or not exactly one", Shortened(text), column->type().ToString());
}

Result<std::strong_ordering> CompareScalars(const Scalar& a, const Scalar& b) {
  ColumnBuilder builder_a(a.type);
  ColumnBuilder builder_b(b.type);
  NILUS_TRY(AppendParsed(a.text, &builder_a));
  NILUS_TRY(AppendParsed(b.text, &builder_b));
  return CompareCells(builder_a.Finish(), 0, builder_b.Finish(), 0);
}

std::strong_ordering CompareCells(const Column& a, int64_t row_a, const Column& b, int64_t row_b) {
  switch (a.type.id) {
    case TypeId::kBool:
      return a.BoolValue(row_a) <=> b.BoolValue(row_b);
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      return IntegerAt(a, row_a) <=> IntegerAt(b, row_b);
    case TypeId::kFloat32:
    case TypeId::kFloat64:
      return CompareFloats(FloatAt(a, row_a), FloatAt(b, row_b));
    case TypeId::kDecimal:
      return CompareDecimals(a.Value<Int128>(row_a), a.type.scale, b.Value<Int128>(row_b), b.type.scale);
    case TypeId::kText:
    case TypeId::kBinary:
    case TypeId::kJson:
      return a.BytesValue(row_a).compare(b.BytesValue(row_b)) <=> 0;
  }
  return std::strong_ordering::equal;
}

}  // namespace nilus
