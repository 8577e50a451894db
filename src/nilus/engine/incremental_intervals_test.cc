// Intervals, what an append remembers of them, and what becomes of a table that is gone.
#include "nilus/engine/incremental_fixture_test.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(IncrementalTest, IntervalsAreHalfOpen) {
  for (int at : {5, 10, 15, 20}) Insert(at, at, std::to_string(at));
  job_.interval_start = "10";
  job_.interval_end = "20";
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("10", "15"));
}

TEST_F(IncrementalTest, ABackfillLeavesTheCursorWhereItIs) {
  for (int at : {10, 20, 30}) Insert(at, at, std::to_string(at));
  job_.strategy = WriteStrategy::kDeleteInsert;
  RunOk();
  EXPECT_EQ(last_.cursor_after, "30");
  job_.interval_start = "10";
  job_.interval_end = "25";
  RunOk();
  EXPECT_EQ(last_.cursor_after, "30");
  EXPECT_THAT(Values(), ElementsAre("10", "20", "30"));
}

TEST_F(IncrementalTest, AnIntervalPastAGapDoesNotMoveTheCursorOverIt) {
  Insert(1, 10, "a");
  RunOk();
  Insert(2, 15, "between");
  Insert(3, 50, "far");
  job_.interval_start = "40";
  job_.interval_end = "60";
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"id"};
  RunOk();
  EXPECT_EQ(last_.cursor_after, "10");
  EXPECT_THAT(last_.warnings, ElementsAre(HasSubstr("lies behind the cursor")));
  job_.interval_start.clear();
  job_.interval_end.clear();
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "between", "far"));
}

TEST_F(IncrementalTest, IntervalsThatJoinCarryTheCursorOn) {
  for (int at : {5, 12, 27}) Insert(at, at, std::to_string(at));
  job_.interval_start = "0";
  job_.interval_end = "10";
  RunOk();
  job_.interval_start = "10";
  job_.interval_end = "20";
  RunOk();
  EXPECT_EQ(last_.cursor_after, "12");
  job_.interval_start = "20";
  job_.interval_end = "30";
  RunOk();
  EXPECT_EQ(last_.cursor_after, "27");
  EXPECT_THAT(last_.warnings, IsEmpty());
}

TEST_F(IncrementalTest, AnIntervalIsAppendedOnce) {
  for (int at : {5, 12, 15}) Insert(at, at, std::to_string(at));
  job_.interval_start = "10";
  job_.interval_end = "20";
  RunOk();
  Result<PlanReport> plan = PlanJob(job_, QuickOptions());
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->warnings, ElementsAre(HasSubstr("is loaded already")));
  RunOk();  // a scheduler that did not hear of the first one
  EXPECT_THAT(Values(), ElementsAre("12", "15"));
  EXPECT_THAT(last_.warnings,
              ElementsAre(testing::AllOf(HasSubstr("from 10 to 20 of t is loaded already"), HasSubstr("state reset"))));
  EXPECT_TRUE(last_.tables.empty());
  EXPECT_EQ(last_.cursor_after, "15");
  ASSERT_TRUE(ResetJobState(job_, QuickOptions()));
  RunOk();
  EXPECT_EQ(Values().size(), 4U);
  job_.strategy = WriteStrategy::kDeleteInsert;
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("12", "15"));
}

TEST_F(IncrementalTest, AnIntervalIsAppendedOnceHoweverTheyAreOrdered) {
  for (int at : {12, 22, 32, 42}) Insert(at, at, std::to_string(at));
  auto load = [&](const char* start, const char* end) {
    job_.interval_start = start;
    job_.interval_end = end;
    return Run();
  };
  ASSERT_TRUE(load("30", "40").is_success);
  ASSERT_TRUE(load("10", "20").is_success);
  ASSERT_TRUE(load("20", "30").is_success);
  EXPECT_THAT(Values(), ElementsAre("12", "22", "32"));
  for (auto [start, end] : {std::pair("30", "40"), {"10", "20"}, {"15", "35"}, {"9", "10"}}) {
    EXPECT_TRUE(load(start, end).is_success) << start;
  }
  EXPECT_THAT(Values(), ElementsAre("12", "22", "32")) << "all of them are loaded, or empty";
  RunReport partly = load("35", "50");
  ASSERT_FALSE(partly.is_success);
  EXPECT_EQ(partly.error->kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(partly.error->message, HasSubstr("from 10 to 40 are loaded already"));
  EXPECT_TRUE(load("40", "50").is_success);
  EXPECT_THAT(Values(), ElementsAre("12", "22", "32", "42"));
}

TEST_F(IncrementalTest, AnIntervalAfterEverythingDoublesNothing) {
  for (int at : {12, 22}) Insert(at, at, std::to_string(at));
  RunOk();
  job_.interval_start = "10";
  job_.interval_end = "20";
  RunOk();
  EXPECT_THAT(last_.warnings, ElementsAre(HasSubstr("is loaded already")));
  Insert(3, 22, "late, at the cursor");
  Insert(4, 25, "25");
  job_.interval_start = "22";
  job_.interval_end = "30";
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("12", "22", "25", "late, at the cursor"));
}

TEST_F(IncrementalTest, AnEmptyIntervalMayBeLoadedOnceItHasRows) {
  job_.interval_start = "10";
  job_.interval_end = "20";
  RunOk();
  Insert(1, 12, "late");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("late"));
}

TEST_F(IncrementalTest, AppendingWithoutAnIntervalStopsBeforeOneThatIsLoadedAhead) {
  Insert(1, 10, "a");
  RunOk();
  Insert(2, 50, "ahead");
  job_.interval_start = "40";
  job_.interval_end = "60";
  RunOk();
  job_.interval_start.clear();
  job_.interval_end.clear();
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_THAT(report.error->message, HasSubstr("from 40 to 60 are loaded already"));
  EXPECT_THAT(Values(), ElementsAre("a", "ahead"));
}

TEST_F(IncrementalTest, ATableThatIsGoneIsNotFilledFromTheCursorOn) {
  Insert(1, 10, "a");
  RunOk();
  world_.destination.tables.clear();
  Insert(2, 20, "b");
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(report.error->message, HasSubstr("is gone"));
  EXPECT_THAT(report.error->fix, HasSubstr("full_refresh"));
  job_.full_refresh = true;
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b"));
}

TEST_F(IncrementalTest, ACursorMayBeSetBeforeThereIsATable) {
  Insert(1, 10, "a");
  Insert(2, 20, "b");
  ASSERT_TRUE(SetJobState(job_, QuickOptions(), "20"));
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("b"));
}

}  // namespace
}  // namespace nilus
