// Many runs against a source that changes between them, cut at random: the destination equals a model of what the
// strategy promises. Equal boundary values are the rule here, not the exception.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "nilus/engine/fakes_testing.h"

namespace nilus {
namespace {

const std::vector<std::string> kColumns = {"id", "at", "v"};

class Model {
 public:
  Model(uint64_t seed, WriteStrategy strategy, bool has_key) : random_(seed), strategy_(strategy) {
    world_.source.table.schema = Schema{{Field{.name = "id", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "at", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "v", .type = MakeType(TypeId::kText)}}};
    world_.source.pushes_down = Chance(70);
    world_.source.knows_upper = Chance(70);
    world_.source.splits = static_cast<int>(Below(4)) + 1;
    world_.source.batch_rows = static_cast<int64_t>(Below(5)) + 1;
    job_ = world_.MakeJob();
    job_.strategy = strategy;
    job_.incremental_key = "at";
    job_.parallelism = static_cast<int>(Below(3)) + 1;
    job_.threads = job_.parallelism;
    if (has_key) job_.primary_key = {"id"};
    if (has_key && Chance(50)) world_.source.table.primary_key = {"id"};
    if (Chance(30)) job_.null_keys = NullCursor::kInclude;
  }

  // Gives what is wrong, or nothing.
  std::string Play(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (uint64_t changes = Below(6); changes > 0; --changes) Change();
      bool is_limited = world_.source.pushes_down && strategy_ != WriteStrategy::kDeleteInsert && Chance(30);
      job_.row_limit = is_limited ? std::optional<int64_t>(static_cast<int64_t>(Below(5)) + 1) : std::nullopt;
      if (Chance(50)) Cut();
      RunReport report = RunJob(job_, QuickOptions(static_cast<int>(Below(3)) + 1));
      world_.faults.Disarm();
      if (report.is_success && !is_limited) {
        if (std::string wrong = Compare(); !wrong.empty()) return fmt::format("round {}: {}", round, wrong);
      }
      if (!report.is_success && report.error->message.find("cut off") == std::string::npos &&
          report.error->message.find("reset") == std::string::npos &&
          report.error->kind != ErrorKind::kUnknownOutcome && report.error->kind != ErrorKind::kConflict &&
          report.error->kind != ErrorKind::kTransient) {
        return fmt::format("round {}: {}", round, report.error->message);
      }
    }
    job_.row_limit.reset();
    RunReport report = RunJob(job_, QuickOptions());
    return report.is_success ? Compare() : "the last run failed: " + report.error->message;
  }

 private:
  uint64_t Below(uint64_t bound) { return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random_); }
  bool Chance(uint64_t percent) { return Below(100) < percent; }

  void Cut() {
    constexpr FakeFault kFaults[] = {FakeFault::kTransient,      FakeFault::kFatal,       FakeFault::kDead,
                                     FakeFault::kUnknownApplied, FakeFault::kUnknownLost, FakeFault::kConflict,
                                     FakeFault::kUnknownThenDead};
    world_.faults.Arm(static_cast<int64_t>(Below(24)), kFaults[Below(std::size(kFaults))]);
  }

  // What each strategy promises to follow: append new rows only; merge changes that raise (or keep) the key to now;
  // delete+insert any change among the rows that have the highest key.
  void Change() {
    if (Chance(40)) ++clock_;
    std::vector<FakeRow>& rows = world_.source.table.rows;
    bool may_change = strategy_ != WriteStrategy::kAppend && !rows.empty();
    if (may_change && Chance(40)) {
      FakeRow& row = rows[Below(rows.size())];
      if (!row[1]) return;
      if (strategy_ == WriteStrategy::kMerge) {
        row[1] = std::to_string(clock_);
        row[2] = Value();
      } else if (*row[1] == Highest()) {
        row[2] = Value();
      }
      return;
    }
    bool has_no_key = job_.null_keys == NullCursor::kInclude && Chance(20);
    // Without a primary key whole rows repeat, too.
    std::string id = job_.primary_key.empty() && Chance(30) ? "0" : std::to_string(++next_id_);
    rows.push_back(
        {id, has_no_key ? std::nullopt : std::optional(std::to_string(clock_)), id == "0" ? "same" : Value()});
    // Sources deliver rows in no order of theirs.
    std::swap(rows.back(), rows[Below(rows.size())]);
  }

  std::string Value() { return std::to_string(Below(1000)); }
  std::string Highest() const {
    int highest = 0;
    for (const FakeRow& row : world_.source.table.rows)
      highest = row[1] ? std::max(highest, std::stoi(*row[1])) : highest;
    return std::to_string(highest);
  }
  std::string Compare() const {
    std::vector<std::string> wanted = world_.SourceRows(kColumns);
    std::vector<std::string> there = world_.Rows(kColumns);
    if (wanted == there) return "";
    std::vector<std::string> lost;
    std::vector<std::string> extra;
    std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(), std::back_inserter(lost));
    std::set_difference(there.begin(), there.end(), wanted.begin(), wanted.end(), std::back_inserter(extra));
    return fmt::format("lost [{}], extra [{}]", fmt::join(lost, "; "), fmt::join(extra, "; "));
  }

  std::mt19937_64 random_;
  WriteStrategy strategy_;
  FakeWorld world_;
  BatchJob job_;
  int clock_ = 100;  // keys of three digits: their texts sort as their numbers do
  int next_id_ = 0;
};

struct Setting {
  WriteStrategy strategy;
  bool has_key;
};

class IncrementalModel : public testing::TestWithParam<Setting> {};

TEST_P(IncrementalModel, DestinationFollowsTheSource) {
  constexpr uint64_t kSeeds = 300;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Model model(seed, GetParam().strategy, GetParam().has_key);
    ASSERT_EQ(model.Play(12), "") << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, IncrementalModel,
                         testing::Values(Setting{WriteStrategy::kAppend, false}, Setting{WriteStrategy::kAppend, true},
                                         Setting{WriteStrategy::kMerge, true},
                                         Setting{WriteStrategy::kDeleteInsert, false},
                                         Setting{WriteStrategy::kReplace, false}));

}  // namespace
}  // namespace nilus
