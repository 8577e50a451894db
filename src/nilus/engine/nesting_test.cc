// Nested loads between a source and a sink in memory: which tables they touch, what they read, how rows are named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nilus/engine/dead_letters.h"
#include "nilus/engine/fakes_testing.h"
#include "nilus/rows/row_ids.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kLetters = "raw.t__dead_letters";

// Rows of a table of `world`, sorted.
std::vector<std::string> RowsOf(FakeWorld& world, const std::string& table, const std::vector<std::string>& columns) {
  FakeWorld view;
  view.destination.tables["raw.t"] = world.destination.tables[table];
  return view.Rows(columns);
}

class NestingTest : public testing::Test {
 protected:
  NestingTest() {
    Describe(&world_);
    job_ = world_.MakeJob();
    job_.max_nesting = 1;
  }
  static void Describe(FakeWorld* world) {
    world->source.table.schema = Schema{{Field{.name = "id", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "at", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "items", .type = MakeType(TypeId::kJson)}}};
  }
  static void Load(FakeWorld* world, const BatchJob& job, std::vector<FakeRow> rows) {
    world->source.table.rows = std::move(rows);
    const RunReport report = RunJob(job, QuickOptions());
    ASSERT_TRUE(report.is_success) << report.error->message;
  }
  // A job over the same destination whose letters are read from it.
  BatchJob ReplayJob() {
    letters_.source.table.schema = world_.destination.tables[kLetters].schema;
    letters_.source.table.rows = world_.destination.tables[kLetters].rows;
    BatchJob job = job_;
    job.contract = Contract::kEvolve;
    job.open_written = [this](std::stop_token) -> Result<std::unique_ptr<Source>> { return OpenFakeSource(&letters_); };
    return job;
  }

  FakeWorld world_;
  FakeWorld letters_;
  BatchJob job_;
};

TEST_F(NestingTest, AFullRefreshEmptiesChildTablesThatNoRowIsFor) {
  job_.strategy = WriteStrategy::kAppend;
  Load(&world_, job_, {{"1", "1", R"([{"sku":"a"},{"sku":"b"}])"}});
  EXPECT_THAT(RowsOf(world_, "raw.t__items", {"sku"}), ElementsAre("a", "b"));
  Load(&world_, job_, {{"2", "2", std::nullopt}});
  EXPECT_THAT(RowsOf(world_, "raw.t__items", {"sku"}), ElementsAre("a", "b"));
  job_.full_refresh = true;
  Load(&world_, job_, {{"3", "3", std::nullopt}});
  EXPECT_THAT(world_.Rows({"id"}), ElementsAre("3"));
  EXPECT_THAT(RowsOf(world_, "raw.t__items", {"sku"}), IsEmpty());
}

// How far the source was read is forgotten or moved, but not which tables hold the rows' children.
TEST_F(NestingTest, AStateThatIsResetOrSetKnowsTheChildTables) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"id"};
  job_.incremental_key = "at";
  for (const bool resets : {true, false}) {
    SCOPED_TRACE(resets);
    world_.destination = {};
    Load(&world_, job_, {{"1", "5", R"(["a","b"])"}});
    const Result<StateReport> state =
        resets ? ResetJobState(job_, QuickOptions()) : SetJobState(job_, QuickOptions(), "1");
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_THAT(state->position, testing::HasSubstr(R"("children":["t__items"])"));
    Load(&world_, job_, {{"1", "6", std::nullopt}});
    EXPECT_THAT(world_.Rows({"id", "at"}), ElementsAre("1 6"));
  }
}

TEST_F(NestingTest, AHugeRowIsRefusedBeforeItIsTakenApart) {
  job_.memory.total_bytes = 4096;
  world_.source.table.rows = {{"1", "1", "[\"" + std::string(8000, 'x') + "\"]"}};
  const RunReport report = RunJob(job_, QuickOptions());
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kExhausted);
  EXPECT_THAT(report.error->message, testing::HasSubstr("column `items`"));
}

TEST_F(NestingTest, ALimitedRunSurveysNoMoreThanItLoads) {
  world_.source.pushes_down = false;
  for (int i = 0; i < 30; ++i)
    world_.source.table.rows.push_back({std::to_string(i), "1", "[" + std::to_string(i) + "]"});
  int reads = 0;
  world_.on_read = [&] { ++reads; };
  job_.row_limit = 4;
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_EQ(reads, 4) << "two batches of three rows, twice";
  EXPECT_THAT(RowsOf(world_, "raw.t__items", {"value"}), ElementsAre("0", "1", "2", "3"));
}

TEST_F(NestingTest, AppendedVersionsOfARowHaveChildrenOfTheirOwn) {
  job_.strategy = WriteStrategy::kAppend;
  job_.incremental_key = "at";
  for (const bool in_manifest : {true, false}) {
    world_.destination = {};
    job_.primary_key = in_manifest ? std::vector<std::string>{"id"} : std::vector<std::string>();
    world_.source.table.primary_key = {"id"};
    Load(&world_, job_, {{"1", "1", R"(["old"])"}});
    Load(&world_, job_, {{"1", "2", R"(["new"])"}});
    const std::vector<std::string> ids = world_.Rows({"at", "_nilus_id"});
    const std::vector<std::string> children = RowsOf(world_, "raw.t__items", {"value", "_nilus_root_id"});
    ASSERT_EQ(ids.size(), 2U);
    ASSERT_EQ(children.size(), 2U);
    EXPECT_EQ(children[0].substr(4), ids[1].substr(2));
    EXPECT_EQ(children[1].substr(4), ids[0].substr(2));
    EXPECT_NE(ids[0].substr(2), ids[1].substr(2));
  }
}

TEST_F(NestingTest, AReplayNamesRowsAsARunDoes) {
  for (const int nesting : {0, 1}) {
    for (const bool in_manifest : {true, false}) {
      SCOPED_TRACE(fmt::format("nesting {}, key in the manifest {}", nesting, in_manifest));
      const FakeRow row = {"1", "1", R"(["a"])"};
      const FakeRow misfit = {"2", "many", R"(["b"])"};
      world_.destination = {};
      // Without nesting, and where the key tells rows apart: under append with nesting each load gives ids of its own.
      job_.strategy = nesting > 0 ? WriteStrategy::kMerge : WriteStrategy::kAppend;
      job_.incremental_key = "";
      job_.max_nesting = nesting;
      job_.primary_key = in_manifest || nesting > 0 ? std::vector<std::string>{"id"} : std::vector<std::string>();
      job_.contract = Contract::kDiscardRow;
      Describe(&world_);
      world_.source.table.primary_key = {"id"};
      Load(&world_, job_, {row});
      world_.source.table.schema.fields[1].type = MakeType(TypeId::kText);
      const FakeDestination before = world_.destination;
      Load(&world_, job_, {misfit});
      ASSERT_EQ(RowsOf(world_, kLetters, {"column"}), std::vector<std::string>{"at"});
      Result<DeadLettersReport> replayed = ReplayJobDeadLetters(ReplayJob(), QuickOptions());
      ASSERT_TRUE(replayed) << replayed.error().message;
      EXPECT_EQ(replayed->replayed, 1);
      EXPECT_THAT(RowsOf(world_, kLetters, {"column"}), IsEmpty());
      const std::vector<std::string> ids = world_.Rows({"id", "_nilus_id"});

      world_.destination = before;
      job_.contract = Contract::kEvolve;
      Load(&world_, job_, {misfit});
      EXPECT_EQ(ids, world_.Rows({"id", "_nilus_id"}));
    }
  }
}

TEST_F(NestingTest, LettersOfARunInBetweenAreNotDropped) {
  Load(&world_, job_, {{"1", "1", std::nullopt}});
  FakeDestination::Table& letters = world_.destination.tables[kLetters];
  letters.schema = WithRowIds(DeadLetterSchema(std::nullopt));
  letters.rows = {{R"({"id":1})", "why", "id", R"({"types":{"id":"bigint"}})", "load", "a"}};
  BatchJob job = ReplayJob();
  job.open_written = [this](std::stop_token) -> Result<std::unique_ptr<Source>> {
    std::unique_ptr<Source> as_it_was = OpenFakeSource(&letters_);
    ++world_.destination.states.begin()->second.version;  // another run commits, and more letters
    return as_it_was;
  };
  Result<DeadLettersReport> dropped = DropJobDeadLetters(job, QuickOptions());
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(world_.destination.tables[kLetters].rows.size(), 1U);
  dropped = DropJobDeadLetters(ReplayJob(), QuickOptions());
  ASSERT_TRUE(dropped) << dropped.error().message;
  EXPECT_EQ(dropped->dropped, 1);
  EXPECT_THAT(world_.destination.tables[kLetters].rows, IsEmpty());
}

}  // namespace
}  // namespace nilus
