// Logical types (spec 03). Memory layout of a column of each type follows the Arrow columnar format
// (arrow.apache.org/docs/format/Columnar.html), so a batch crosses to DuckDB without a copy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus {

enum class TypeId : uint8_t {
  kBool,          // one bit a value
  kInt16,         // kept only with full_with_precision; widens to kInt64
  kInt32,         // the same
  kInt64,         // bigint
  kFloat32,       // kept only with full_with_precision; widens to kFloat64
  kFloat64,       // double
  kDecimal,       // decimal(p,s), p <= 38: 128-bit little-endian two's complement, value × 10^s
  kText,          // UTF-8, 32-bit offsets
  kBinary,        // bytes, 32-bit offsets
  kJson,          // UTF-8 JSON text, 32-bit offsets
  kDate,          // 32-bit days since 1970-01-01 (proleptic Gregorian)
  kTime,          // 64-bit microseconds since midnight, 0 … 86,400,000,000 (24:00:00 is allowed)
  kTimestamp,     // an instant: 64-bit microseconds since 1970-01-01T00:00:00Z
  kTimestampNtz,  // a wall-clock reading without zone: 64-bit microseconds since 1970-01-01 00:00:00
};

inline constexpr int kMaxDecimalPrecision = 38;

struct Type {
  TypeId id = TypeId::kText;
  int precision = 0;  // kDecimal: 1 … 38
  int scale = 0;      // kDecimal: 0 … precision
  int length = 0;     // kText: varchar(n) when the source says so and full_with_precision is asked for; 0: unlimited

  friend bool operator==(const Type&, const Type&) = default;

  // The manifest's spelling: bigint, decimal(12,2), timestamp_ntz, …
  std::string ToString() const;
};

constexpr Type MakeType(TypeId id) { return Type{id, 0, 0, 0}; }
constexpr Type MakeDecimal(int precision, int scale) { return Type{TypeId::kDecimal, precision, scale, 0}; }

// Reads the spelling of ToString and its usual synonyms (int8, integer, varchar, timestamptz, …), any case.
Result<Type> ParseType(std::string_view text);

constexpr bool IsInteger(TypeId id) { return id == TypeId::kInt16 || id == TypeId::kInt32 || id == TypeId::kInt64; }
constexpr bool IsFloat(TypeId id) { return id == TypeId::kFloat32 || id == TypeId::kFloat64; }
constexpr bool IsNumber(TypeId id) { return IsInteger(id) || IsFloat(id) || id == TypeId::kDecimal; }
constexpr bool IsTextual(TypeId id) { return id == TypeId::kText || id == TypeId::kJson; }
constexpr bool IsTimestamp(TypeId id) { return id == TypeId::kTimestamp || id == TypeId::kTimestampNtz; }
constexpr bool IsDated(TypeId id) { return id == TypeId::kDate || IsTimestamp(id); }
constexpr bool HasOffsets(TypeId id) { return id == TypeId::kText || id == TypeId::kBinary || id == TypeId::kJson; }
// Bytes of one value in the values buffer; 0 for types with offsets and for kBool (bits).
constexpr int FixedWidth(TypeId id) {
  switch (id) {
    case TypeId::kInt16:
      return 2;
    case TypeId::kInt32:
    case TypeId::kFloat32:
    case TypeId::kDate:
      return 4;
    case TypeId::kInt64:
    case TypeId::kFloat64:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      return 8;
    case TypeId::kDecimal:
      return 16;
    case TypeId::kBool:
    case TypeId::kText:
    case TypeId::kBinary:
    case TypeId::kJson:
      return 0;
  }
  return 0;
}

}  // namespace nilus
