#include "nilus/base/clock.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>

namespace nilus {
namespace {

double SecondsOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Test builds: NILUS_CLOCK_SKEW_SECONDS moves this process's wall clock.
std::chrono::seconds Skew() {
#if NILUS_FAULT_POINTS
  static const char* const text = std::getenv("NILUS_CLOCK_SKEW_SECONDS");
  static const std::chrono::seconds skew(text == nullptr ? 0 : std::strtoll(text, nullptr, 10));
  return skew;
#else
  return {};
#endif
}

}  // namespace

WallTime Now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) + Skew();
}

std::string FormatWallTime(WallTime time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(day);
  int64_t micros = (time - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), micros / 3'600'000'000,
                     micros / 60'000'000 % 60, micros / 1'000'000 % 60, micros % 1'000'000);
}

double MonotonicSeconds() { return SecondsOf(CLOCK_MONOTONIC); }
double ThreadCpuSeconds() { return SecondsOf(CLOCK_THREAD_CPUTIME_ID); }
double ProcessCpuSeconds() { return SecondsOf(CLOCK_PROCESS_CPUTIME_ID); }

int64_t ProcessPeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;  // ru_maxrss is in KiB on Linux
}

int CpuCount() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

std::string NewId() {
  uint64_t random[2] = {};
  [[maybe_unused]] ssize_t got = getrandom(random, sizeof(random), 0);
  auto millis = static_cast<uint64_t>(Now().time_since_epoch().count() / 1000);
  uint64_t high = millis << 16 | 0x7000 | (random[0] & 0x0FFF);
  uint64_t low = (random[1] & 0x3FFFFFFFFFFFFFFF) | 0x8000000000000000;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF, low >> 48,
                     low & 0xFFFFFFFFFFFF);
}

}  // namespace nilus
