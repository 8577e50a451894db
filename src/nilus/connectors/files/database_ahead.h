// A DuckDB in memory, opened by a thread of its own while a run asks source and sink what they hold: loading the
// library and opening takes 35 ms, half of a run that moves no rows.
#pragma once

#include <future>
#include <memory>
#include <mutex>

#include "nilus/base/result.h"
#include "nilus/connector/connector.h"
#include "nilus/duck/database.h"

namespace nilus::files {

// Thread-safe. Its destructor waits for the thread.
class DatabaseAhead {
 public:
  explicit DatabaseAhead(OpenContext context) : context_(std::move(context)) {}

  // Starts to open it, unless that was done before.
  void Begin();
  // The one database of all callers; opens it here where nobody began, and waits where somebody did.
  Result<std::shared_ptr<duck::Database>> Get();

 private:
  const OpenContext context_;
  std::mutex mutex_;
  std::future<Result<std::shared_ptr<duck::Database>>> opening_;
  std::shared_ptr<duck::Database> database_;
};

}  // namespace nilus::files
