#include "nilus/engine/batch_size.h"

#include <algorithm>

#include "nilus/base/memory_plan.h"

namespace nilus {

Status CheckBatchSize(const RecordBatch& batch, int64_t largest_bytes) {
  if (largest_bytes == 0 || batch.ByteSize() <= largest_bytes) return {};
  const auto& columns = batch.columns();
  auto largest = std::max_element(columns.begin(), columns.end(),
                                  [](const Column& a, const Column& b) { return a.ByteSize() < b.ByteSize(); });
  constexpr int64_t kCopies = 4;  // MemoryPlan::largest_batch_bytes
  return FailWithFix(
      ErrorKind::kExhausted,
      fmt::format("raise resources.limits.memory to {} MiB or more", batch.ByteSize() * kCopies / kMiB + 1),
      "{} rows have {} MiB, most of them in column `{}`: within the memory limit {} MiB can be moved at once",
      batch.num_rows(), batch.ByteSize() / kMiB,
      batch.schema()->fields[static_cast<size_t>(largest - columns.begin())].name, largest_bytes / kMiB);
}

}  // namespace nilus
