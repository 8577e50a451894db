// A queue between threads that holds at most a number of bytes: back-pressure in one place.
// Any number of producers and consumers. An item larger than the limit is let in when the queue is empty, so a single
// huge row still passes; whoever pushed it makes no other one before the consumer has come back for more (or said that
// it will not), so that huge rows pass one by one.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace nilus {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Waits for room, and behind an item over the limit until it is dealt with. False when the queue was closed or a stop
  // was requested; the item is then dropped.
  bool Push(T item, int64_t bytes, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!room_.wait(lock, stop, [&] { return closed_ || items_.empty() || bytes_ + bytes <= max_bytes_; }))
      return false;
    if (closed_) return false;
    bytes_ += bytes;
    items_.emplace_back(std::move(item), bytes);
    const int64_t number = ++pushed_;
    filled_.notify_one();
    if (bytes <= max_bytes_) return true;
    ++waiting_behind_;
    const bool is_returned = room_.wait(lock, stop, [&] { return returned_ >= number; });
    --waiting_behind_;
    return is_returned;
  }

  // Waits for an item. Nothing when the queue is closed and empty, or a stop was requested.
  std::optional<T> Pop(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ReturnTaken();
    filled_.wait(lock, stop, [&] { return closed_ || !items_.empty(); });
    return TakeFirst(std::move(lock));
  }
  // The same; `tell` is called each time that nothing came for so long. Not under the queue's lock.
  template <typename Duration, typename Tell>
  std::optional<T> Pop(const std::stop_token& stop, Duration patience, const Tell& tell) {
    std::unique_lock lock(mutex_);
    ReturnTaken();
    while (!filled_.wait_for(lock, stop, patience, [&] { return closed_ || !items_.empty(); })) {
      if (stop.stop_requested()) return std::nullopt;
      lock.unlock();
      tell();
      lock.lock();
    }
    return TakeFirst(std::move(lock));
  }

  // A consumer is done with what it took and comes for no more: it may have been the one that a producer waits for.
  void Leave() {
    std::lock_guard lock(mutex_);
    ReturnTaken();
  }

  // No more items will come; consumers drain what is there.
  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
    filled_.notify_all();
  }

  int64_t bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  void ReturnTaken() {
    returned_ = pushed_ - static_cast<int64_t>(items_.size());
    if (waiting_behind_ > 0) room_.notify_all();
  }
  std::optional<T> TakeFirst(std::unique_lock<std::mutex> lock) {
    if (items_.empty()) return std::nullopt;
    auto [item, bytes] = std::move(items_.front());
    items_.pop_front();
    bytes_ -= bytes;
    lock.unlock();
    room_.notify_all();
    return std::optional<T>(std::move(item));
  }

  const int64_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable_any filled_;
  std::deque<std::pair<T, int64_t>> items_;
  int64_t bytes_ = 0;
  int64_t pushed_ = 0;
  int64_t returned_ = 0;    // of the items taken, those that their consumer is done with
  int waiting_behind_ = 0;  // producers, behind an item over the limit
  bool closed_ = false;
};

}  // namespace nilus
