// Retries with a budget: capped exponential back-off with jitter, bounded in attempts and in total time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <stop_token>

#include "nilus/base/result.h"

namespace nilus {

struct RetryPolicy {
  int max_attempts = 12;  // the first one included: a minute of waiting, half of it by chance
  std::chrono::milliseconds first_delay{200};
  std::chrono::milliseconds max_delay{10'000};
  std::chrono::milliseconds total_budget{120'000};  // waiting and working together
};

// One operation's retries. Not thread-safe.
class Retry {
 public:
  explicit Retry(RetryPolicy policy);

  // How long to wait before the next attempt; nothing when attempts or time are spent.
  std::optional<std::chrono::milliseconds> NextDelay();
  int attempts() const { return attempts_; }

 private:
  RetryPolicy policy_;
  int attempts_ = 1;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mt19937 random_;
};

// Waits, or returns false at once when a stop is requested.
bool SleepUnlessStopped(std::chrono::milliseconds duration, const std::stop_token& stop);

}  // namespace nilus
