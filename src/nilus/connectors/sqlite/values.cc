#include "nilus/connectors/sqlite/values.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"
#include "nilus/data/scalar.h"

namespace nilus::sqlite {
namespace {

constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: whole doubles up to here are exact

std::string_view NumberText(const Value& value, char (&scratch)[40]) {
  auto [end, error] = value.storage == SQLITE_INTEGER ? std::to_chars(scratch, scratch + sizeof scratch, value.integer)
                                                      : std::to_chars(scratch, scratch + sizeof scratch, value.real);
  return {scratch, static_cast<size_t>(end - scratch)};
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) >= 0x80) return IsValidUtf8(text.substr(i));
  }
  return true;
}

bool DecodeInteger(const Value& value, int64_t low, int64_t high, int64_t* out) {
  if (value.storage == SQLITE_INTEGER) {
    *out = value.integer;
  } else if (value.storage == SQLITE_FLOAT && std::abs(value.real) <= kExactIntegers &&
             std::floor(value.real) == value.real) {
    *out = static_cast<int64_t>(value.real);
  } else {
    return false;
  }
  return *out >= low && *out <= high;
}

bool DecodeBool(const Value& value, int64_t* out) {
  if (value.storage == SQLITE_TEXT) {
    if (value.bytes == "true" || value.bytes == "TRUE" || value.bytes == "True") return *out = 1, true;
    if (value.bytes == "false" || value.bytes == "FALSE" || value.bytes == "False") return *out = 0, true;
    return false;
  }
  return DecodeInteger(value, 0, 1, out);
}

bool DecodeReal(const Value& value, double* out) {
  if (value.storage == SQLITE_FLOAT) {
    *out = value.real;
    return true;
  }
  if (value.storage == SQLITE_INTEGER) {
    *out = static_cast<double>(value.integer);
    return *out < 0x1p63 && static_cast<int64_t>(*out) == value.integer;
  }
  // SQLite has no NaN of its own: the sink writes it as text.
  if (value.storage == SQLITE_TEXT && value.bytes == "NaN") {
    *out = std::nan("");
    return true;
  }
  return false;
}

bool DecodeTimestamp(const Value& value, bool with_zone, int64_t* out) {
  if (value.storage != SQLITE_TEXT) return false;
  bool has_zone = false;
  if (ParseTimestamp(value.bytes, out, &has_zone)) return with_zone || !has_zone;
  int32_t days = 0;
  if (!ParseDate(value.bytes, &days)) return false;
  return !__builtin_mul_overflow(static_cast<int64_t>(days), kMicrosPerDay, out);
}

bool DecodeDate(const Value& value, int64_t* out) {
  if (value.storage != SQLITE_TEXT) return false;
  int32_t days = 0;
  if (ParseDate(value.bytes, &days)) {
    *out = days;
    return true;
  }
  int64_t micros = 0;
  if (!DecodeTimestamp(value, false, &micros) || micros % kMicrosPerDay != 0) return false;
  *out = micros / kMicrosPerDay;
  return true;
}

bool DecodeJson(const Value& value, Decoded* out) {
  switch (value.storage) {
    case SQLITE_TEXT:
      out->bytes = value.bytes;
      return nlohmann::json::accept(value.bytes);
    case SQLITE_INTEGER:
      out->bytes = NumberText(value, out->scratch);
      return true;
    case SQLITE_FLOAT:
      out->bytes = NumberText(value, out->scratch);
      return std::isfinite(value.real);
    default:
      return false;
  }
}

}  // namespace

Value ValueAt(sqlite3_stmt* statement, int column) {
  Value value{.storage = sqlite3_column_type(statement, column)};
  switch (value.storage) {
    case SQLITE_INTEGER:
      value.integer = sqlite3_column_int64(statement, column);
      break;
    case SQLITE_FLOAT:
      value.real = sqlite3_column_double(statement, column);
      break;
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      value.bytes = {text == nullptr ? "" : text, static_cast<size_t>(sqlite3_column_bytes(statement, column))};
      break;
    }
    case SQLITE_BLOB: {
      const auto* blob = static_cast<const char*>(sqlite3_column_blob(statement, column));
      value.bytes = {blob == nullptr ? "" : blob, static_cast<size_t>(sqlite3_column_bytes(statement, column))};
      break;
    }
    default:
      break;
  }
  return value;
}

Value ValueOf(sqlite3_value* raw) {
  Value value{.storage = sqlite3_value_type(raw)};
  switch (value.storage) {
    case SQLITE_INTEGER:
      value.integer = sqlite3_value_int64(raw);
      break;
    case SQLITE_FLOAT:
      value.real = sqlite3_value_double(raw);
      break;
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(raw));
      value.bytes = {text == nullptr ? "" : text, static_cast<size_t>(sqlite3_value_bytes(raw))};
      break;
    }
    case SQLITE_BLOB: {
      const auto* blob = static_cast<const char*>(sqlite3_value_blob(raw));
      value.bytes = {blob == nullptr ? "" : blob, static_cast<size_t>(sqlite3_value_bytes(raw))};
      break;
    }
    default:
      break;
  }
  return value;
}

bool Decode(const Value& value, const Type& type, Decoded* out) {
  switch (type.id) {
    case TypeId::kBool:
      return DecodeBool(value, &out->integer);
    case TypeId::kInt16:
      return DecodeInteger(value, INT16_MIN, INT16_MAX, &out->integer);
    case TypeId::kInt32:
      return DecodeInteger(value, INT32_MIN, INT32_MAX, &out->integer);
    case TypeId::kInt64:
      return DecodeInteger(value, INT64_MIN, INT64_MAX, &out->integer);
    case TypeId::kFloat64:
      return DecodeReal(value, &out->real);
    case TypeId::kFloat32:
      if (!DecodeReal(value, &out->real)) return false;
      return std::isnan(out->real) || static_cast<double>(static_cast<float>(out->real)) == out->real;
    case TypeId::kDecimal:
      if (value.storage == SQLITE_BLOB) return false;
      return ParseDecimal(value.storage == SQLITE_TEXT ? value.bytes : NumberText(value, out->scratch), type.precision,
                          type.scale, &out->decimal);
    case TypeId::kText:
      if (value.storage == SQLITE_BLOB) return false;
      out->bytes = value.storage == SQLITE_TEXT ? value.bytes : NumberText(value, out->scratch);
      return IsUtf8(out->bytes);
    case TypeId::kBinary:
      out->bytes = value.bytes;
      return value.storage == SQLITE_BLOB;
    case TypeId::kJson:
      return DecodeJson(value, out);
    case TypeId::kDate:
      return DecodeDate(value, &out->integer);
    case TypeId::kTime:
      return value.storage == SQLITE_TEXT && ParseTime(value.bytes, &out->integer);
    case TypeId::kTimestamp:
      return DecodeTimestamp(value, true, &out->integer);
    case TypeId::kTimestampNtz:
      return DecodeTimestamp(value, false, &out->integer);
  }
  return false;
}

bool AppendExactly(const Value& value, ColumnBuilder* column) {
  Decoded decoded;
  if (!Decode(value, column->type(), &decoded)) return false;
  switch (column->type().id) {
    case TypeId::kBool:
      column->AppendBool(decoded.integer != 0);
      break;
    case TypeId::kInt16:
      column->Append(static_cast<int16_t>(decoded.integer));
      break;
    case TypeId::kInt32:
    case TypeId::kDate:
      column->Append(static_cast<int32_t>(decoded.integer));
      break;
    case TypeId::kInt64:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      column->Append(decoded.integer);
      break;
    case TypeId::kFloat32:
      column->Append(static_cast<float>(decoded.real));
      break;
    case TypeId::kFloat64:
      column->Append(decoded.real);
      break;
    case TypeId::kDecimal:
      column->Append(decoded.decimal);
      break;
    case TypeId::kText:
    case TypeId::kBinary:
    case TypeId::kJson:
      column->AppendBytes(decoded.bytes);
      break;
  }
  return true;
}

std::string VariantText(const Value& value) {
  char scratch[40];
  switch (value.storage) {
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
      return std::string(NumberText(value, scratch));
    case SQLITE_TEXT:
      return IsUtf8(value.bytes) ? std::string(value.bytes) : HexEncode(value.bytes);
    default:
      return HexEncode(value.bytes);
  }
}

void AppendStoredTime(const Column& column, int64_t row, std::string* out) {
  const size_t start = out->size();
  switch (column.type.id) {
    case TypeId::kDate:
      AppendDate(column.Value<int32_t>(row), out);
      return;
    case TypeId::kTime:
      AppendTime(column.Value<int64_t>(row), out);
      return;
    default:
      break;
  }
  AppendTimestamp(column.Value<int64_t>(row), false, out);
  if (size_t t = out->find('T', start); t != std::string::npos) (*out)[t] = ' ';
}

}  // namespace nilus::sqlite
