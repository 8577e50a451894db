// What a running pipeline is doing, for somebody else's eyes: counters that its threads raise without locks, and that
// the terminal view polls. One Progress per run; it outlives the run.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nilus {

enum class RunPhase : int { kStarting, kMoving, kFinishing, kCommitting, kWaitingToRetry, kDone };
std::string_view RunPhaseName(RunPhase phase);  // "starting", "moving", …

// Counters of one destination table in the current attempt.
struct TableProgress {
  explicit TableProgress(std::string table_name) : name(std::move(table_name)) {}

  const std::string name;  // schema.table at the destination
  std::atomic<int64_t> rows_read{0};
  std::atomic<int64_t> bytes_read{0};  // in Arrow layout
  std::atomic<int64_t> rows_loaded{0};
  std::atomic<int64_t> bytes_loaded{0};
  std::atomic<int64_t> estimated_rows{-1};  // -1: not known
  std::atomic<int> splits_done{0};
  std::atomic<int> splits{0};
  std::atomic<bool> done{false};
};

class Progress {
 public:
  struct Table {  // a copy of the counters at one moment
    std::string name;
    int64_t rows_read = 0;
    int64_t bytes_read = 0;
    int64_t rows_loaded = 0;
    int64_t bytes_loaded = 0;
    int64_t estimated_rows = -1;
    int splits_done = 0;
    int splits = 0;
    bool done = false;
  };

  // Any thread, at any time.
  RunPhase phase() const { return phase_.load(std::memory_order_relaxed); }
  int attempt() const { return attempt_.load(std::memory_order_relaxed); }  // 1, 2, …; 0 before the first
  std::vector<Table> Tables() const;                                        // takes a lock that counting never takes

  // The engine's side. StartAttempt drops all tables: references to them end with the attempt's threads.
  void StartAttempt(int attempt);
  void SetPhase(RunPhase phase) { phase_.store(phase, std::memory_order_relaxed); }
  TableProgress& AddTable(std::string name);

 private:
  std::atomic<RunPhase> phase_{RunPhase::kStarting};
  std::atomic<int> attempt_{0};
  mutable std::mutex mutex_;
  std::deque<TableProgress> tables_;  // guarded by mutex_; elements stay where they are
};

}  // namespace nilus
