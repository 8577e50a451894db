#include "nilus/connectors/postgres/types.h"

#include <algorithm>

#include "nilus/connectors/postgres/connection.h"
#include "nilus/data/decimal.h"

namespace nilus::postgres {
namespace {

Mapping AsText(std::string cast = "::pg_catalog.text") {
  return {MakeType(TypeId::kText), Wire::kText, "", std::move(cast)};
}
Mapping AsJson(std::string before, std::string after) {
  return {MakeType(TypeId::kJson), Wire::kJson, std::move(before), std::move(after)};
}

// typmod of numeric: (precision << 16 | scale & 0x7ff) + 4, the scale signed since PostgreSQL 15 (numeric.c).
Type NumericType(int32_t typmod) {
  if (typmod < 4) return kUndeclaredDecimal;
  int precision = ((typmod - 4) >> 16) & 0xffff;
  int scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
  if (scale < 0) {  // numeric(3,-2): up to 99900
    precision -= scale;
    scale = 0;
  }
  precision = std::max({precision, scale, 1});  // numeric(3,5): up to 0.00999
  return precision > kMaxDecimalPrecision ? kUndeclaredDecimal : MakeDecimal(precision, scale);
}

Mapping MapText(const PgType& type, ReflectionLevel reflection) {
  Mapping mapping{MakeType(TypeId::kText), Wire::kText, "", ""};
  if (reflection == ReflectionLevel::kFullWithPrecision && (type.oid == oid::kVarchar || type.oid == oid::kBpchar) &&
      type.typmod > 4) {
    mapping.type.length = type.typmod - 4;
  }
  return mapping;
}

// Types of well-known extensions. Their functions live in the schema the extension was made in, which is the type's.
bool MapExtensionType(const PgType& type, Mapping* mapping) {
  if (type.extension == "postgis" && (type.name == "geometry" || type.name == "geography")) {
    // EWKB: WKB (ST_AsBinary) would lose the SRID. PostGIS has the function for geometry only.
    std::string schema = QuoteIdentifier(type.schema);
    *mapping = {MakeType(TypeId::kBinary), Wire::kBinary, schema + ".st_asewkb(", "::" + schema + ".geometry)"};
    return true;
  }
  if (type.extension == "hstore" && type.name == "hstore") {
    *mapping = AsJson(QuoteIdentifier(type.schema) + ".hstore_to_json(", ")");
    return true;
  }
  if (type.extension == "vector" && (type.name == "vector" || type.name == "halfvec")) {
    *mapping = AsJson("", "::pg_catalog.text");  // "[1,2,3]"
    return true;
  }
  return false;
}

}  // namespace

Mapping MapType(const PgType& type, ReflectionLevel reflection) {
  bool keep = reflection == ReflectionLevel::kFullWithPrecision;
  switch (type.oid) {
    case oid::kBool:
      return {MakeType(TypeId::kBool), Wire::kBool, "", ""};
    case oid::kInt2:
      return keep ? Mapping{MakeType(TypeId::kInt16), Wire::kInt16, "", ""}
                  : Mapping{MakeType(TypeId::kInt64), Wire::kInt16Wide, "", ""};
    case oid::kInt4:
      return keep ? Mapping{MakeType(TypeId::kInt32), Wire::kInt32, "", ""}
                  : Mapping{MakeType(TypeId::kInt64), Wire::kInt32Wide, "", ""};
    case oid::kInt8:
      return {MakeType(TypeId::kInt64), Wire::kInt64, "", ""};
    case oid::kOid:
    case oid::kXid:
    case oid::kCid:
      return {MakeType(TypeId::kInt64), Wire::kUint32Wide, "", ""};
    case oid::kFloat4:
      return keep ? Mapping{MakeType(TypeId::kFloat32), Wire::kFloat32, "", ""}
                  : Mapping{MakeType(TypeId::kFloat64), Wire::kFloat32Wide, "", ""};
    case oid::kFloat8:
      return {MakeType(TypeId::kFloat64), Wire::kFloat64, "", ""};
    case oid::kNumeric:
      return {NumericType(type.typmod), Wire::kNumeric, "", ""};
    case oid::kMoney:
      return {kUndeclaredDecimal, Wire::kNumeric, "", "::pg_catalog.numeric"};
    case oid::kText:
    case oid::kName:
    case oid::kVarchar:
    case oid::kBpchar:
      return MapText(type, reflection);
    case oid::kBytea:
      return {MakeType(TypeId::kBinary), Wire::kBinary, "", ""};
    case oid::kDate:
      return {MakeType(TypeId::kDate), Wire::kDate, "", ""};
    case oid::kTime:
      return {MakeType(TypeId::kTime), Wire::kTime, "", ""};
    case oid::kTimestamp:
      return {MakeType(TypeId::kTimestampNtz), Wire::kTimestamp, "", ""};
    case oid::kTimestampTz:
      return {MakeType(TypeId::kTimestamp), Wire::kTimestamp, "", ""};
    case oid::kUuid:
      return {MakeType(TypeId::kText), Wire::kUuid, "", ""};
    case oid::kJson:
      return {MakeType(TypeId::kJson), Wire::kJson, "", ""};
    case oid::kJsonb:
      return {MakeType(TypeId::kJson), Wire::kJsonb, "", ""};
    default:
      break;
  }
  if (Mapping mapping; MapExtensionType(type, &mapping)) return mapping;
  if (type.kind == 'e') return {MakeType(TypeId::kText), Wire::kText, "", ""};
  if (type.category == 'A' || type.kind == 'c' || (type.kind == 'p' && type.name == "record"))
    return AsJson("pg_catalog.to_json(", ")");
  return AsText();
}

std::string SqlTypeName(const Type& type) {
  switch (type.id) {
    case TypeId::kBool:
      return "boolean";
    case TypeId::kInt16:
      return "smallint";
    case TypeId::kInt32:
      return "integer";
    case TypeId::kInt64:
      return "bigint";
    case TypeId::kFloat32:
      return "real";
    case TypeId::kFloat64:
      return "double precision";
    case TypeId::kDecimal:
      return "numeric(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case TypeId::kText:
      return type.length > 0 ? "character varying(" + std::to_string(type.length) + ")" : "text";
    case TypeId::kBinary:
      return "bytea";
    case TypeId::kJson:
      return "jsonb";
    case TypeId::kDate:
      return "date";
    case TypeId::kTime:
      return "time without time zone";
    case TypeId::kTimestamp:
      return "timestamp with time zone";
    case TypeId::kTimestampNtz:
      return "timestamp without time zone";
  }
  return "text";
}

}  // namespace nilus::postgres
