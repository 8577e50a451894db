// Reads chunks of a snapshot by several threads at once and hands their batches to the caller's own, in any order.
#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"

namespace nilus {

// `take` is called on the calling thread with the index of the chunk and a batch of it. The first error ends all.
Status ReadChunks(SnapshotView& view, const std::vector<SnapshotChunk>& chunks, int threads, int64_t queue_bytes,
                  const std::stop_token& stop, const std::function<Status(size_t, RecordBatch)>& take);

}  // namespace nilus
