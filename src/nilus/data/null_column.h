// Columns that a batch lacks.
#pragma once

#include "nilus/data/record_batch.h"

namespace nilus {

// A column of nothing but NULLs.
Column NullColumn(const Type& type, int64_t rows);

// The batch's columns in the order of `schema`, matched by name; those that it lacks are NULL. Columns that the schema
// lacks are left out. Shares what is there.
RecordBatch WithColumnsOf(const SchemaPtr& schema, const RecordBatch& batch);

}  // namespace nilus
