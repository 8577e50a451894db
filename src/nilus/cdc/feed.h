// Reads a log ahead on a thread of its own, so that the source is listened to while the sink commits. Holds a number of
// bytes at most (a chunk that is larger passes alone); then the source waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"

namespace nilus {

struct FeedLimits {
  int64_t chunk_rows = 2048;
  int64_t chunk_bytes = 1 << 20;
  int64_t queue_bytes = 16 << 20;
};

class ChangeFeed {
 public:
  ChangeFeed(std::unique_ptr<ChangeReader> reader, FeedLimits limits);
  ~ChangeFeed();  // ends the thread, and with it the stream

  // The next chunk; nothing when none came until `deadline` or a stop was requested. The reader's error, once all that
  // came before it is taken.
  Result<std::optional<ChangeChunk>> Take(std::chrono::steady_clock::time_point deadline, const std::stop_token& stop);
  bool IsEmpty() const;

 private:
  void Read(const std::stop_token& stop);
  void Push(ChangeChunk chunk, const std::stop_token& stop);

  const std::unique_ptr<ChangeReader> reader_;
  const FeedLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any filled_;
  std::deque<std::pair<ChangeChunk, int64_t>> chunks_;  // with their bytes; guarded by mutex_, as are the rest
  int64_t bytes_ = 0;
  std::optional<Error> error_;
  std::jthread thread_;
};

}  // namespace nilus
