// Every call of a run is cut, in every way, for every strategy: afterwards, when a plain run has followed, the
// destination is what uninterrupted runs give. And the proof that this would notice: two seeded bugs are caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nilus/engine/fakes_testing.h"

namespace nilus {
namespace {

struct Scenario {
  WriteStrategy strategy = WriteStrategy::kAppend;
  bool incremental = true;
  bool has_key = false;
  std::string name;
};

std::vector<Scenario> Scenarios() {
  return {{WriteStrategy::kReplace, false, false, "replace"},
          {WriteStrategy::kAppend, true, false, "append by row"},
          {WriteStrategy::kAppend, true, true, "append by key"},
          {WriteStrategy::kMerge, true, true, "merge"},
          {WriteStrategy::kMerge, false, true, "merge without a cursor"},
          {WriteStrategy::kDeleteInsert, true, false, "delete+insert"}};
}

const std::vector<std::string> kColumns = {"id", "at", "v"};

void FillSource(FakeWorld* world) {
  world->source.table.schema = Schema{{Field{.name = "id", .type = MakeType(TypeId::kInt64)},
                                       Field{.name = "at", .type = MakeType(TypeId::kInt64)},
                                       Field{.name = "v", .type = MakeType(TypeId::kText)}}};
  for (int i = 0; i < 8; ++i) world->source.table.rows.push_back({std::to_string(i), std::to_string(i / 3), "first"});
}

void GrowSource(FakeWorld* world) {
  for (int i = 8; i < 14; ++i) world->source.table.rows.push_back({std::to_string(i), std::to_string(i / 3), "second"});
}

BatchJob JobFor(FakeWorld* world, const Scenario& scenario) {
  BatchJob job = world->MakeJob();
  job.strategy = scenario.strategy;
  if (scenario.incremental) job.incremental_key = "at";
  if (scenario.has_key) job.primary_key = {"id"};
  return job;
}

// One run to begin with, growth, a run that is cut at call `nth`, and a plain one. Gives what is wrong, or nothing.
std::string RunCut(const Scenario& scenario, SeededBugs bugs, int64_t nth, FakeFault fault, int64_t* calls) {
  FakeWorld world;
  world.bugs = bugs;
  FillSource(&world);
  BatchJob job = JobFor(&world, scenario);
  if (!RunJob(job, QuickOptions()).is_success) return "the first run failed";
  std::vector<std::string> before = world.Rows(kColumns);
  GrowSource(&world);

  world.faults.Arm(nth, fault);
  RunReport cut = RunJob(job, QuickOptions());
  *calls = world.faults.calls();
  world.faults.Disarm();
  std::vector<std::string> wanted = world.SourceRows(kColumns);
  std::vector<std::string> between = world.Rows(kColumns);
  if (between != before && between != wanted) return "half a load is visible";
  if (cut.is_success && between != wanted) return "success without the rows";
  if (!cut.is_success && !cut.error) return "failed without saying why";
  RunReport after = RunJob(job, QuickOptions());
  if (!after.is_success) return "the run afterwards failed: " + after.error->message;
  if (world.Rows(kColumns) != wanted) return "the destination differs";
  return "";
}

// All calls of a run times all faults that they can have. Gives the findings.
std::vector<std::string> CutEverywhere(const Scenario& scenario, SeededBugs bugs) {
  std::vector<std::string> findings;
  int64_t total = 0;
  std::string plain = RunCut(scenario, bugs, -1, FakeFault::kNone, &total);
  if (!plain.empty()) findings.push_back("uncut: " + plain);
  EXPECT_GT(total, 8);
  for (int64_t nth = 0; nth < total; ++nth) {
    for (FakeFault fault : {FakeFault::kTransient, FakeFault::kFatal, FakeFault::kDead, FakeFault::kUnknownApplied,
                            FakeFault::kUnknownLost, FakeFault::kUnknownThenDead, FakeFault::kConflict}) {
      int64_t calls = 0;
      std::string finding = RunCut(scenario, bugs, nth, fault, &calls);
      if (!finding.empty()) {
        findings.push_back(
            fmt::format("{}, call {}, fault {}: {}", scenario.name, nth, static_cast<int>(fault), finding));
      }
    }
  }
  return findings;
}

TEST(CommitFaults, NothingIsLostOrDoubledWhereverARunIsCut) {
  for (const Scenario& scenario : Scenarios())
    EXPECT_THAT(CutEverywhere(scenario, {}), testing::IsEmpty()) << scenario.name;
}

TEST(CommitFaults, PairsOfFaultsAreSurvivedToo) {  // the recovery is cut as well
  Scenario scenario{WriteStrategy::kAppend, true, false, "append by row"};
  for (int64_t first = 0; first < 14; ++first) {
    for (int64_t second = 0; second < 14; ++second) {
      FakeWorld world;
      FillSource(&world);
      BatchJob job = JobFor(&world, scenario);
      ASSERT_TRUE(RunJob(job, QuickOptions()).is_success);
      GrowSource(&world);
      for (int64_t nth : {first, second}) {
        world.faults.Arm(nth, nth % 2 == 0 ? FakeFault::kUnknownThenDead : FakeFault::kUnknownApplied);
        RunJob(job, QuickOptions(1));
      }
      world.faults.Disarm();
      ASSERT_TRUE(RunJob(job, QuickOptions()).is_success);
      EXPECT_EQ(world.Rows(kColumns), world.SourceRows(kColumns)) << first << " " << second;
    }
  }
}

TEST(CommitFaults, APositionCommittedBeforeItsRowsIsCaught) {
  std::vector<std::string> findings = CutEverywhere(Scenarios()[1], {.position_before_rows = true});
  EXPECT_THAT(findings, testing::Contains(testing::HasSubstr("the destination differs")));
}

TEST(CommitFaults, AnUnknownOutcomeTakenForAFailureIsCaught) {
  // Without a cursor an appended load that is repeated shows.
  Scenario scenario{WriteStrategy::kAppend, false, false, "append without a cursor"};
  auto run = [&](bool seeded) {
    FakeWorld world;
    world.bugs.unknown_is_failed = seeded;
    FillSource(&world);
    BatchJob job = JobFor(&world, scenario);
    RunJob(job, QuickOptions());
    int64_t calls = world.faults.calls();
    FakeWorld cut;
    cut.bugs.unknown_is_failed = seeded;
    FillSource(&cut);
    BatchJob cut_job = JobFor(&cut, scenario);
    bool differs = false;
    for (int64_t nth = 0; nth < calls && !differs; ++nth) {
      cut.destination = {};
      cut.faults.Arm(nth, FakeFault::kUnknownApplied);
      RunReport report = RunJob(cut_job, QuickOptions());
      differs = report.is_success && cut.Rows(kColumns) != cut.SourceRows(kColumns);
    }
    return differs;
  };
  EXPECT_FALSE(run(false));
  EXPECT_TRUE(run(true));
}

TEST(CommitFaults, ACommitIsLookedForLongerThanARunIsTriedAgain) {  // a server that restarts in the middle of a commit
  FakeWorld world;
  FillSource(&world);
  BatchJob job = JobFor(&world, Scenarios()[1]);
  RunJob(job, QuickOptions());
  std::vector<std::string> trace = world.faults.trace();
  world.destination = {};
  world.faults.Arm(std::find(trace.begin(), trace.end(), "sink.commit") - trace.begin(), FakeFault::kUnknownApplied);
  world.unanswered_looks = 60;
  RunOptions options = QuickOptions(1);
  options.commit_lookup.max_attempts = 100;
  RunReport report = RunJob(job, options);
  ASSERT_TRUE(report.is_success) << report.error->message;
  EXPECT_EQ(report.attempts, 1);
  EXPECT_EQ(world.Rows(kColumns), world.SourceRows(kColumns));
}

TEST(CommitFaults, MemoryThatRunsOutAfterACommitLeavesItsOutcomeUnknown) {
  FakeWorld world;
  FillSource(&world);
  BatchJob job = JobFor(&world, Scenarios()[1]);
  world.on_committed = [] { throw std::bad_alloc(); };
  RunReport report = RunJob(job, QuickOptions());
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kUnknownOutcome);
  EXPECT_THAT(report.error->message, testing::HasSubstr("memory ran out after the commit was sent"));
  world.on_committed = nullptr;
  ASSERT_TRUE(RunJob(job, QuickOptions()).is_success);
  EXPECT_EQ(world.Rows(kColumns), world.SourceRows(kColumns));
}

class LateCommit : public testing::TestWithParam<bool> {};  // true: another run commits on top of it before it is found

TEST_P(LateCommit, IsFoundByTheNextAttempt) {
  // The commit is unknown, the look says no, and only then it lands: the next attempt finds its own load and stops.
  FakeWorld world;
  FillSource(&world);
  BatchJob job = JobFor(&world, {WriteStrategy::kAppend, false, false, ""});
  class LateSink : public Sink {
   public:
    LateSink(FakeWorld* world, std::vector<std::function<void()>>* late) : inner_(OpenFakeSink(world)), late_(late) {}
    Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
      for (auto& land : *late_) land();
      late_->clear();
      return inner_->Committed(pipeline);
    }
    Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
      return inner_->WasCommitted(pipeline, load_id);
    }
    Result<std::optional<Schema>> Describe(const TableName& table) override { return inner_->Describe(table); }
    Result<std::vector<std::string>> Explain(const WriteRequest& request) override { return inner_->Explain(request); }
    Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override { return inner_->Open(request); }
    Result<CommitResult> Commit(const CommitRequest& request) override {
      if (commits_++ > 0) return inner_->Commit(request);
      late_->push_back([inner = inner_, request] { (void)inner->Commit(request); });
      return Fail(ErrorKind::kUnknownOutcome, "no answer");
    }
    Result<std::vector<CheckItem>> Check() override { return inner_->Check(); }

   private:
    std::shared_ptr<Sink> inner_;
    std::vector<std::function<void()>>* late_;
    int commits_ = 0;
  };
  std::vector<std::function<void()>> late;
  bool first = true;
  job.open_sink = [&](std::stop_token) -> Result<std::unique_ptr<Sink>> {
    if (!first) {
      for (auto& land : late) land();
      late.clear();
      if (GetParam()) {
        CommittedState state = world.destination.states[job.pipeline.value];
        NILUS_TRY(OpenFakeSink(&world)->Commit(CommitRequest{.pipeline = job.pipeline,
                                                             .load_id = "another run's",
                                                             .expected_version = state.version,
                                                             .position = state.position,
                                                             .interval = std::nullopt}));
      }
      return OpenFakeSink(&world);
    }
    first = false;
    return std::unique_ptr<Sink>(std::make_unique<LateSink>(&world, &late));
  };
  RunReport report = RunJob(job, QuickOptions());
  ASSERT_TRUE(report.is_success) << report.error->message;
  EXPECT_EQ(report.attempts, 2);
  EXPECT_EQ(world.Rows(kColumns), world.SourceRows(kColumns));
  EXPECT_THAT(report.warnings, testing::Contains(testing::HasSubstr("turned out to have taken place")));
}
INSTANTIATE_TEST_SUITE_P(CommitFaults, LateCommit, testing::Bool());

TEST(CommitFaults, AnOutcomeThatCannotBeLearntIsSaidSo) {
  FakeWorld world;
  FillSource(&world);
  BatchJob job = JobFor(&world, Scenarios()[1]);
  RunJob(job, QuickOptions());
  std::vector<std::string> trace = world.faults.trace();
  auto commit = std::find(trace.begin(), trace.end(), "sink.commit") - trace.begin();
  world.destination = {};
  world.faults.Arm(commit, FakeFault::kUnknownThenDead);
  RunReport report = RunJob(job, QuickOptions());
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kUnknownOutcome);
  EXPECT_EQ(report.error->phase, "commit");
  EXPECT_THAT(report.error->fix, testing::HasSubstr("run it again"));
}

}  // namespace
}  // namespace nilus
