#include "nilus/duck/column_type.h"

namespace nilus::duck {
namespace {

duckdb_type PlainType(TypeId id) {
  switch (id) {
    case TypeId::kBool:
      return DUCKDB_TYPE_BOOLEAN;
    case TypeId::kInt16:
      return DUCKDB_TYPE_SMALLINT;
    case TypeId::kInt32:
      return DUCKDB_TYPE_INTEGER;
    case TypeId::kInt64:
      return DUCKDB_TYPE_BIGINT;
    case TypeId::kFloat32:
      return DUCKDB_TYPE_FLOAT;
    case TypeId::kFloat64:
      return DUCKDB_TYPE_DOUBLE;
    case TypeId::kDecimal:
      return DUCKDB_TYPE_DECIMAL;
    case TypeId::kText:
    case TypeId::kJson:
      return DUCKDB_TYPE_VARCHAR;
    case TypeId::kBinary:
      return DUCKDB_TYPE_BLOB;
    case TypeId::kDate:
      return DUCKDB_TYPE_DATE;
    case TypeId::kTime:
      return DUCKDB_TYPE_TIME;
    case TypeId::kTimestamp:
      return DUCKDB_TYPE_TIMESTAMP_TZ;
    case TypeId::kTimestampNtz:
      return DUCKDB_TYPE_TIMESTAMP;
  }
  return DUCKDB_TYPE_INVALID;
}

}  // namespace

std::string SqlTypeName(const Type& type) {
  switch (type.id) {
    case TypeId::kBool:
      return "BOOLEAN";
    case TypeId::kInt16:
      return "SMALLINT";
    case TypeId::kInt32:
      return "INTEGER";
    case TypeId::kInt64:
      return "BIGINT";
    case TypeId::kFloat32:
      return "FLOAT";
    case TypeId::kFloat64:
      return "DOUBLE";
    case TypeId::kDecimal:
      return fmt::format("DECIMAL({},{})", type.precision, type.scale);
    case TypeId::kText:
      return "VARCHAR";
    case TypeId::kJson:
      return "JSON";
    case TypeId::kBinary:
      return "BLOB";
    case TypeId::kDate:
      return "DATE";
    case TypeId::kTime:
      return "TIME";
    case TypeId::kTimestamp:
      return "TIMESTAMP WITH TIME ZONE";
    case TypeId::kTimestampNtz:
      return "TIMESTAMP";
  }
  return "VARCHAR";
}

duckdb_logical_type MakeLogicalType(const Type& type) {
  if (type.id == TypeId::kDecimal) {
    return duckdb_create_decimal_type(static_cast<uint8_t>(type.precision), static_cast<uint8_t>(type.scale));
  }
  duckdb_logical_type made = duckdb_create_logical_type(PlainType(type.id));
  // JSON is VARCHAR by another name: with the name, nothing is cast (and parsed again) on its way into a JSON column.
  if (type.id == TypeId::kJson) duckdb_logical_type_set_alias(made, "JSON");
  return made;
}

}  // namespace nilus::duck
