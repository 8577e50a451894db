// Work that several threads do at once, handed over in order: each piece has a number, the outputs of a piece come out
// before those of the next one. Bounded: a thread that is far ahead of the reader waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace nilus::files {

// Thread-safe; one thread pops. Every blocking call but Pop ends with false after Close.
template <typename Output>
class OrderedOutputs {
 public:
  // At most `pieces` of them are open at once.
  explicit OrderedOutputs(int64_t pieces) : most_open_(pieces) {}

  // Waits until piece `number` may be worked at; numbers are 0, 1, 2 …, each opened once, in order.
  bool Open(int64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || number < first_ + most_open_; });
    if (closed_) return false;
    pieces_.emplace_back();
    return true;
  }
  // Waits until all pieces before `number` have been popped.
  bool WaitForTurn(int64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || first_ >= number; });
    return !closed_;
  }
  bool Push(int64_t number, Output output) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || At(number).outputs.size() < kMostWaiting; });
    if (closed_) return false;
    At(number).outputs.push_back(std::move(output));
    changed_.notify_all();
    return true;
  }
  // Piece `number` has no more outputs.
  void Finish(int64_t number) {
    std::unique_lock lock(mutex_);
    if (closed_) return;
    At(number).is_finished = true;
    changed_.notify_all();
  }
  // There are no pieces from `number` on.
  void End(int64_t number) {
    std::unique_lock lock(mutex_);
    end_ = number;
    changed_.notify_all();
  }
  // The next output; nothing at the end, or when a stop is requested.
  std::optional<Output> Pop(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (true) {
      while (!pieces_.empty() && pieces_.front().is_finished && pieces_.front().outputs.empty()) {
        pieces_.pop_front();
        ++first_;
        changed_.notify_all();
      }
      if (!pieces_.empty() && !pieces_.front().outputs.empty()) {
        Output output = std::move(pieces_.front().outputs.front());
        pieces_.front().outputs.pop_front();
        changed_.notify_all();
        return output;
      }
      if (first_ == end_ || stop.stop_requested()) return std::nullopt;
      changed_.wait(lock, stop, [&] {
        return first_ == end_ ||
               (!pieces_.empty() && (pieces_.front().is_finished || !pieces_.front().outputs.empty()));
      });
    }
  }
  // Everybody who waits gives up.
  void Close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  struct Piece {
    std::deque<Output> outputs;
    bool is_finished = false;
  };
  static constexpr size_t kMostWaiting = 2;

  Piece& At(int64_t number) { return pieces_[static_cast<size_t>(number - first_)]; }

  const int64_t most_open_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Piece> pieces_;  // guarded by mutex_, as are the rest
  int64_t first_ = 0;         // number of pieces_.front()
  int64_t end_ = -1;
  bool closed_ = false;
};

}  // namespace nilus::files
