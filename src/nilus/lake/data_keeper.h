// Brings complete data files to the store while others are written: makes them durable, reads what manifests say of
// them from their footers, uploads or moves them. One thread of its own.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "nilus/base/bounded_queue.h"
#include "nilus/base/result.h"
#include "nilus/duck/parquet_writer.h"
#include "nilus/lake/manifest.h"
#include "nilus/lake/schema.h"
#include "nilus/lake/table_files.h"

namespace nilus::lake {

// The outcome of writing a file that nobody names yet. Whether it is there when the answer was lost does not matter: it
// is written again under another name, so the loss is kTransient.
template <typename T>
Result<T> WithoutDoubt(Result<T> put) {
  if (!put && put.error().kind == ErrorKind::kUnknownOutcome) put.error().kind = ErrorKind::kTransient;
  return put;
}

// Add, Finish and destruction on one thread. Files that wait lie on the local disk: Add blocks when there are too many.
class FileKeeper {
 public:
  FileKeeper(StorePtr store, std::stop_token stop);
  ~FileKeeper();  // without Finish: removes what is in the store

  // `file` says all but sizes and metrics. The error of an earlier file, once there is one.
  Status Add(duck::WrittenFile written, DataFile file, IcebergSchema schema);
  // Waits for all files: in the store, durable, complete; in the order they came.
  Result<std::vector<DataFile>> Finish();

 private:
  struct Task {
    duck::WrittenFile written;
    DataFile file;
    IcebergSchema schema;
  };
  void Run();
  Status Keep(Task task);
  std::optional<Error> error();

  const StorePtr store_;
  const std::stop_token stop_;
  BoundedQueue<Task> queue_;
  std::mutex mutex_;
  std::optional<Error> error_;   // the first one
  std::vector<DataFile> files_;  // the thread's until it is joined
  std::jthread thread_;
};

}  // namespace nilus::lake
