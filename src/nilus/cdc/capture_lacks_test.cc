// What the log does not tell of a table, and what becomes of the table then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "nilus/cdc/capture_story_testing.h"
#include "nilus/cdc/position.h"
#include "nilus/cdc/service_folder.h"

namespace nilus {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CaptureLacks : public CaptureStory {
 protected:
  // A transaction of which the log tells the first row only.
  void Lose(Lack lack) {
    world_.log.Begin();
    world_.log.Insert("items", {"20", "told"});
    world_.log.Lacks("items", lack);
    world_.log.Insert("items", {"21", "lost"});
    world_.log.Delete("items", "5");
    world_.log.Commit();
  }
  CdcPosition Committed() const { return *ParseCdcPosition(world_.store.state->position); }
};

TEST_F(CaptureLacks, ATableIsReadAnew) {
  ASSERT_TRUE(Run().is_success);
  Lose(Lack::kChanges);
  Write(30, 30, "later");
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("table public.items: some are lacking. It is read anew")));
  ExpectEqual();
}

TEST_F(CaptureLacks, WhatIsNotReadYetNeedsNoWord) {
  on_commit_ = [this] { stop_.request_stop(); };  // behind the first commit: nothing is read yet
  static_cast<void>(Run());
  on_commit_ = nullptr;
  Lose(Lack::kChanges);
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, IsEmpty());
  ExpectEqual();
}

TEST_F(CaptureLacks, AModeThatReadsNoRowsEndsUntilTheTableIsAskedFor) {
  folder_ = std::filesystem::temp_directory_path() / ("nilus-cdc-test-" + NewId());
  ASSERT_TRUE(Run().is_success);
  Lose(Lack::kChanges);
  const RunReport report = Run({{"snapshot.mode", "no_data"}});
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->kind, ErrorKind::kUnsupported);
  EXPECT_THAT(report.error->fix, HasSubstr("nilus cdc snapshot FILE --table public.items --anew"));
  ServiceFolder folder = ServiceFolder::Of("public/test:raw", "", [this](std::string_view name) {
    return name == "NILUS_STATE_DIR" ? std::optional(folder_) : std::nullopt;
  });
  ASSERT_TRUE(folder.Ask({"public.items"}, true));
  ASSERT_TRUE(Run({{"snapshot.mode", "no_data"}}).is_success);
  ExpectEqual();
  std::filesystem::remove_all(folder_);
}

TEST_F(CaptureLacks, ATableIsNotReadAtAViewFromBeforeWhatIsLost) {
  ASSERT_TRUE(Run().is_success);
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    world_.random = seed;
    Write(30 + static_cast<int>(seed), 30 + static_cast<int>(seed), "before the view");
    int calls = 0;
    world_.on_call = [&] {
      if (++calls != 2) return;  // the view is taken, and the stream goes up to it
      world_.log.Begin();
      world_.log.Lacks("items", Lack::kChanges);
      world_.log.Insert("items", {std::to_string(50 + seed), "lost"});
      world_.log.Commit();
    };
    ASSERT_TRUE(Run({{"snapshot.mode", "always"}}).is_success);
    world_.on_call = nullptr;
    ExpectEqual();
  }
}

TEST_F(CaptureLacks, WhatIsGoneForGoodIsNamed) {
  ASSERT_TRUE(Run().is_success);
  Lose(Lack::kForGood);
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("table public.items: some are lacking. They are left out")));
  EXPECT_TRUE(world_.Merged("items").contains("20"));
}

TEST_F(CaptureLacks, ATableThatIsBackUnderItsNameIsReadAnew) {
  ASSERT_TRUE(Run().is_success);
  Lose(Lack::kWasAway);
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("table public.items: some are lacking. It is read anew")));
  ExpectEqual();
}

TEST_F(CaptureLacks, ATableThatComesBackIsReadAsAWhole) {
  ASSERT_TRUE(Run().is_success);
  Lose(Lack::kMoved);
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("table public.items: some are lacking, and are not loaded")));
  EXPECT_TRUE(world_.Merged("items").contains("20"));  // what came before it left its name
  EXPECT_TRUE(Committed().IsAway("public.items"));
  Write(30, 30, "back");
  ASSERT_TRUE(Run().is_success);
  ExpectEqual();
}

TEST_F(CaptureLacks, ATableThatComesBackInTheSameChunkIsReadAnew) {
  world_.splits_transactions = false;
  ASSERT_TRUE(Run().is_success);
  Lose(Lack::kMoved);
  world_.log.Begin();
  world_.log.AddColumn("items", Field{"more", MakeType(TypeId::kInt64), true, {}});
  world_.log.Insert("items", {"31", "back", "1"});
  world_.log.Commit();
  ASSERT_TRUE(Run().is_success);
  ExpectEqual();
}

// Its rows of before go, also in the process that has made the destination's table, and an append log says so.
TEST_F(CaptureLacks, ATableThatComesBackBringsNoRowOfBefore) {
  for (const bool merges : {true, false}) {
    SCOPED_TRACE(merges);
    world_.store = {};
    world_.log.slot.reset();
    bool has_left = false;
    bool is_back = false;
    on_commit_ = [&] {
      if (!world_.IsSnapshotDone() || world_.CommittedAt() != world_.log.end()) return;
      if (!has_left) {
        Lose(Lack::kMoved);
      } else if (!is_back) {
        world_.log.Begin();
        world_.log.AddColumn("items", Field{merges ? "a" : "b", MakeType(TypeId::kInt64), true, {}});
        world_.log.Delete("items", "20");
        world_.log.Commit();
        is_back = true;
      }
      has_left = true;
    };
    ASSERT_TRUE(Run({}, merges).is_success);
    ASSERT_TRUE(is_back);
    EXPECT_EQ(merges ? world_.Merged("items") : world_.Replayed("items"), world_.log.StateAt()["items"]);
    world_.log.Begin();
    world_.log.Insert("items", {"5", "again"});
    world_.log.Insert("items", {"20", "again"});
    world_.log.Delete("items", "21");
    world_.log.Commit();
  }
}

class CaptureOfADroppedTable : public CaptureLacks, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(Strategies, CaptureOfADroppedTable, testing::Bool(),
                         [](const auto& merges) { return merges.param ? "Merge" : "Append"; });

TEST_P(CaptureOfADroppedTable, BringsItsLastChanges) {
  ASSERT_TRUE(Run({}, GetParam()).is_success);
  Write(20, 21, "last");
  world_.log.DropTable("items");
  ASSERT_TRUE(Run({}, GetParam()).is_success);
  EXPECT_TRUE((GetParam() ? world_.Merged("items") : world_.Replayed("items")).contains("21"));
  EXPECT_THAT(Committed().tables, IsEmpty());  // should it come back, it is a new one
}

}  // namespace
}  // namespace nilus
