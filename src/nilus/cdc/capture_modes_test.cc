// Snapshot modes, lost logs, snapshots that are asked for, graceful ends: each a short story on the model's database.
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

class CaptureModes : public CaptureStory {};

TEST_F(CaptureModes, InitialOnlyEndsByItselfAndLetsGoOfTheLog) {
  world_.on_commit = nullptr;
  const RunReport report = Run({{"snapshot.mode", "initial_only"}});
  EXPECT_TRUE(report.is_success);
  ExpectEqual();
  EXPECT_FALSE(world_.log.slot.has_value());
}

TEST_F(CaptureModes, NoDataMakesTablesAndStreams) {
  on_commit_ = [this] {
    EXPECT_TRUE(world_.store.tables.contains("raw.shop_public_items"));
    if (world_.log.StateAt()["items"].size() == 10) Write(11, 12, "new");
  };
  EXPECT_TRUE(Run({{"snapshot.mode", "no_data"}}).is_success);
  EXPECT_EQ(world_.Merged("items").size(), 2U);
}

TEST_F(CaptureModes, RecoveryNeedsAPosition) {
  const RunReport report = Run({{"snapshot.mode", "recovery"}});
  ASSERT_TRUE(report.error);
  EXPECT_THAT(report.error->message, HasSubstr("recovery"));
  EXPECT_FALSE(world_.log.slot.has_value());
}

TEST_F(CaptureModes, ALostLogIsTold) {
  ASSERT_TRUE(Run().is_success);
  world_.log.slot.reset();
  Write(11, 11, "missed");
  const RunReport report = Run();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->kind, ErrorKind::kData);
  EXPECT_THAT(report.error->message, HasSubstr("the slot is gone"));
  EXPECT_THAT(report.error->fix, HasSubstr("when_needed"));
}

TEST_F(CaptureModes, ALostLogIsReadAnewWhenAsked) {
  ASSERT_TRUE(Run({{"snapshot.mode", "when_needed"}}).is_success);
  for (bool ahead : {true, false}) {
    Remove(ahead ? 1 : 2);
    Write(ahead ? 20 : 30, ahead ? 21 : 31, "missed");
    ahead ? static_cast<void>(world_.log.slot = world_.log.end()) : world_.log.slot.reset();
    // Nobody sees the table half empty.
    on_commit_ = [this] { EXPECT_GE(world_.Merged("items").size(), 10U); };
    const RunReport report = Run({{"snapshot.mode", "when_needed"}});
    ASSERT_TRUE(report.is_success);
    EXPECT_THAT(report.warnings, Contains(HasSubstr("cannot be continued")));
    ExpectEqual();
    on_commit_ = nullptr;
  }
}

TEST_F(CaptureModes, AnotherServersLogIsNotGoneOnWith) {
  ASSERT_TRUE(Run().is_success);
  ++world_.log.generation;
  EXPECT_FALSE(Run().is_success);
}

TEST_F(CaptureModes, AppendSaysThatWhatCameBeforeDoesNotCount) {
  ASSERT_TRUE(Run({{"snapshot.mode", "when_needed"}}, false).is_success);
  Remove(1);
  world_.log.slot.reset();
  ASSERT_TRUE(Run({{"snapshot.mode", "when_needed"}}, false).is_success);
  EXPECT_EQ(Operations()[10], "t");
  EXPECT_EQ(world_.Replayed("items"), world_.log.StateAt()["items"]);
}

TEST_F(CaptureModes, AlwaysReadsAnewAtEachStart) {
  ASSERT_TRUE(Run({{"snapshot.mode", "always"}}).is_success);
  world_.store.tables["raw.shop_public_items"].rows.erase("3|");  // somebody's doing
  ASSERT_TRUE(Run({{"snapshot.mode", "always"}}).is_success);
  ExpectEqual();
}

TEST_F(CaptureModes, ATableThatComesLaterIsReadFirst) {
  ASSERT_TRUE(Run().is_success);
  Schema schema;
  schema.fields = {Field{"k", MakeType(TypeId::kText), true, {}}};
  world_.log.AddTable("late", schema);
  world_.log.Begin();
  world_.log.Insert("late", {"a"});
  world_.log.Commit();
  ASSERT_TRUE(Run().is_success);
  EXPECT_EQ(world_.Merged("late"), world_.log.StateAt()["late"]);
}

TEST_F(CaptureModes, RowsThatStandThereAlreadyGoWithTheFirstChunk) {
  ASSERT_TRUE(Run().is_success);
  world_.store.state.reset();  // nilus state reset
  Remove(4);
  ASSERT_TRUE(Run().is_success);
  ExpectEqual();
}

TEST_F(CaptureModes, SnapshotsAreAskedForThroughTheFolder) {
  folder_ = std::filesystem::temp_directory_path() / ("nilus-cdc-test-" + NewId());
  ASSERT_TRUE(Run().is_success);
  auto& rows = world_.store.tables["raw.shop_public_items"].rows;
  rows.erase("3|");
  rows["99|"] = {{"id", "99"}};
  ServiceFolder folder = ServiceFolder::Of("public/test:raw", "", [this](std::string_view name) {
    return name == "NILUS_STATE_DIR" ? std::optional(folder_) : std::nullopt;
  });
  ASSERT_TRUE(folder.Ask({"public.items"}, false));
  EXPECT_TRUE(Run().is_success);
  EXPECT_TRUE(world_.Merged("items").contains("3"));
  EXPECT_TRUE(world_.Merged("items").contains("99")) << "an incremental snapshot takes nothing away";
  EXPECT_TRUE(folder.Requests().empty());
  ASSERT_TRUE(folder.Ask({R"(public\..*)"}, true));
  EXPECT_TRUE(Run().is_success);
  ExpectEqual();
  EXPECT_THAT(folder.ReadStatus().value_or(""), HasSubstr("\"state\":\"stopped\""));
  std::filesystem::remove_all(folder_);
}

TEST_F(CaptureModes, TheStreamGoesOnWhileAViewIsAwaited) {
  folder_ = std::filesystem::temp_directory_path() / ("nilus-cdc-test-" + NewId());
  Schema schema;
  schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}};
  world_.log.AddTable("others", schema);
  ASSERT_TRUE(Run().is_success);
  ServiceFolder folder = ServiceFolder::Of("public/test:raw", "", [this](std::string_view name) {
    return name == "NILUS_STATE_DIR" ? std::optional(folder_) : std::nullopt;
  });
  ASSERT_TRUE(folder.Ask({"public.items"}, true));
  int calls = 0;
  uint64_t written = 0;
  world_.holds_view = [&] {
    if (++calls == 1) {
      world_.log.Begin();
      world_.log.Insert("others", {"7"});
      world_.log.Commit();
      written = world_.log.end();
      Write(50, 60, "while it is awaited");
    }
    constexpr int kNever = 10'000;
    EXPECT_LT(calls, kNever) << "what is written meanwhile is not committed";
    return calls < kNever && world_.CommittedAt().value_or(0) < written;
  };
  ASSERT_TRUE(Run().is_success);
  EXPECT_GT(calls, 1);
  EXPECT_TRUE(world_.Merged("others").contains("7"));
  ExpectEqual();
  std::filesystem::remove_all(folder_);
}

TEST_F(CaptureModes, SoftDeletesStay) {
  const std::map<std::string, std::string> soft = {{"transforms", "unwrap"},
                                                   {"transforms.unwrap.type", "ExtractNewRecordState"},
                                                   {"transforms.unwrap.delete.handling.mode", "rewrite"}};
  ASSERT_TRUE(Run(soft).is_success);
  Remove(3);
  ASSERT_TRUE(Run(soft).is_success);
  const auto& row = world_.store.tables["raw.shop_public_items"].rows.at("3|");
  EXPECT_EQ(row.at("_deleted"), "true");
  EXPECT_EQ(row.at("v"), "old") << "what the log does not tell of a deleted row stays";
}

TEST_F(CaptureModes, OperationsAreLeftOutWhenAsked) {
  ASSERT_TRUE(Run({{"skipped.operations", "d"}}).is_success);
  Remove(3);
  Write(11, 11, "new");
  ASSERT_TRUE(Run({{"skipped.operations", "d"}}).is_success);
  EXPECT_TRUE(world_.Merged("items").contains("3"));
  EXPECT_TRUE(world_.Merged("items").contains("11"));
}

TEST_F(CaptureModes, AStopBeforeAnythingIsAnEnd) {
  stop_.request_stop();
  CdcJob job = world_.MakeJob();
  RunOptions options = QuickOptions(3);
  options.stop = stop_.get_token();
  options.variables = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  EXPECT_TRUE(RunCdcJob(job, options).is_success);
}

TEST_F(CaptureModes, TablesThatMeetAreRefused) {
  Schema schema;
  schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}};
  world_.log.AddTable("Items", schema);
  const RunReport report = Run();
  ASSERT_TRUE(report.error);
  EXPECT_THAT(report.error->message, HasSubstr("would both land in raw.shop_public_items"));
  EXPECT_FALSE(world_.log.slot.has_value()) << "nothing is left behind that the start has made";
}

TEST_F(CaptureModes, ATableCalledLikeTheLettersOfAnotherIsRefused) {
  Schema schema;
  schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}};
  world_.log.AddTable("items__dead_letters", schema);
  CdcJob job = world_.MakeJob();
  job.contract = Contract::kDiscardRow;
  job.naming = NamingStyle::kDirect;  // else runs of _ become one, and no table is called so
  RunOptions options = QuickOptions(3);
  options.variables = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  const RunReport report = RunCdcJob(job, options);
  ASSERT_TRUE(report.error);
  EXPECT_THAT(report.error->message, HasSubstr("would land in raw.shop.public.items__dead_letters"));
}

TEST_F(CaptureModes, AStartThatIsRefusedLeavesASlotOfBeforeAlone) {
  ASSERT_TRUE(Run().is_success);
  Schema schema;
  schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}};
  world_.log.AddTable("Items", schema);
  EXPECT_FALSE(Run().is_success);
  EXPECT_TRUE(world_.log.slot.has_value());
}

class CaptureGaps : public CaptureModes {
 protected:
  // Changes that the log never sends.
  void Miss() {
    world_.log.unpublished.insert("items");
    Write(20, 21, "missed");
    Remove(5);
  }
};

TEST_F(CaptureGaps, ATableWhoseChangesAreMissingEndsTheStart) {
  ASSERT_TRUE(Run().is_success);
  Miss();
  for (int i = 0; i < 2; ++i) {  // the second start sees it as well
    const RunReport report = Run();
    ASSERT_TRUE(report.error);
    EXPECT_EQ(report.error->kind, ErrorKind::kData);
    EXPECT_THAT(report.error->message, HasSubstr("public.items was not published"));
  }
}

TEST_F(CaptureGaps, ATableWhoseChangesAreMissingIsReadAnewWhenNeeded) {
  ASSERT_TRUE(Run({{"snapshot.mode", "when_needed"}}).is_success);
  Miss();
  const RunReport report = Run({{"snapshot.mode", "when_needed"}});
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("table public.items: the publication has not sent all")));
  ExpectEqual();
}

TEST_F(CaptureGaps, ATableWhoseChangesAreMissingIsReadAnewWhenAsked) {
  folder_ = std::filesystem::temp_directory_path() / ("nilus-cdc-test-" + NewId());
  ASSERT_TRUE(Run().is_success);
  Miss();
  ServiceFolder folder = ServiceFolder::Of("public/test:raw", "", [this](std::string_view name) {
    return name == "NILUS_STATE_DIR" ? std::optional(folder_) : std::nullopt;
  });
  ASSERT_TRUE(folder.Ask({"public.items"}, true));
  ASSERT_TRUE(Run().is_success);
  ExpectEqual();
  std::filesystem::remove_all(folder_);
}

TEST_F(CaptureGaps, WhatWasNeverLoadedHasNoGap) {
  on_commit_ = [this] { stop_.request_stop(); };  // behind the first commit: nothing is read yet
  static_cast<void>(Run());
  on_commit_ = nullptr;
  Miss();
  ASSERT_TRUE(Run().is_success);
  ExpectEqual();
}

TEST_F(CaptureModes, AnotherTableUnderTheSameNameIsReadAnew) {
  ASSERT_TRUE(Run().is_success);
  world_.log.Begin();
  world_.log.ReplaceTable("items");
  world_.log.Insert("items", {"50", "of another table"});
  world_.log.Commit();
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("another table than before")));
  ExpectEqual();
}

TEST_F(CaptureModes, AnotherTableIsSeenWhileItStreams) {
  on_commit_ = [this] {
    if (!world_.IsSnapshotDone() || world_.log.StateAt()["items"].size() < 10) return;
    world_.log.Begin();
    world_.log.ReplaceTable("items");
    world_.log.Insert("items", {"50", "of another table"});
    world_.log.Commit();
  };
  ASSERT_TRUE(Run().is_success);
  ExpectEqual();
}

TEST_F(CaptureModes, AColumnThatCameWithValuesIsTold) {
  ASSERT_TRUE(Run().is_success);
  world_.log.Begin();
  world_.log.AddFilledColumn("items", Field{"rate", MakeType(TypeId::kInt64), true, {}}, "7");
  world_.log.Insert("items", {"60", "new", "8"});
  world_.log.Commit();
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("table public.items: column `rate` has come up")));
  EXPECT_THAT(report.warnings, Contains(HasSubstr("nilus cdc snapshot FILE --table public.items --anew")));
}

TEST_F(CaptureModes, AColumnThatCameEmptyIsNotTold) {
  ASSERT_TRUE(Run().is_success);
  world_.log.Begin();
  world_.log.AddColumn("items", Field{"rate", MakeType(TypeId::kInt64), true, {}});
  world_.log.Insert("items", {"60", "new", "8"});
  world_.log.Commit();
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, testing::IsEmpty());
  ExpectEqual();
}

// Shapes change after Start has told of the tables, and no change behind the view's place tells of that.
class CaptureShapes : public CaptureModes {
 protected:
  void SetUp() override {
    CaptureModes::SetUp();
    Schema schema;
    schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}};
    world_.log.AddTable("bare", schema);  // never has a row
  }
  void AddColumn() {
    world_.log.Begin();
    world_.log.AddColumn("bare", Field{"late", MakeType(TypeId::kInt64), true, {}});
    world_.log.Commit();
    world_.log.hides_latest_shape = true;
  }
  bool HasColumn() const { return world_.store.tables.at("raw.shop_public_bare").schema.Find("late").has_value(); }
};

TEST_F(CaptureShapes, ATableWithoutRowsHasTheColumnsThatItsViewSees) {
  AddColumn();
  EXPECT_TRUE(Run().is_success);
  EXPECT_TRUE(HasColumn());
}

TEST_F(CaptureShapes, AHalfReadTableThatIsReplacedIsReadAnew) {
  on_commit_ = [this] {
    const auto position = ParseCdcPosition(world_.store.state->position);
    if (!position->pending.empty() && !position->pending[0].up_to.empty()) stop_.request_stop();
  };
  chunk_rows_ = 1;
  static_cast<void>(Run());
  on_commit_ = nullptr;
  ASSERT_FALSE(world_.IsSnapshotDone());
  ASSERT_FALSE(world_.Merged("items").empty());
  world_.log.Begin();
  world_.log.ReplaceTable("items");
  world_.log.Commit();
  world_.log.hides_latest_shape = true;
  const RunReport report = Run();
  EXPECT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("another table than before")));
  EXPECT_TRUE(world_.Merged("items").empty());
}

}  // namespace
}  // namespace nilus
