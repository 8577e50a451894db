#include "nilus/base/idle_memory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>

namespace nilus {
namespace {

// KiB of files' pages that the process holds.
int64_t HeldOfFiles() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stoll(line.substr(8));
  }
  ADD_FAILURE() << "no RssFile in /proc/self/status";
  return 0;
}

TEST(IdleMemory, CodeIsLetGoUnderRunningThreadsAndComesBack) {
  std::atomic<bool> is_done = false;
  std::atomic<int64_t> steps = 0;
  std::thread worker([&] {
    while (!is_done) steps += static_cast<int64_t>(std::to_string(steps).size());
  });
  const int64_t before = HeldOfFiles();
  GiveBackIdleMemory();
  EXPECT_LT(HeldOfFiles(), before);
  const int64_t seen = steps;
  while (steps == seen) std::this_thread::yield();
  is_done = true;
  worker.join();
}

}  // namespace
}  // namespace nilus
