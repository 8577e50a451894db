// Whole runs: order, limits, memory, stopping, what is reported, and what `plan` and `state` answer.
#include "nilus/engine/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

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

// A source that makes batches as fast as it can and counts the bytes that are still held by somebody.
class FloodSource : public Source {
 public:
  static constexpr int64_t kBatchBytes = 64 * 1024;
  static constexpr int kBatches = 400;

  Result<TableDescription> Describe(const ReadRequest&) override { return Description(); }
  Result<ReadPlan> Plan(const ReadRequest&) override {
    ReadPlan plan;
    plan.table = Description();
    plan.splits = {Split{}, Split{}};
    return plan;
  }
  Result<std::unique_ptr<Reader>> Open(const Split&) override { return std::unique_ptr<Reader>(std::make_unique<Flood>(this)); }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>(); }

  std::mutex mutex;
  std::condition_variable changed;
  int64_t alive = 0;
  int64_t most_alive = 0;
  int made = 0;

 private:
  class Flood : public Reader {
   public:
    explicit Flood(FloodSource* source) : source_(source) {}
    Result<std::optional<Batch>> Next(std::stop_token) override {
      {
        std::lock_guard lock(source_->mutex);
        if (source_->made == kBatches) return std::optional<Batch>();
        ++source_->made;
        source_->alive += kBatchBytes;
        source_->most_alive = std::max(source_->most_alive, source_->alive);
        source_->changed.notify_all();
      }
      auto* bytes = static_cast<uint8_t*>(std::calloc(1, kBatchBytes));
      std::shared_ptr<const void> owner(bytes, [source = source_](const void* held) {
        std::free(const_cast<void*>(held));
        std::lock_guard lock(source->mutex);
        source->alive -= kBatchBytes;
        source->changed.notify_all();
      });
      Column column{.type = MakeType(TypeId::kInt64), .length = kBatchBytes / 8, .values = Buffer(owner, bytes, kBatchBytes)};
      auto schema = std::make_shared<Schema>(Description().schema);
      return std::optional<Batch>(Batch{.rows = RecordBatch(schema, {column}, kBatchBytes / 8), .table = {}, .position = {}});
    }

   private:
    FloodSource* source_;
  };
  static TableDescription Description() {
    TableDescription description;
    description.schema = Schema{{Field{.name = "n", .type = MakeType(TypeId::kInt64)}}};
    return description;
  }
};

// Takes nothing before the pipeline is as full as it can get.
class SlowSink : public Sink {
 public:
  SlowSink(FloodSource** source, int64_t wait_for) : source_(source), wait_for_(wait_for) {}
  Result<std::optional<CommittedState>> Committed(const PipelineId&) override { return std::optional<CommittedState>(); }
  Result<bool> WasCommitted(const PipelineId&, const std::string&) override { return false; }
  Result<std::optional<Schema>> Describe(const TableName&) override { return std::optional<Schema>(); }
  Result<std::vector<std::string>> Explain(const WriteRequest&) override { return std::vector<std::string>(); }
  Result<std::unique_ptr<Writer>> Open(const WriteRequest&) override { return std::unique_ptr<Writer>(std::make_unique<Slow>(this)); }
  Result<CommitResult> Commit(const CommitRequest&) override { return CommitResult{.version = 1}; }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>(); }

 private:
  class Slow : public Writer {
   public:
    explicit Slow(SlowSink* sink) : sink_(sink) {}
    Status Write(RecordBatch batch) override {
      FloodSource& source = **sink_->source_;
      std::unique_lock lock(source.mutex);
      source.changed.wait(lock, [&] { return source.alive >= sink_->wait_for_ || source.made == FloodSource::kBatches; });
      lock.unlock();
      for (int i = 0; i < 200; ++i) std::this_thread::yield();  // room for a reader that would not wait
      rows_ += batch.num_rows();
      return {};
    }
    Result<Receipt> Finish() override {
      Receipt receipt;
      receipt.rows = rows_;
      return receipt;
    }

   private:
    SlowSink* sink_;
    int64_t rows_ = 0;
  };
  FloodSource** source_;
  int64_t wait_for_;
};

TEST_F(RunTest, AFastSourceWaitsForASlowSink) {
  FloodSource* source = nullptr;
  constexpr int64_t kBatch = FloodSource::kBatchBytes;
  job_.memory.queue_bytes = 10 * kBatch;
  job_.parallelism = job_.threads = 2;
  // In the queue, one in each reader's hands, and one in the writer's.
  constexpr int64_t kMost = 10 * kBatch + 2 * kBatch + kBatch;
  int64_t most = 0;
  job_.open_source = [&](std::stop_token) -> Result<std::unique_ptr<Source>> {
    auto flood = std::make_unique<FloodSource>();
    source = flood.get();
    return std::unique_ptr<Source>(std::move(flood));
  };
  job_.open_sink = [&](std::stop_token) -> Result<std::unique_ptr<Sink>> {
    return std::unique_ptr<Sink>(std::make_unique<SlowSink>(&source, kMost));
  };
  Progress progress;
  RunOptions options = QuickOptions();
  options.progress = &progress;
  // The source goes with the run: what it counted is kept by its acknowledgement, the last call it gets.
  job_.open_source = [&, inner = job_.open_source](std::stop_token stop) -> Result<std::unique_ptr<Source>> {
    class Watched : public Source {
     public:
      Watched(std::unique_ptr<Source> inner, int64_t* most) : inner_(std::move(inner)), most_(most) {}
      Result<TableDescription> Describe(const ReadRequest& request) override { return inner_->Describe(request); }
      Result<ReadPlan> Plan(const ReadRequest& request) override { return inner_->Plan(request); }
      Result<std::unique_ptr<Reader>> Open(const Split& split) override { return inner_->Open(split); }
      Status Acknowledge(const Position&) override {
        *most_ = static_cast<FloodSource*>(inner_.get())->most_alive;
        return {};
      }
      Result<std::vector<CheckItem>> Check() override { return inner_->Check(); }

     private:
      std::unique_ptr<Source> inner_;
      int64_t* most_;
    };
    NILUS_ASSIGN(std::unique_ptr<Source> flood, inner(stop));
    return std::unique_ptr<Source>(std::make_unique<Watched>(std::move(flood), &most));
  };
  RunReport report = RunJob(job_, options);
  ASSERT_TRUE(report.is_success) << report.error->message;
  EXPECT_EQ(most, kMost);
  EXPECT_EQ(report.tables[0].rows_out, FloodSource::kBatches * kBatch / 8);
  ASSERT_EQ(progress.Tables().size(), 1U);
  Progress::Table seen = progress.Tables()[0];
  EXPECT_EQ(seen.rows_read, report.tables[0].rows_in);
  EXPECT_EQ(seen.rows_loaded, report.tables[0].rows_out);
  EXPECT_EQ(seen.splits_done, 2);
  EXPECT_TRUE(seen.done);
  EXPECT_EQ(progress.phase(), RunPhase::kDone);
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
  EXPECT_EQ(json["error"]["kind"], "not_found");
  EXPECT_THAT(json["error"]["message"].get<std::string>(), HasSubstr("***"));
  EXPECT_THAT(ToJson(*PlanJob(world_.MakeJob(), QuickOptions())), HasSubstr("\"statements\""));
  EXPECT_THAT(ToJson(StateReport{.exists = true, .position = std::string(100000, '[')}), HasSubstr("[[["));
  ForgetSecretsForTesting();
}

}  // namespace
}  // namespace nilus
