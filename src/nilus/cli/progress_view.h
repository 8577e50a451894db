// Shows a run while it runs: lines that are redrawn in place on a terminal, a line now and then elsewhere.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nilus/cli/command.h"
#include "nilus/engine/progress.h"

namespace nilus::cli {

enum class ProgressMode { kNone, kPlain, kLive };

// One line per table (at most ten, then a line that counts the rest): rows, rows/s, bytes, elapsed, and what remains
// when the source gave an estimate. Pure.
std::vector<std::string> RenderProgress(RunPhase phase, int attempt, const std::vector<Progress::Table>& tables,
                                        double elapsed_seconds, int columns);

// Watches from construction to destruction with a thread of its own. Takes over the log's output meanwhile, so that log
// lines and redrawn lines do not mix. `context` and `progress` must outlive it; nobody else writes to context.err.
class ProgressView {
 public:
  ProgressView(Context& context, const Progress& progress, std::string name, ProgressMode mode);
  ~ProgressView();
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

 private:
  void Watch(const std::stop_token& stop);
  void Draw();   // with mutex_ held
  void Erase();  // with mutex_ held
  static void WriteLogLine(void* self, std::string_view line);

  Context& context_;
  const Progress& progress_;
  std::string name_;
  ProgressMode mode_;
  double started_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  int lines_drawn_ = 0;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace nilus::cli
