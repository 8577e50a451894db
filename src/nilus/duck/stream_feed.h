// What stands between the thread that pushes batches and the DuckDB threads that scan them: a bounded queue with an
// end, and an abort from either side.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "nilus/base/bounded_queue.h"
#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"

namespace nilus::duck {

// Some rows of a batch, and where the relation's columns are in it (-1: not there, so NULL).
struct FedBatch {
  RecordBatch batch;
  int64_t first_row = 0;
  int64_t end_row = 0;
  std::shared_ptr<const std::vector<int>> columns;
};

// Thread-safe.
class StreamFeed {
 public:
  StreamFeed(SchemaPtr schema, int64_t queue_bytes, int scan_threads)
      : schema_(std::move(schema)), scan_threads_(scan_threads), queue_(queue_bytes) {}

  const SchemaPtr& schema() const { return schema_; }
  int scan_threads() const { return scan_threads_; }

  // False after Abort.
  bool Push(FedBatch batch);
  void Close() { queue_.Close(); }
  // Nothing at the end, or after Abort.
  std::optional<FedBatch> Pop() { return queue_.Pop(aborted_.get_token()); }
  // A thread that popped will not again: its statement has what it wants (LIMIT).
  void Leave() { queue_.Leave(); }

  // Ends both sides at once. The first reason stays.
  void Abort(Error reason);
  std::optional<Error> abort_reason() const;

 private:
  const SchemaPtr schema_;
  const int scan_threads_;
  BoundedQueue<FedBatch> queue_;
  std::stop_source aborted_;
  mutable std::mutex mutex_;
  std::optional<Error> reason_;
};

// The feeds that statements of one database may name, by number. Thread-safe.
class StreamRegistry {
 public:
  int64_t Add(std::shared_ptr<StreamFeed> feed);
  void Remove(int64_t id);
  std::shared_ptr<StreamFeed> Find(int64_t id) const;
  bool empty() const;

 private:
  mutable std::mutex mutex_;
  int64_t last_id_ = 0;
  std::map<int64_t, std::shared_ptr<StreamFeed>> feeds_;
};

}  // namespace nilus::duck
