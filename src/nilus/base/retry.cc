#include "nilus/base/retry.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace nilus {

Retry::Retry(RetryPolicy policy) : policy_(policy), random_(std::random_device{}()) {}

std::optional<std::chrono::milliseconds> Retry::NextDelay() {
  using std::chrono::milliseconds;
  if (attempts_ >= policy_.max_attempts) return std::nullopt;
  int64_t ceiling = policy_.first_delay.count() << std::min(attempts_ - 1, 20);
  ceiling = std::min<int64_t>(std::max<int64_t>(ceiling, 1), policy_.max_delay.count());
  milliseconds delay(std::uniform_int_distribution<int64_t>(ceiling / 2, ceiling)(random_));
  auto spent = std::chrono::steady_clock::now() - start_;
  if (spent + delay > policy_.total_budget) return std::nullopt;
  ++attempts_;
  return delay;
}

bool SleepUnlessStopped(std::chrono::milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace nilus
