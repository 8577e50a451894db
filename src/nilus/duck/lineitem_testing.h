// A table like TPC-H's lineitem, made up on the spot: 16 columns, the same for the same row numbers. For tests and
// benchmarks.
#pragma once

#include <cstdint>

#include "nilus/data/record_batch.h"

namespace nilus::duck {

SchemaPtr LineitemSchema();
// Rows [first, first + count).
RecordBatch LineitemBatch(int64_t first, int64_t count);

}  // namespace nilus::duck
