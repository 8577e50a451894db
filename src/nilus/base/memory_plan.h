// How the process's memory limit (the manifest's resources.limits.memory) is shared out. Fixed before a run starts, so
// that no stage discovers the limit by running into it.
#pragma once

#include <cstdint>

namespace nilus {

inline constexpr int64_t kKiB = 1024;
inline constexpr int64_t kMiB = 1024 * kKiB;
inline constexpr int64_t kGiB = 1024 * kMiB;
inline constexpr int64_t kDefaultMemoryLimit = 512 * kMiB;
inline constexpr int64_t kSmallestMemoryLimit = 64 * kMiB;

struct MemoryPlan {
  int64_t total_bytes;      // the limit
  int64_t duckdb_bytes;     // DuckDB's memory_limit: half
  int64_t connector_bytes;  // what a source, a sink and a writer may hold each: an eighth, at most 64 MiB
  int64_t queue_bytes;      // all batches waiting between stages: a 32nd, at most 16 MiB. More is no faster
  int64_t batch_bytes;      // a reader ends a batch at this size whatever its row count: at most 1 MiB

  // Of a batch that is one huge row: it is held up to four times (as it arrived, as a column, as the sink wants it, and
  // in the sink's library).
  int64_t largest_batch_bytes() const { return total_bytes / 4; }
};

// Pure: the same limit gives the same plan. Limits under kSmallestMemoryLimit are raised to it.
MemoryPlan PlanMemory(int64_t limit_bytes);

}  // namespace nilus
