// PostgreSQL types ↔ logical types (spec 03), shared by source and sink.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/data/type.h"

namespace nilus::postgres {

// Object ids of built-in types, fixed for ever by pg_type.dat of the server's sources.
namespace oid {
inline constexpr uint32_t kBool = 16, kBytea = 17, kChar = 18, kName = 19, kInt8 = 20, kInt2 = 21, kInt4 = 23,
                          kText = 25, kOid = 26, kXid = 28, kCid = 29, kJson = 114, kXml = 142, kFloat4 = 700,
                          kFloat8 = 701, kMoney = 790, kBpchar = 1042, kVarchar = 1043, kDate = 1082, kTime = 1083,
                          kTimestamp = 1114, kTimestampTz = 1184, kInterval = 1186, kTimeTz = 1266, kNumeric = 1700,
                          kUuid = 2950, kJsonb = 3802;
}  // namespace oid

// A column's type as the catalog tells it, domains already followed down to their base type.
struct PgType {
  uint32_t oid = 0;
  int32_t typmod = -1;    // of the column, or of the domain that narrows it
  char kind = 'b';        // pg_type.typtype: b base, c composite, e enum, r range, m multirange, p pseudo
  char category = 'U';    // pg_type.typcategory: 'A' is an array
  std::string schema;     // pg_namespace.nspname of the type
  std::string name;       // pg_type.typname: "int4", "_text", "geometry"
  std::string extension;  // the extension that owns the type, or empty
  uint32_t element = 0;   // of a true array; 0: none
  char element_kind = ' ';
};

// How a value travels in binary COPY.
enum class Wire : uint8_t {
  kBool,
  kInt16,  // int2 kept
  kInt32,
  kInt64,
  kInt16Wide,  // int2 into a 64-bit column, and so on
  kInt32Wide,
  kUint32Wide,  // oid, xid, cid
  kFloat32,
  kFloat32Wide,
  kFloat64,
  kNumeric,
  kText,   // text, varchar, bpchar, name, enums, and whatever is selected with ::text
  kJson,   // of json, whose strings may have half surrogate pairs
  kJsonb,  // a version byte before the text
  kBinary,
  kDate,
  kTime,
  kTimestamp,  // with or without zone: the same 64 bits
  kUuid,
};

// What a column becomes, and what has to be selected for it.
struct Mapping {
  Type type;
  Wire wire = Wire::kText;
  // Wraps the column in the SELECT list: "pg_catalog.to_json(" … ")", "" … "::pg_catalog.text". Both empty: as it is.
  std::string select_before;
  std::string select_after;
};
Mapping MapType(const PgType& type, ReflectionLevel reflection);

// The type a column of this logical type gets in PostgreSQL: "bigint", "numeric(12,2)", "timestamp with time zone", …
std::string SqlTypeName(const Type& type);

}  // namespace nilus::postgres
