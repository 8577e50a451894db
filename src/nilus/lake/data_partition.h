// Which partition each row belongs to, a batch at a time.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "nilus/data/record_batch.h"
#include "nilus/lake/partition.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

// The rows of a batch that lie in one partition, in their order.
struct PartitionRows {
  int partition = 0;  // as Partitioner numbers them
  RecordBatch rows;
};

// Partitions are numbered in order of appearance. One thread at a time.
class Partitioner {
 public:
  // The transforms take their columns (CheckTransform).
  explicit Partitioner(PartitionSpec spec) : spec_(std::move(spec)) {}

  // `batch` has the layout of data files of `schema`; a source column that it lacks counts as NULL. Slices in order of
  // their first rows.
  Result<std::vector<PartitionRows>> Split(const IcebergSchema& schema, const RecordBatch& batch);

  int partitions() const { return static_cast<int>(tuples_.size()); }
  const std::vector<Literal>& tuple(int partition) const { return tuples_[static_cast<size_t>(partition)]; }
  const PartitionSpec& spec() const { return spec_; }

 private:
  Result<std::vector<int>> Number(const IcebergSchema& schema, const RecordBatch& batch);

  const PartitionSpec spec_;
  std::unordered_map<std::string, int> by_key_;
  std::vector<std::vector<Literal>> tuples_;
};

}  // namespace nilus::lake
