#include "nilus/lake/literal.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "nilus/base/encoding.h"
#include "nilus/base/text.h"
#include "nilus/data/scalar.h"
#include "nilus/lake/json.h"

namespace nilus::lake {
namespace {

constexpr int64_t kNanosPerMicro = 1000;

template <typename T>
std::string LittleEndian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));  // the machines Nilus runs on are little-endian
  return bytes;
}
static_assert(std::endian::native == std::endian::little);

template <typename T>
T FromLittleEndian(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// Two's complement, big-endian, without leading bytes that only repeat the sign.
std::string DecimalToBytes(Int128 value) {
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  size_t first = 0;
  while (first + 1 < bytes.size()) {
    const auto byte = static_cast<uint8_t>(bytes[first]);
    const bool next_is_negative = (static_cast<uint8_t>(bytes[first + 1]) & 0x80) != 0;
    if (!(byte == 0 && !next_is_negative) && !(byte == 0xFF && next_is_negative)) break;
    ++first;
  }
  return bytes.substr(first);
}

Int128 DecimalFromBytes(std::string_view bytes) {
  unsigned __int128 value = (static_cast<uint8_t>(bytes[0]) & 0x80) != 0 ? ~static_cast<unsigned __int128>(0) : 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return static_cast<Int128>(value);
}

int64_t FloorDivide(int64_t value, int64_t by) {
  const int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

std::string UuidText(std::string_view bytes) {
  std::string hex = HexEncode(bytes);
  for (const size_t at : {20, 16, 12, 8}) {
    if (hex.size() > at) hex.insert(at, "-");
  }
  return hex;
}

Failure NotOf(const IcebergType& type, size_t size) {
  return Fail(ErrorKind::kData, "{} bytes are not a value of type {}", size, type.ToString());
}

template <typename T>
std::strong_ordering CompareFloats(T a, T b) {
  const bool a_nan = std::isnan(a);
  const bool b_nan = std::isnan(b);
  if (a_nan || b_nan) return a_nan <=> b_nan;
  if (a < b) return std::strong_ordering::less;
  if (a > b) return std::strong_ordering::greater;
  return std::signbit(b) <=> std::signbit(a);  // -0.0 comes before 0.0
}

std::strong_ordering CompareBytes(std::string_view a, std::string_view b) {
  const int order = a.compare(b);  // of unsigned characters
  return order <=> 0;
}

// Reads a canonical text by the column parsers of data/.
Result<Literal> LiteralFromText(std::string_view text, const IcebergType& type) {
  ColumnBuilder builder(ToNilusType(type));
  NILUS_TRY(AppendParsed(text, &builder));
  return LiteralAt(builder.Finish(), 0, type);
}

Result<std::string> BytesFromHex(std::string_view text) {
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    if (c == '-') continue;
    const int digit = HexDigit(c);
    if (digit < 0) return Fail(ErrorKind::kData, "a value is not hexadecimal");
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  if (high >= 0) return Fail(ErrorKind::kData, "a value has an odd number of hexadecimal digits");
  return bytes;
}

std::string CanonicalText(const Literal& literal, const IcebergType& type) {
  ColumnBuilder builder(ToNilusType(type));
  AppendLiteral(literal, type, &builder);
  const Column column = builder.Finish();
  std::string text;
  AppendCellText(column, 0, &text);
  return text;
}

}  // namespace

std::string ToBytes(const Literal& literal, const IcebergType& type) {
  struct Visitor {
    const IcebergType& type;
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool value) const { return std::string(1, value ? '\1' : '\0'); }
    std::string operator()(int32_t value) const {
      return type.kind == TypeKind::kLong ? LittleEndian<int64_t>(value) : LittleEndian(value);
    }
    std::string operator()(int64_t value) const { return LittleEndian(value); }
    std::string operator()(float value) const {
      return type.kind == TypeKind::kDouble ? LittleEndian<double>(value) : LittleEndian(value);
    }
    std::string operator()(double value) const { return LittleEndian(value); }
    std::string operator()(Int128 value) const { return DecimalToBytes(value); }
    std::string operator()(const std::string& value) const { return value; }
  };
  return std::visit(Visitor{type}, literal);
}

Result<Literal> FromBytes(std::string_view bytes, const IcebergType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      if (bytes.size() != 1) return NotOf(type, bytes.size());
      return Literal(bytes[0] != 0);
    case TypeKind::kInt:
    case TypeKind::kDate:
      if (bytes.size() != 4) return NotOf(type, bytes.size());
      return Literal(FromLittleEndian<int32_t>(bytes));
    case TypeKind::kLong:
      if (bytes.size() == 4) return Literal(static_cast<int64_t>(FromLittleEndian<int32_t>(bytes)));
      [[fallthrough]];
    case TypeKind::kTime:
    case TypeKind::kTimestamptz:
    case TypeKind::kTimestamptzNs:
      if (bytes.size() != 8) return NotOf(type, bytes.size());
      return Literal(FromLittleEndian<int64_t>(bytes));
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampNs: {
      if (bytes.size() == 4) {  // was a date
        const int64_t per_day = type.kind == TypeKind::kTimestamp ? 86'400'000'000 : 86'400'000'000'000;
        int64_t units = 0;
        if (__builtin_mul_overflow(static_cast<int64_t>(FromLittleEndian<int32_t>(bytes)), per_day, &units)) {
          return Fail(ErrorKind::kData, "a date is beyond what {} holds", type.ToString());
        }
        return Literal(units);
      }
      if (bytes.size() != 8) return NotOf(type, bytes.size());
      return Literal(FromLittleEndian<int64_t>(bytes));
    }
    case TypeKind::kFloat:
      if (bytes.size() != 4) return NotOf(type, bytes.size());
      return Literal(FromLittleEndian<float>(bytes));
    case TypeKind::kDouble:
      if (bytes.size() == 4) return Literal(static_cast<double>(FromLittleEndian<float>(bytes)));
      if (bytes.size() != 8) return NotOf(type, bytes.size());
      return Literal(FromLittleEndian<double>(bytes));
    case TypeKind::kDecimal:
      if (bytes.empty() || bytes.size() > 16) return NotOf(type, bytes.size());
      return Literal(DecimalFromBytes(bytes));
    case TypeKind::kUuid:
      if (bytes.size() != 16) return NotOf(type, bytes.size());
      return Literal(std::string(bytes));
    case TypeKind::kString:
    case TypeKind::kFixed:
    case TypeKind::kBinary:
    case TypeKind::kGeometry:
    case TypeKind::kGeography:
      return Literal(std::string(bytes));
    case TypeKind::kUnknown:
    case TypeKind::kVariant:
    case TypeKind::kStruct:
    case TypeKind::kList:
    case TypeKind::kMap:
      break;
  }
  return Fail(ErrorKind::kData, "type {} has no single values", type.ToString());
}

Literal LiteralAt(const Column& column, int64_t row, const IcebergType& type) {
  if (column.IsNull(row)) return {};
  switch (column.type.id) {
    case TypeId::kBool:
      return column.BoolValue(row);
    case TypeId::kInt16: {
      const auto value = column.Value<int16_t>(row);
      return type.kind == TypeKind::kLong ? Literal(static_cast<int64_t>(value)) : Literal(static_cast<int32_t>(value));
    }
    case TypeId::kInt32:
    case TypeId::kDate: {
      const auto value = column.Value<int32_t>(row);
      return type.kind == TypeKind::kLong ? Literal(static_cast<int64_t>(value)) : Literal(value);
    }
    case TypeId::kInt64:
    case TypeId::kTime:
      return column.Value<int64_t>(row);
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz: {
      const bool nanos = type.kind == TypeKind::kTimestampNs || type.kind == TypeKind::kTimestamptzNs;
      return column.Value<int64_t>(row) * (nanos ? kNanosPerMicro : 1);
    }
    case TypeId::kFloat32: {
      const auto value = column.Value<float>(row);
      return type.kind == TypeKind::kDouble ? Literal(static_cast<double>(value)) : Literal(value);
    }
    case TypeId::kFloat64:
      return column.Value<double>(row);
    case TypeId::kDecimal: {
      Int128 value;  // buffers of others need not be aligned to 16 bytes
      std::memcpy(&value, column.values.data() + row * 16, sizeof(value));
      return value;
    }
    case TypeId::kText:
      if (type.kind == TypeKind::kUuid) {
        Result<std::string> bytes = BytesFromHex(column.BytesValue(row));
        if (bytes && bytes->size() == 16) return *std::move(bytes);
        return {};
      }
      return std::string(column.BytesValue(row));
    case TypeId::kBinary:
    case TypeId::kJson:
      return std::string(column.BytesValue(row));
  }
  return {};
}

void AppendLiteral(const Literal& literal, const IcebergType& type, ColumnBuilder* column) {
  if (IsNull(literal)) {
    column->AppendNull();
    return;
  }
  struct Visitor {
    const IcebergType& type;
    ColumnBuilder* column;
    void operator()(std::monostate) const {}
    void operator()(bool value) const { column->AppendBool(value); }
    void operator()(int32_t value) const {
      if (column->type().id == TypeId::kInt64) {
        column->Append(static_cast<int64_t>(value));
      } else {
        column->Append(value);
      }
    }
    void operator()(int64_t value) const {
      const bool nanos = type.kind == TypeKind::kTimestampNs || type.kind == TypeKind::kTimestamptzNs;
      column->Append(nanos ? FloorDivide(value, kNanosPerMicro) : value);
    }
    void operator()(float value) const {
      if (column->type().id == TypeId::kFloat64) {
        column->Append(static_cast<double>(value));
      } else {
        column->Append(value);
      }
    }
    void operator()(double value) const { column->Append(value); }
    void operator()(Int128 value) const { column->Append(value); }
    void operator()(const std::string& value) const {
      column->AppendBytes(type.kind == TypeKind::kUuid ? UuidText(value) : value);
    }
  };
  std::visit(Visitor{type, column}, literal);
}

std::strong_ordering CompareLiterals(const Literal& a, const Literal& b) {
  // An int of a column that became a long, and the like.
  if (a.index() != b.index() && !IsNull(a) && !IsNull(b)) {
    const auto wide = [](const Literal& literal) -> Literal {
      if (const auto* small = std::get_if<int32_t>(&literal)) return static_cast<int64_t>(*small);
      if (const auto* small = std::get_if<float>(&literal)) return static_cast<double>(*small);
      return literal;
    };
    const Literal wide_a = wide(a);
    const Literal wide_b = wide(b);
    if (wide_a.index() == wide_b.index()) return CompareLiterals(wide_a, wide_b);
  }
  if (a.index() != b.index()) return a.index() <=> b.index();
  struct Visitor {
    const Literal& b;
    std::strong_ordering operator()(std::monostate) const { return std::strong_ordering::equal; }
    std::strong_ordering operator()(bool value) const { return value <=> std::get<bool>(b); }
    std::strong_ordering operator()(int32_t value) const { return value <=> std::get<int32_t>(b); }
    std::strong_ordering operator()(int64_t value) const { return value <=> std::get<int64_t>(b); }
    std::strong_ordering operator()(float value) const { return CompareFloats(value, std::get<float>(b)); }
    std::strong_ordering operator()(double value) const { return CompareFloats(value, std::get<double>(b)); }
    std::strong_ordering operator()(Int128 value) const {
      const Int128 other = std::get<Int128>(b);
      if (value == other) return std::strong_ordering::equal;
      return value < other ? std::strong_ordering::less : std::strong_ordering::greater;
    }
    std::strong_ordering operator()(const std::string& value) const {
      return CompareBytes(value, std::get<std::string>(b));
    }
  };
  return std::visit(Visitor{b}, a);
}

bool IsNan(const Literal& literal) {
  if (const auto* value = std::get_if<float>(&literal)) return std::isnan(*value);
  if (const auto* value = std::get_if<double>(&literal)) return std::isnan(*value);
  return false;
}

std::string LiteralToJson(const Literal& literal, const IcebergType& type) {
  if (IsNull(literal)) return "null";
  if (const auto* value = std::get_if<bool>(&literal)) return *value ? "true" : "false";
  switch (type.kind) {
    case TypeKind::kInt:
    case TypeKind::kLong:
      return CanonicalText(literal, type);
    case TypeKind::kFloat:
    case TypeKind::kDouble: {
      const double value =
          std::holds_alternative<float>(literal) ? std::get<float>(literal) : std::get<double>(literal);
      return std::isfinite(value) ? CanonicalText(literal, type) : "null";  // JSON has no such numbers
    }
    case TypeKind::kBinary:
    case TypeKind::kFixed:
    case TypeKind::kGeometry:
    case TypeKind::kGeography:
      return DumpJson(HexEncode(std::get<std::string>(literal)));
    case TypeKind::kUuid:
      return DumpJson(UuidText(std::get<std::string>(literal)));
    case TypeKind::kTimestamptz: {
      std::string text = CanonicalText(literal, type);
      if (text.ends_with('Z')) text.replace(text.size() - 1, 1, "+00:00");
      return DumpJson(text);
    }
    case TypeKind::kTimestampNs:
    case TypeKind::kTimestamptzNs: {
      const int64_t nanos = std::get<int64_t>(literal);
      std::string text;
      AppendTimestamp(FloorDivide(nanos, 1'000'000'000) * 1'000'000, false, &text);
      text += fmt::format(".{:09}", nanos - FloorDivide(nanos, 1'000'000'000) * 1'000'000'000);
      if (type.kind == TypeKind::kTimestamptzNs) text += "+00:00";
      return DumpJson(text);
    }
    default:
      return DumpJson(CanonicalText(literal, type));
  }
}

Result<Literal> LiteralFromJson(std::string_view json, const IcebergType& type) {
  NILUS_ASSIGN(const Json value, ParseJson(json, "default value"));
  if (value.is_null()) return Literal();
  const JsonView view(value, "default value");
  switch (type.kind) {
    case TypeKind::kBoolean: {
      NILUS_ASSIGN(const bool boolean, view.AsBool());
      return Literal(boolean);
    }
    case TypeKind::kInt: {
      NILUS_ASSIGN(const int32_t number, view.AsInt32());
      return Literal(number);
    }
    case TypeKind::kLong: {
      NILUS_ASSIGN(const int64_t number, view.AsInt64());
      return Literal(number);
    }
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      if (!value.is_number()) return view.Wrong("a number");
      if (type.kind == TypeKind::kFloat) return Literal(static_cast<float>(value.get<double>()));
      return Literal(value.get<double>());
    case TypeKind::kUuid:
    case TypeKind::kFixed:
    case TypeKind::kBinary: {
      NILUS_ASSIGN(const std::string text, view.AsString());
      NILUS_ASSIGN(std::string bytes, BytesFromHex(text));
      return FromBytes(bytes, type);
    }
    case TypeKind::kString: {
      NILUS_ASSIGN(std::string text, view.AsString());
      return Literal(std::move(text));
    }
    case TypeKind::kDecimal:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz: {
      NILUS_ASSIGN(const std::string text, view.AsString());
      return LiteralFromText(text, type);
    }
    default:
      return Fail(ErrorKind::kUnsupported, "a default of type {} is not read", type.ToString());
  }
}

std::string LiteralToText(const Literal& literal, const IcebergType& type) {
  if (IsNull(literal)) return "null";
  if (type.kind == TypeKind::kBinary || type.kind == TypeKind::kFixed) {
    return Base64Encode(std::get<std::string>(literal));
  }
  return CanonicalText(literal, type);
}

std::string TruncateLowerBound(std::string_view value, const IcebergType& type, int length) {
  if (type.kind != TypeKind::kString) return std::string(value.substr(0, static_cast<size_t>(length)));
  size_t at = 0;
  for (int characters = 0; at < value.size() && characters < length; ++characters) {
    ++at;
    while (at < value.size() && (static_cast<uint8_t>(value[at]) & 0xC0) == 0x80) ++at;
  }
  return std::string(value.substr(0, at));
}

namespace {

void AppendUtf8(uint32_t point, std::string* out) {
  if (point < 0x80) {
    out->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | point >> 6));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else if (point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | point >> 12));
    out->push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | point >> 18));
    out->push_back(static_cast<char>(0x80 | (point >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  }
}

// The last code point of well-formed UTF-8, taken off.
uint32_t PopPoint(std::string* text) {
  size_t start = text->size() - 1;
  while (start > 0 && (static_cast<uint8_t>((*text)[start]) & 0xC0) == 0x80) --start;
  const auto lead = static_cast<uint8_t>((*text)[start]);
  uint32_t point = lead < 0x80 ? lead : lead < 0xE0 ? lead & 0x1F : lead < 0xF0 ? lead & 0x0F : lead & 0x07;
  for (size_t i = start + 1; i < text->size(); ++i) point = point << 6 | (static_cast<uint8_t>((*text)[i]) & 0x3F);
  text->resize(start);
  return point;
}

}  // namespace

std::optional<std::string> TruncateUpperBound(std::string_view value, const IcebergType& type, int length) {
  std::string bound = TruncateLowerBound(value, type, length);
  if (bound.size() == value.size()) return bound;  // nothing was cut
  if (type.kind != TypeKind::kString) {
    while (!bound.empty() && static_cast<uint8_t>(bound.back()) == 0xFF) bound.pop_back();
    if (bound.empty()) return std::nullopt;
    bound.back() = static_cast<char>(static_cast<uint8_t>(bound.back()) + 1);
    return bound;
  }
  if (!IsValidUtf8(bound)) return std::nullopt;
  while (!bound.empty()) {
    uint32_t point = PopPoint(&bound);
    if (point >= 0x10FFFF) continue;
    ++point;
    if (point == 0xD800) point = 0xE000;  // surrogates are no characters
    AppendUtf8(point, &bound);
    return bound;
  }
  return std::nullopt;
}

}  // namespace nilus::lake
