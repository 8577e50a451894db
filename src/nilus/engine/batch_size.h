// The largest batch that a run may hold under its memory limit.
#pragma once

#include <cstdint>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"

namespace nilus {

// To be asked before anything makes another copy of the batch. kExhausted names the column, and the limit that would
// do, when the batch has more than `largest_bytes` (MemoryPlan::largest_batch_bytes): rows with huge values. 0: any
// will do.
Status CheckBatchSize(const RecordBatch& batch, int64_t largest_bytes);

}  // namespace nilus
