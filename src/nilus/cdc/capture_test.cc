// The destination equals the source at the end, whatever fails on the way, and shows whole transactions at any time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "nilus/cdc/fakes_testing.h"
#include "nilus/cdc/position.h"
#include "nilus/cdc/run.h"

namespace nilus {
namespace {

Schema Columns(std::vector<std::pair<std::string, TypeId>> columns) {
  Schema schema;
  for (auto& [name, type] : columns)
    schema.fields.push_back(Field{.name = name, .type = MakeType(type), .nullable = true, .variant_of = {}});
  return schema;
}

// Accounts whose sum stays, documents with a large value that most updates leave out, and a table with a text key.
class Workload {
 public:
  explicit Workload(FakeCapture* world, uint64_t seed) : world_(world), random_(seed * 2 + 1) {
    FakeLog& log = world->log;
    log.AddTable("accounts", Columns({{"id", TypeId::kInt64}, {"balance", TypeId::kInt64}}));
    log.AddTable("docs", Columns({{"id", TypeId::kInt64}, {"title", TypeId::kText}, {"body", TypeId::kText}}), {2});
    log.AddTable("tags", Columns({{"name", TypeId::kText}, {"uses", TypeId::kInt64}}));
    log.Begin();
    for (int i = 1; i <= kAccounts; ++i) log.Insert("accounts", {std::to_string(i), "100"});
    log.Commit();
    log.Begin();
    for (int i = 1; i <= 15; ++i)
      log.Insert("docs", {std::to_string(i), "t" + std::to_string(i), "body of " + std::to_string(i)});
    for (const char* name : {"red", "green", "blue"}) log.Insert("tags", {name, "0"});
    log.Commit();
  }

  bool IsDone() const { return left_ == 0; }

  // Now and then a transaction.
  void Step() {
    if (left_ == 0 || Random(3) != 0) return;
    --left_;
    FakeLog& log = world_->log;
    log.Begin();
    if (left_ == 20)
      log.AddColumn("docs", Field{.name = "note", .type = MakeType(TypeId::kText), .nullable = true, .variant_of = {}});
    const auto statements = 1 + Random(6);
    for (uint64_t i = 0; i < statements; ++i) Statement();
    log.Commit();
  }

  static constexpr int kAccounts = 12;

 private:
  uint64_t Random(uint64_t below) {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random_ >> 33U) % below;
  }

  void Statement() {
    FakeLog& log = world_->log;
    const std::string doc = std::to_string(1 + Random(30));
    switch (Random(9)) {
      case 0:
      case 1: {  // a transfer
        const auto amount = static_cast<int64_t>(Random(50));
        for (int64_t sign : {-1, 1}) {
          log.Update("accounts", std::to_string(1 + Random(kAccounts)),
                     [&](FakeRow& row) { row[1] = std::to_string(std::stoll(*row[1]) + sign * amount); });
        }
        return;
      }
      case 2:
        return log.Insert("docs", {doc, "new", "a new body " + std::to_string(Random(1000))});
      case 3:
        return log.Update("docs", doc, [&](FakeRow& row) { row[1] = "title " + std::to_string(Random(1000)); });
      case 4:
        return log.Update("docs", doc, [&](FakeRow& row) { row[2] = "body " + std::to_string(Random(1000)); });
      case 5:  // a change of the key
        return log.Update("docs", doc, [&](FakeRow& row) { row[0] = std::to_string(1 + Random(30)); });
      case 6:
        return log.Delete("docs", doc);
      case 7:
        if (Random(6) == 0) return log.Truncate("tags");
        return log.Insert("tags", {"tag " + std::to_string(Random(20)), std::to_string(Random(9))});
      default:
        return log.Update("tags", "tag " + std::to_string(Random(20)),
                          [&](FakeRow& row) { row[0] = "tag " + std::to_string(Random(20)); });
    }
  }

  FakeCapture* world_;
  uint64_t random_;
  std::atomic<int> left_{40};
};

struct Trial {
  explicit Trial(uint64_t seed) : workload(&world, seed) {
    world.random = seed;
    world.delays_views = seed % 2 == 0;
    world.on_call = [this] {
      std::lock_guard lock(mutex);
      workload.Step();
    };
    world.on_commit = [this] {
      CheckBalance();
      if (workload.IsDone() && world.IsSnapshotDone() && world.CommittedAt() == world.log.end()) stop.request_stop();
    };
  }

  // The sum of all accounts is the same in every state that a reader may see.
  void CheckBalance() {
    if (!merges || !world.IsSnapshotDone()) return;
    int64_t sum = 0;
    for (const auto& [key, row] : world.Merged("accounts")) sum += std::stoll(row[1].value_or("0"));
    if (sum != 0) {
      EXPECT_EQ(sum, 100 * Workload::kAccounts);
    }
  }

  RunReport Run(const CdcJob& job, int attempts = 50) {
    RunOptions options = QuickOptions(attempts);
    options.attempts_to_get_through = attempts;
    options.stop = stop.get_token();
    options.variables = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
    return RunCdcJob(job, options);
  }

  // Runs it to the end, again and again when it dies.
  void RunToTheEnd(const CdcJob& job) {
    RunReport report = Run(job);
    world.faults.Disarm();
    while (!report.is_success || !stop.stop_requested()) {
      ASSERT_LT(++runs, 20) << (report.error ? report.error->message : "");
      report = Run(job);
    }
  }

  void ExpectEqual(const std::string& what) {
    for (const auto& [table, rows] : world.log.StateAt())
      EXPECT_EQ(merges ? world.Merged(table) : world.Replayed(table), rows) << what << ", table " << table;
  }

  FakeCapture world;
  std::mutex mutex;
  Workload workload;
  std::stop_source stop;
  bool merges = true;
  int runs = 0;
};

TEST(Capture, MergeEqualsTheSource) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Trial trial(seed);
    trial.RunToTheEnd(trial.world.MakeJob());
    trial.ExpectEqual("seed " + std::to_string(seed));
  }
}

TEST(Capture, AppendReplaysToTheSource) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Trial trial(seed);
    trial.merges = false;
    CdcJob job = trial.world.MakeJob();
    job.merges = false;
    trial.RunToTheEnd(job);
    trial.ExpectEqual("seed " + std::to_string(seed));
  }
}

TEST(Capture, ReadsTablesByManyThreads) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Trial trial(seed);
    trial.RunToTheEnd(trial.world.MakeJob({{"snapshot.max.threads", "4"}}));
    trial.ExpectEqual("seed " + std::to_string(seed));
  }
}

// Somebody drops the destination's tables, also while calls fail.
TEST(Capture, DroppedTablesComeBackWhole) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Trial trial(seed);
    trial.merges = seed % 3 != 0;
    CdcJob job = trial.world.MakeJob();
    job.merges = trial.merges;
    const auto after_commit = trial.world.on_commit;
    trial.world.on_commit = [&] {
      FakeStore& store = trial.world.store;
      const uint64_t which = trial.world.Random(20);
      if (which < 3 && !trial.workload.IsDone())
        store.tables.erase("raw.shop_public_" + std::string(std::array{"accounts", "docs", "tags"}[which]));
      if (trial.workload.IsDone()) after_commit();
    };
    if (seed % 2 == 0) trial.world.faults.Arm(static_cast<int64_t>(seed * 5), FakeFault::kDead);
    trial.RunToTheEnd(job);
    trial.stop = {};  // a table that no change came for since is missed by a start
    trial.world.log.Begin();
    trial.world.log.Update("accounts", "1", [](FakeRow&) {});
    trial.world.log.Commit();
    trial.RunToTheEnd(job);
    trial.ExpectEqual("seed " + std::to_string(seed));
  }
}

// Calls fail, in every way that they can. (A stride of 1 tries all of them, in four minutes.)
TEST(Capture, SurvivesFaults) {
  constexpr int64_t kStride = 9;
  for (bool merges : {true, false}) {
    for (FakeFault fault : {FakeFault::kTransient, FakeFault::kDead, FakeFault::kUnknownApplied,
                            FakeFault::kUnknownLost, FakeFault::kUnknownThenDead, FakeFault::kConflict}) {
      for (int64_t nth = static_cast<int64_t>(fault);; nth += kStride) {
        Trial trial(static_cast<uint64_t>(nth) * 7 + static_cast<uint64_t>(fault));
        trial.merges = merges;
        CdcJob job = trial.world.MakeJob();
        job.merges = merges;
        trial.world.faults.Arm(nth, fault);
        trial.RunToTheEnd(job);
        const std::string what = "fault " + std::to_string(static_cast<int>(fault)) + " at call " + std::to_string(nth);
        trial.ExpectEqual(what);
        if (HasFailure()) return;
        constexpr int64_t kFarEnough = 250;
        if (nth > kFarEnough) break;
      }
    }
  }
}

}  // namespace
}  // namespace nilus
