// Between RecordBatch and the Arrow C data interface, without copying values.
#pragma once

#include "nilus/base/result.h"
#include "nilus/data/arrow_abi.h"
#include "nilus/data/record_batch.h"

namespace nilus {

// Fills `out` with a struct type of the schema's fields. The receiver calls out->release.
void ExportSchema(const Schema& schema, ArrowSchema* out);
// Fills `out` with a struct array that shares the batch's buffers and keeps them alive until released.
void ExportBatch(const RecordBatch& batch, ArrowArray* out);

// The schema of a struct type. kUnsupported names the column and its Arrow format when it is none of ours (import what
// data/type.h lists; cast other types at their source).
Result<Schema> ImportSchema(const ArrowSchema& schema);
// Takes `array` over (moves it out, releases it when the last buffer is dropped). Its children match the schema's
// fields.
Result<RecordBatch> ImportBatch(ArrowArray* array, SchemaPtr schema);

}  // namespace nilus
