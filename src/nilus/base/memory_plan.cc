#include "nilus/base/memory_plan.h"

#include <algorithm>

namespace nilus {

MemoryPlan PlanMemory(int64_t limit_bytes) {
  int64_t total = std::max(limit_bytes, kSmallestMemoryLimit);
  int64_t queue = std::min(total / 32, 16 * kMiB);
  return {.total_bytes = total,
          .duckdb_bytes = total / 2,
          .connector_bytes = std::min(total / 8, 64 * kMiB),
          .queue_bytes = queue,
          .batch_bytes = std::clamp(queue / 16, 256 * kKiB, 1 * kMiB)};
}

}  // namespace nilus
