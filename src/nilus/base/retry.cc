#include "nilus/base/retry.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

namespace nilus {
namespace {

#if NILUS_FAULT_POINTS
// Tests cut loads at thousands of points: NILUS_TEST_WAIT_PERCENT=1 makes them wait a hundredth before they try again.
int64_t WaitPercent() {
  static const int64_t percent = [] {
    const char* text = std::getenv("NILUS_TEST_WAIT_PERCENT");
    return text == nullptr ? int64_t{100} : std::strtoll(text, nullptr, 10);
  }();
  return percent;
}
#else
constexpr int64_t WaitPercent() { return 100; }
#endif

}  // namespace

Retry::Retry(RetryPolicy policy) : policy_(policy), random_(std::random_device{}()) {}

std::optional<std::chrono::milliseconds> Retry::NextDelay() {
  using std::chrono::milliseconds;
  if (attempts_ >= policy_.max_attempts) return std::nullopt;
  int64_t ceiling = policy_.first_delay.count() << std::min(attempts_ - 1, 20);
  ceiling = std::min<int64_t>(std::max<int64_t>(ceiling, 1), policy_.max_delay.count());
  milliseconds delay(std::uniform_int_distribution<int64_t>(ceiling / 2, ceiling)(random_) * WaitPercent() / 100);
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
