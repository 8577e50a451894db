// One column of DuckDB's result vectors into our column layout, without loss: see query_reader.h for the type table.
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/type.h"

namespace nilus::duck {

class VectorReader {
 public:
  // For a type that needs_cast, a reader that gives NULLs (as text).
  static VectorReader For(duckdb_logical_type type, bool keep_narrow);

  const Type& type() const { return type_; }
  // Not empty: DuckDB itself must turn the column into VARCHAR first, by this function or cast ("to_json", "CAST").
  const char* cast() const { return cast_; }
  bool has_bytes() const { return HasOffsets(type_.id); }

  // Appends values [from, to) of a flat vector to the builder's column, misfits to its variant column.
  void Append(duckdb_vector vector, int64_t from, int64_t to, int index, BatchBuilder* builder) const;
  // Adds the length of each value in [from, to) to bytes[row]: for ending a batch before it grows too large.
  void AddByteSizes(duckdb_vector vector, int64_t from, int64_t to, int64_t* bytes) const;

 private:
  enum class Kind {
    kBool,
    kInt8,
    kInt16,
    kInt32,
    kInt64,
    kUint8,
    kUint16,
    kUint32,
    kUint64,
    kHugeint,
    kUhugeint,
    kFloat,
    kDouble,
    kDecimal16,
    kDecimal32,
    kDecimal64,
    kDecimal128,
    kBytes,
    kDate,
    kTime,
    kTimestamp,
    kSeconds,
    kMillis,
    kNanos,
    kUuid,
    kEnum8,
    kEnum16,
    kEnum32,
    kNulls
  };

  Kind kind_ = Kind::kNulls;
  Type type_;
  const char* cast_ = nullptr;
  std::vector<std::string> labels_;  // of an ENUM
};

}  // namespace nilus::duck
