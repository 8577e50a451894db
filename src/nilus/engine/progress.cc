#include "nilus/engine/progress.h"

namespace nilus {

std::string_view RunPhaseName(RunPhase phase) {
  switch (phase) {
    case RunPhase::kStarting:
      return "starting";
    case RunPhase::kMoving:
      return "moving";
    case RunPhase::kFinishing:
      return "finishing";
    case RunPhase::kCommitting:
      return "committing";
    case RunPhase::kWaitingToRetry:
      return "waiting to retry";
    case RunPhase::kDone:
      return "done";
  }
  return "unknown";
}

std::vector<Progress::Table> Progress::Tables() const {
  std::lock_guard lock(mutex_);
  std::vector<Table> tables;
  tables.reserve(tables_.size());
  for (const TableProgress& table : tables_) {
    tables.push_back(Table{.name = table.name,
                           .rows_read = table.rows_read.load(std::memory_order_relaxed),
                           .bytes_read = table.bytes_read.load(std::memory_order_relaxed),
                           .rows_loaded = table.rows_loaded.load(std::memory_order_relaxed),
                           .bytes_loaded = table.bytes_loaded.load(std::memory_order_relaxed),
                           .estimated_rows = table.estimated_rows.load(std::memory_order_relaxed),
                           .splits_done = table.splits_done.load(std::memory_order_relaxed),
                           .splits = table.splits.load(std::memory_order_relaxed),
                           .done = table.done.load(std::memory_order_relaxed)});
  }
  return tables;
}

void Progress::StartAttempt(int attempt) {
  std::lock_guard lock(mutex_);
  tables_.clear();
  attempt_.store(attempt, std::memory_order_relaxed);
  phase_.store(RunPhase::kStarting, std::memory_order_relaxed);
}

TableProgress& Progress::AddTable(std::string name) {
  std::lock_guard lock(mutex_);
  return tables_.emplace_back(std::move(name));
}

}  // namespace nilus
