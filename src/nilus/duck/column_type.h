// Our logical types as DuckDB's, by name (SQL) and by handle (C API), and back.
#pragma once

#include <duckdb.h>

#include <string>

#include "nilus/data/type.h"

namespace nilus::duck {

// The type's SQL spelling: BIGINT, DECIMAL(12,2), TIMESTAMP WITH TIME ZONE, JSON, …
std::string SqlTypeName(const Type& type);
// The caller destroys the handle (duckdb_destroy_logical_type).
duckdb_logical_type MakeLogicalType(const Type& type);

}  // namespace nilus::duck
