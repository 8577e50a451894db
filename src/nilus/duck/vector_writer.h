// Our columns into DuckDB's vectors: fixed widths are copied, texts and bytes are pointed to.
#pragma once

#include <duckdb.h>

#include <cstdint>

#include "nilus/data/record_batch.h"

namespace nilus::duck {

// Values [from, from + count) of the column, whose type is that of MakeLogicalType for the vector. count is at
// most duckdb_vector_size(). The vector refers to the column's bytes: they outlive its use.
void FillVector(const Column& column, int64_t from, int64_t count, duckdb_vector vector);
void FillNulls(duckdb_vector vector, int64_t count);

}  // namespace nilus::duck
