// Lets a run's further readers in one by one, and only while the writer waits for rows. Where one reader gives more
// than the sink takes (a database's COPY in is slower than its COPY out), others would only take processors and
// connections from the end that everybody waits for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace nilus {

// Thread-safe: one writer, any number of readers.
class ReaderGate {
 public:
  using Duration = std::chrono::steady_clock::duration;

  // The writer has waited for a batch for kLongWait (again): rows that pass a filter, perhaps, and the source finds
  // them slowly.
  static constexpr std::chrono::milliseconds kLongWait{50};
  void WriterWaitsLong();
  // It has got one after `waited`, and needed `worked` to write it.
  void WriterWrote(Duration waited, Duration worked);

  // For a reader that is not the first. Waits until it is wanted; false when it is not needed any more.
  bool Enter(const std::stop_token& stop);
  // Nothing is left to read.
  void Close();

 private:
  void Forget();

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool closed_ = false;
  bool has_written_ = false;
  bool is_starved_ = false;
  int batches_ = 0;  // since the last look
  Duration waited_{};
  Duration worked_{};
};

}  // namespace nilus
