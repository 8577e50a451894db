// Whole runs: order, limits, memory, stopping, what is reported, and what `plan` and `state` answer.
#include "nilus/engine/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "nilus/base/redact.h"
#include "nilus/engine/fakes_testing.h"
#include "nilus/engine/report_json.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RunTest : public testing::Test {
 protected:
  RunTest() {
    world_.source.table.schema = Schema{{Field{.name = "Id", .type = MakeType(TypeId::kInt64), .nullable = false},
                                         Field{.name = "UserName", .type = MakeType(TypeId::kText)}}};
    for (int i = 0; i < 10; ++i) world_.source.table.rows.push_back({std::to_string(i), "u" + std::to_string(i)});
    job_ = world_.MakeJob();
  }
  FakeWorld world_;
  BatchJob job_;
};

TEST_F(RunTest, ReplaceMovesEverythingUnderNormalizedNames) {
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_TRUE(report.is_success);
  EXPECT_TRUE(report.first_run);
  EXPECT_EQ(report.attempts, 1);
  EXPECT_EQ(report.tables[0].rows_in, 10);
  EXPECT_EQ(report.tables[0].rows_out, 10);
  EXPECT_EQ(report.extract.rows, 10);
  EXPECT_EQ(report.load.rows, 10);
  EXPECT_GT(report.extract.bytes, 0);
  EXPECT_EQ(world_.Rows({"id", "user_name"}).size(), 10U);
  EXPECT_EQ(world_.Rows({"id", "user_name"})[3], "3 u3");
  EXPECT_EQ(ExitCode(report), 0);
  EXPECT_FALSE(RunJob(job_, QuickOptions()).first_run);
}

TEST_F(RunTest, ValuesThatTheSinkCouldNotHoldAreCountedAndReported) {
  world_.destination.misfits = {{"user_name", 2}};
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_TRUE(report.is_success);
  ASSERT_EQ(report.tables[0].variants.size(), 1U);
  EXPECT_EQ(report.tables[0].variants[0].column, "user_name");
  EXPECT_EQ(report.tables[0].variants[0].values, 2);
  EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("2 values of `user_name`")));
}

TEST_F(RunTest, SplitsAreReadInParallelAndAllArrive) {
  world_.source.splits = 5;
  job_.parallelism = job_.threads = 4;
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_EQ(world_.Rows({"id"}), world_.SourceRows({"Id"}));
}

TEST_F(RunTest, MergeWithoutAnEnforcedKeyKeepsTheOrderOfArrival) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"id"};
  job_.parallelism = job_.threads = 4;
  world_.source.splits = 10;
  for (int i = 0; i < 50; ++i) world_.source.table.rows.push_back({"7", "version " + std::to_string(i)});
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_THAT(world_.Rows({"id", "user_name"}), testing::Contains("7 version 49"));
}

TEST_F(RunTest, AKeyThatChangesItsTypeMayNotBeUniqueAnyMore) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"user_name"};
  job_.parallelism = job_.threads = 4;
  world_.source.splits = 10;
  world_.source.table.primary_key = {"UserName"};
  world_.source.table.rows = {{"1", "7"}, {"2", "07"}};
  for (const int nesting : {0, 1}) {
    job_.max_nesting = nesting;
    job_.hints.clear();
    EXPECT_TRUE(PlanJob(job_, QuickOptions())->in_parallel) << "the order of rows does not matter";
    job_.hints = {{.column = "user_name", .type = MakeType(TypeId::kInt64)}};
    EXPECT_FALSE(PlanJob(job_, QuickOptions())->in_parallel) << "a later row is to replace an earlier one";
    job_.hints.clear();
    world_.destination.tables["raw.t"].schema = Schema{{Field{.name = "user_name", .type = MakeType(TypeId::kInt64)}}};
    EXPECT_FALSE(PlanJob(job_, QuickOptions())->in_parallel);
    world_.destination.tables.clear();
  }
}

TEST_F(RunTest, AColumnThatOnlyEverWasNullCanBeMasked) {
  world_.source.table.null_columns = {"Nick"};
  job_.masks = {{.column = "nick", .algorithm = "hash", .parameter = ""}};
  RunReport report = RunJob(job_, QuickOptions());
  EXPECT_TRUE(report.is_success) << report.error->message;
  job_.hints = {{.column = "nick", .type = MakeType(TypeId::kText)}};
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_EQ(world_.Rows({"nick"}).front(), "NULL");
}

TEST_F(RunTest, LimitsCutARunShort) {
  job_.row_limit = 4;
  world_.source.pushes_down = false;
  world_.source.splits = 3;
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_THAT(world_.Rows({"id"}), ElementsAre("0", "1", "2", "3"));
  job_.row_limit.reset();
  job_.page_limit = 2;
  world_.source.splits = 1;
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_EQ(world_.Rows({"id"}).size(), 6U) << "two batches of three rows";
}

TEST_F(RunTest, EmptyTablesArriveEmpty) {
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  world_.source.table.rows.clear();
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_THAT(world_.Rows({"id"}), IsEmpty());
  EXPECT_TRUE(world_.destination.tables.contains("raw.t"));
}

TEST_F(RunTest, ASchemaThatOnlyValuesTellOpensTheWriterLater) {
  world_.source.knows_schema = false;
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_EQ(world_.Rows({"id", "user_name"})[0], "0 u0");
  world_.source.table.rows.clear();
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_THAT(world_.Rows({"id"}), IsEmpty()) << "replaced by nothing";
}

TEST_F(RunTest, ALimitMarksNoUnreadFileAsLoaded) {
  world_.source.end.json = R"({"files":["a.csv"]})";
  job_.strategy = WriteStrategy::kAppend;
  job_.row_limit = 1;
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kUnsupported);
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"id"};
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  job_.row_limit.reset();
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_TRUE(world_.source.requests.back().from.empty());
}

TEST_F(RunTest, FileSourcesAreAskedOnlyForWhatIsNew) {
  job_.strategy = WriteStrategy::kAppend;
  world_.source.end.json = R"({"files":["a.csv"]})";
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_TRUE(world_.source.requests.back().only_new);
  EXPECT_TRUE(world_.source.requests.back().from.empty());
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_EQ(world_.source.requests.back().from.json, R"({"files":["a.csv"]})");
  job_.full_refresh = true;
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_TRUE(world_.source.requests.back().from.empty());
}

TEST_F(RunTest, PermanentErrorsAreNotRetried) {
  world_.faults.Arm(3, FakeFault::kFatal);
  RunReport report = RunJob(job_, QuickOptions(5));
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.attempts, 1);
  EXPECT_EQ(report.error->phase, "extract");
  EXPECT_EQ(report.error->table, "raw.t");
  EXPECT_EQ(ExitCode(report), 1);
}

TEST_F(RunTest, TransientErrorsAreRetriedWithinTheBudget) {
  int connects = 0;
  job_.open_source = [&](std::stop_token) -> Result<std::unique_ptr<Source>> {
    if (++connects < 3) return Fail(ErrorKind::kTransient, "connection refused");
    return OpenFakeSource(&world_);
  };
  RunReport report = RunJob(job_, QuickOptions(3));
  EXPECT_TRUE(report.is_success);
  EXPECT_EQ(report.attempts, 3);
  connects = 0;
  report = RunJob(job_, QuickOptions(2));
  ASSERT_FALSE(report.is_success);
  EXPECT_THAT(report.error->message, HasSubstr("gave up after 2 attempts: connection refused"));
}

TEST_F(RunTest, AStopLeavesTheDestinationAsItWas) {
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  std::vector<std::string> before = world_.Rows({"id"});
  world_.source.table.rows.push_back({"99", "late"});
  std::stop_source stop;
  RunOptions options = QuickOptions();
  options.stop = stop.get_token();
  for (bool at_read : {true, false}) {
    stop = std::stop_source();
    options.stop = stop.get_token();
    (at_read ? world_.on_read : world_.on_write) = [&] { stop.request_stop(); };
    RunReport report = RunJob(job_, options);
    world_.on_read = world_.on_write = nullptr;
    ASSERT_FALSE(report.is_success);
    EXPECT_EQ(report.error->kind, ErrorKind::kCancelled);
    EXPECT_EQ(ExitCode(report), 130);
    EXPECT_EQ(world_.Rows({"id"}), before);
    EXPECT_EQ(world_.destination.open_writers, 0);
  }
}

TEST_F(RunTest, MemoryThatRunsOutIsAnErrorNotACrash) {
  world_.on_read = [] { throw std::bad_alloc(); };
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kExhausted);
  EXPECT_THAT(report.error->fix, HasSubstr("memory"));
  world_.on_read = nullptr;
  world_.on_write = [] { throw std::runtime_error("library bug"); };
  report = RunJob(job_, QuickOptions());
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kInternal);
  EXPECT_EQ(report.error->phase, "load");
}

TEST_F(RunTest, NewColumnsAreReported) {
  job_.strategy = WriteStrategy::kAppend;
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_TRUE(report.is_success);
  ASSERT_EQ(report.schema_changes.size(), 1U);
  EXPECT_EQ(report.schema_changes[0].change, "table created");
  world_.source.table.schema.fields.push_back(Field{.name = "newOne", .type = MakeType(TypeId::kDate)});
  for (FakeRow& row : world_.source.table.rows) row.emplace_back("2024-01-01");
  report = RunJob(job_, QuickOptions());
  ASSERT_TRUE(report.is_success);
  ASSERT_EQ(report.schema_changes.size(), 1U);
  EXPECT_EQ(report.schema_changes[0].column, "new_one");
  EXPECT_EQ(report.schema_changes[0].after, "date");
}

TEST_F(RunTest, CollidingColumnsAreRefusedBeforeAnythingIsWritten) {
  world_.source.table.schema.fields.push_back(Field{.name = "user_name", .type = MakeType(TypeId::kText)});
  for (FakeRow& row : world_.source.table.rows) row.emplace_back("x");
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_FALSE(report.is_success);
  EXPECT_THAT(report.error->message, HasSubstr("`UserName` and `user_name`"));
  EXPECT_TRUE(world_.destination.tables.empty());
  job_.exclude_columns = {"user_name"};
  world_.source.table.schema.fields[1].name = "Other";
  EXPECT_TRUE(RunJob(job_, QuickOptions()).is_success);
}

TEST_F(RunTest, PlanWritesNothing) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"Id"};
  job_.incremental_key = "id";
  Result<PlanReport> plan = PlanJob(job_, QuickOptions());
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->first_run);
  EXPECT_FALSE(plan->table_exists);
  EXPECT_EQ(plan->dest_table, "raw.t");
  ASSERT_EQ(plan->columns.size(), 2U);
  EXPECT_EQ(plan->columns[0].name, "id");
  EXPECT_EQ(plan->columns[0].note, "primary key, incremental key");
  EXPECT_EQ(plan->columns[1].source_name, "UserName");
  EXPECT_EQ(plan->range, "Id up to 9");
  EXPECT_THAT(plan->statements, ElementsAre("CREATE TABLE raw.t"));
  EXPECT_TRUE(world_.destination.tables.empty());
  EXPECT_TRUE(world_.destination.states.empty());
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  plan = PlanJob(job_, QuickOptions());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->cursor, "9");
  EXPECT_EQ(plan->range, "Id from 9 up to 9");
  EXPECT_FALSE(plan->first_run);
}

TEST_F(RunTest, StateIsShownSetAndReset) {
  job_.strategy = WriteStrategy::kAppend;
  job_.incremental_key = "Id";
  EXPECT_FALSE(ShowJobState(job_, QuickOptions())->exists);
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  Result<StateReport> state = ShowJobState(job_, QuickOptions());
  ASSERT_TRUE(state);
  EXPECT_EQ(state->cursor, "9");
  EXPECT_EQ(state->cursor_column, "Id");
  EXPECT_EQ(state->boundary_rows, 1);
  std::string saved = state->position;

  state = SetJobState(job_, QuickOptions(), "7");
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->cursor, "7");
  EXPECT_EQ(state->version, 2);
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  EXPECT_EQ(world_.Rows({"id"}).size(), 13U) << "7, 8 and 9 once more";

  EXPECT_TRUE(SetJobState(job_, QuickOptions(), saved));
  EXPECT_EQ(ShowJobState(job_, QuickOptions())->position, saved);
  EXPECT_EQ(SetJobState(job_, QuickOptions(), "{broken").error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(SetJobState(job_, QuickOptions(), "not a number").error().kind, ErrorKind::kInvalidInput);
  ASSERT_TRUE(ResetJobState(job_, QuickOptions()));
  EXPECT_EQ(ShowJobState(job_, QuickOptions())->cursor, "");
}

// A password of three characters that also stands in a hash of the boundary.
TEST_F(RunTest, APositionThatIsShownCanBePutBack) {
  job_.strategy = WriteStrategy::kAppend;
  job_.incremental_key = "Id";
  ASSERT_TRUE(RunJob(job_, QuickOptions()).is_success);
  StateReport state = *ShowJobState(job_, QuickOptions());
  nlohmann::json position = nlohmann::json::parse(state.position);
  RegisterSecret(position["boundary"]["rows"].get<std::string>().substr(4, 3));
  EXPECT_EQ(nlohmann::json::parse(ToJson(state))["position"], position);
  EXPECT_EQ(PositionText(state.position), state.position);
  EXPECT_THAT(PositionText("postgresql://u:hunter2@h"), testing::Not(HasSubstr("hunter2")));
  ForgetSecretsForTesting();
}

TEST_F(RunTest, ReportsAreJsonWithoutSecrets) {
  RegisterSecret("hunter2hunter2");
  job_.source_display = "fake://hunter2hunter2@source";
  job_.strategy = WriteStrategy::kAppend;
  job_.incremental_key = "Id";
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_TRUE(report.is_success);
  std::string text = ToJson(report);
  EXPECT_THAT(text, testing::Not(HasSubstr("hunter2")));
  nlohmann::json json = nlohmann::json::parse(text);
  EXPECT_EQ(json["is_success"], true);
  EXPECT_EQ(json["error"], nullptr);
  EXPECT_EQ(json["tables"][0]["rows_out"], 10);
  EXPECT_EQ(json["phases"]["extract"]["rows"], 10);
  EXPECT_EQ(json["position"]["cursor"]["value"], "9");
  EXPECT_EQ(json["position"]["boundary"]["rows"], 1);
  EXPECT_EQ(json["run_id"], report.run_id);
  job_.incremental_key = "hunter2hunter2";
  json = nlohmann::json::parse(ToJson(RunJob(job_, QuickOptions())));
  EXPECT_EQ(json["is_success"], false);
  EXPECT_EQ(json["error"]["kind"], "invalid_input");
  EXPECT_THAT(json["error"]["message"].get<std::string>(), HasSubstr("***"));
  EXPECT_THAT(ToJson(*PlanJob(world_.MakeJob(), QuickOptions())), HasSubstr("\"statements\""));
  EXPECT_THAT(ToJson(StateReport{.exists = true, .position = std::string(100000, '[')}), HasSubstr("[[["));
  ForgetSecretsForTesting();
}

}  // namespace
}  // namespace nilus
