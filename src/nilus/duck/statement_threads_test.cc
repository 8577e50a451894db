#include "nilus/duck/statement_threads.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <set>

namespace nilus::duck {
namespace {

TEST(StatementThreadsTest, OneThreadServesWhatRunsOneAfterTheOther) {
  StatementThreads threads;
  std::set<std::thread::id> seen;
  for (int i = 0; i < 50; ++i) threads.Start([&] { seen.insert(std::this_thread::get_id()); }).get();
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_FALSE(seen.contains(std::this_thread::get_id()));
}

TEST(StatementThreadsTest, TasksThatNeedEachOtherRunAtOnce) {
  StatementThreads threads;
  for (int round = 0; round < 10; ++round) {
    std::latch all(3);
    std::array<std::future<void>, 3> done;
    for (std::future<void>& one : done) one = threads.Start([&] { all.arrive_and_wait(); });
    for (std::future<void>& one : done) one.get();
  }
}

TEST(StatementThreadsTest, TheEndWaitsForItsTasks) {
  std::atomic<int> ended = 0;
  {
    std::latch begun(1);  // outlives the threads
    StatementThreads threads;
    threads.Start([&] {
      begun.count_down();
      ++ended;
    });
    threads.Start([&] {
      begun.wait();
      ++ended;
    });
  }
  EXPECT_EQ(ended, 2);
}

}  // namespace
}  // namespace nilus::duck
