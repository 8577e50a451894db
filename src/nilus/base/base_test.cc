// Retries, the memory plan, nearest words, clocks, results: the small parts of base.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "nilus/base/clock.h"
#include "nilus/base/memory_plan.h"
#include "nilus/base/nearest.h"
#include "nilus/base/result.h"
#include "nilus/base/retry.h"

namespace nilus {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return FailWithFix(ErrorKind::kData, "use an even number", "{} is odd", value);
  return value / 2;
}

Result<int> Quarter(int value) {
  NILUS_ASSIGN(int half, Half(value));
  return Half(half);
}

Status CheckEven(int value) {
  NILUS_TRY(Half(value));
  return {};
}

TEST(ResultTest, MacrosPassValuesAndErrorsOn) {
  EXPECT_EQ(Quarter(12).value(), 3);
  EXPECT_EQ(Quarter(6).error().message, "3 is odd");
  EXPECT_EQ(Quarter(6).error().fix, "use an even number");
  EXPECT_TRUE(CheckEven(2).has_value());
  EXPECT_EQ(CheckEven(3).error().kind, ErrorKind::kData);
}

TEST(ResultTest, ContextStandsBeforeTheMessage) {
  Error error = InContext("table a.b", Half(1).error());
  EXPECT_EQ(error.message, "table a.b: 1 is odd");
  EXPECT_EQ(error.kind, ErrorKind::kData);
}

TEST(RetryTest, StopsAtTheNumberOfAttempts) {
  Retry retry(
      {.max_attempts = 3, .first_delay = std::chrono::milliseconds(4), .max_delay = std::chrono::milliseconds(6)});
  auto first = retry.NextDelay();
  auto second = retry.NextDelay();
  ASSERT_TRUE(first && second);
  EXPECT_GE(first->count(), 2);
  EXPECT_LE(first->count(), 4);
  EXPECT_GE(second->count(), 3);
  EXPECT_LE(second->count(), 6);  // doubled to 8, capped at 6
  EXPECT_FALSE(retry.NextDelay().has_value());
  EXPECT_EQ(retry.attempts(), 3);
}

TEST(RetryTest, StopsAtTheTimeBudget) {
  Retry retry({.max_attempts = 100,
               .first_delay = std::chrono::milliseconds(1000),
               .total_budget = std::chrono::milliseconds(100)});
  EXPECT_FALSE(retry.NextDelay().has_value());
}

TEST(RetryTest, SleepEndsAtOnceWhenStopped) {
  std::stop_source source;
  source.request_stop();
  EXPECT_FALSE(SleepUnlessStopped(std::chrono::hours(1), source.get_token()));
  EXPECT_TRUE(SleepUnlessStopped(std::chrono::milliseconds(0), std::stop_source().get_token()));
}

TEST(MemoryPlanTest, PartsStayUnderTheLimit) {
  for (int64_t limit : {int64_t{1}, 64 * kMiB, 100 * kMiB, 512 * kMiB, 64 * kGiB}) {
    MemoryPlan plan = PlanMemory(limit);
    EXPECT_GE(plan.total_bytes, kSmallestMemoryLimit);
    EXPECT_LT(plan.duckdb_bytes + plan.queue_bytes, plan.total_bytes);
    EXPECT_LE(plan.batch_bytes, plan.queue_bytes / 2);
  }
}

TEST(NearestTest, FindsTypingErrors) {
  const std::string_view known[] = {"source_table", "dest_table", "primary_key", "incremental_key"};
  EXPECT_EQ(Nearest("source-table", known), "source_table");
  EXPECT_EQ(Nearest("primarykey", known), "primary_key");
  EXPECT_EQ(Nearest("Dset_table", known), "dest_table");
  EXPECT_EQ(Nearest("colour", known), "");
  EXPECT_EQ(Nearest(std::string(100'000, 'x'), known), "");
}

TEST(NearestTest, SwapIsOneEdit) {
  EXPECT_EQ(EditDistance("abcd", "abdc"), 1);
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
}

TEST(ClockTest, WallTimeIsIso) {
  EXPECT_EQ(FormatWallTime(WallTime(std::chrono::microseconds(1'700'000'000'123'456))), "2023-11-14T22:13:20.123456Z");
  EXPECT_EQ(FormatWallTime(WallTime(std::chrono::microseconds(-1))), "1969-12-31T23:59:59.999999Z");
}

TEST(ClockTest, IdsAreVersionSevenAndDistinct) {
  std::set<std::string> ids;
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  for (int i = 0; i < 1000; ++i) {
    std::string id = NewId();
    EXPECT_TRUE(std::regex_match(id, form)) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(ClockTest, ThisProcessUsesResources) {
  EXPECT_GT(ProcessPeakBytes(), 0);
  EXPECT_GE(CpuCount(), 1);
  EXPECT_GE(ProcessCpuSeconds(), 0);
}

}  // namespace
}  // namespace nilus
