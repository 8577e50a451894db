#include "nilus/engine/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nilus {
namespace {

using testing::HasSubstr;

constexpr std::string_view kSchemes[] = {"fake"};
constexpr WriteStrategy kStrategies[] = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                         WriteStrategy::kDeleteInsert};

constexpr std::string_view kHungrySchemes[] = {"hungry"};

Result<std::unique_ptr<Source>> NoSource(const Address&, const OpenContext&) {
  return Fail(ErrorKind::kTransient, "no source");
}
Result<std::unique_ptr<Sink>> NoSink(const Address&, const OpenContext&) {
  return Fail(ErrorKind::kTransient, "no sink");
}

const Connector kFake = {.name = "fake",
                         .schemes = kSchemes,
                         .title = "Fake",
                         .summary = "",
                         .address_example = "fake://x",
                         .address_params = {},
                         .source_options = {},
                         .sink_options = {},
                         .strategies = kStrategies,
                         .identifier_limit = 30,
                         .open_source = NoSource,
                         .open_sink = NoSink};

class JobTest : public testing::Test {
 protected:
  JobTest() {
    registry_.Add(kFake);
    pipeline_.name = "orders";
    pipeline_.workspace = "public";
    pipeline_.source.address = Address{.scheme = "fake", .user = {}, .password = {}, .host = "from"};
    pipeline_.sink = Endpoint{};
    pipeline_.sink->address = Address{.scheme = "fake", .user = {}, .password = {}, .host = "to"};
    pipeline_.source_options.source_table = "public.orders";
    pipeline_.sink_options.dest_table = "raw.orders";
    options_.variables = [](std::string_view) { return std::nullopt; };
  }
  // The error's kind and message, or "made".
  std::string Outcome() {
    Result<BatchJob> job = MakeBatchJob(pipeline_, registry_, options_);
    return job ? "made" : fmt::format("{}: {}", ErrorKindName(job.error().kind), job.error().message);
  }

  ConnectorRegistry registry_;
  Pipeline pipeline_;
  RunOptions options_;
};

TEST_F(JobTest, TakesTheManifestOver) {
  pipeline_.source_options.primary_key = {"id"};
  pipeline_.source_options.sql_limit = 5;
  pipeline_.source_options.extract_parallelism = 5;
  pipeline_.sink_options.incremental_strategy = IncrementalStrategy::kMerge;
  pipeline_.sink_options.partition_by = {
      PartitionSpec{.column = "B", .index = 2},
      PartitionSpec{.column = "CreatedAt", .transform = PartitionTransform::kDay, .index = 1}};
  pipeline_.cpu_limit = 1.5;
  pipeline_.memory_limit_bytes = 128 * kMiB;
  Result<BatchJob> job = MakeBatchJob(pipeline_, registry_, options_);
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->strategy, WriteStrategy::kMerge);
  EXPECT_EQ(job->row_limit, 5);
  EXPECT_EQ(job->threads, 2);
  EXPECT_EQ(job->parallelism, 2) << "no more readers than processors";
  EXPECT_EQ(job->memory.total_bytes, 128 * kMiB);
  EXPECT_EQ(job->pipeline.value, "public/orders:raw.orders");
  EXPECT_EQ(job->pipeline.state_schema, "raw");
  ASSERT_EQ(job->partition_by.size(), 2U);
  EXPECT_EQ(job->partition_by[0].column, "created_at");
  EXPECT_EQ(job->partition_by[0].transform, "day");
}

TEST_F(JobTest, StateKeysAreStableAndTellPipelinesApart) {
  EXPECT_EQ(PipelineStateKey(pipeline_), "public/orders:raw.orders");
  pipeline_.node = "load";
  EXPECT_EQ(PipelineStateKey(pipeline_), "public/orders/load:raw.orders");
  pipeline_.name.clear();
  std::string unnamed = PipelineStateKey(pipeline_);
  EXPECT_THAT(unnamed, testing::MatchesRegex("ingest-[0-9a-f]+:raw.orders"));
  pipeline_.source.address.password = "changed";
  EXPECT_EQ(PipelineStateKey(pipeline_), unnamed) << "a rotated password is the same pipeline";
  pipeline_.source_options.source_table = "public.other";
  EXPECT_NE(PipelineStateKey(pipeline_), unnamed);
}

TEST_F(JobTest, WhatIsNotThereYetIsRefusedNeverIgnored) {
  pipeline_.type = PipelineType::kCdc;
  EXPECT_THAT(Outcome(), HasSubstr("type cdc"));
  pipeline_.type = PipelineType::kBatch;
  EXPECT_EQ(Outcome(), "made");
}

TEST_F(JobTest, HintsAndContractAreTakenOver) {
  pipeline_.source_options.type_hints = {TypeHint{.column = "a", .type = "decimal(12,2)"}};
  pipeline_.sink_options.schema_contract = SchemaContract::kDiscardRow;
  Result<BatchJob> job = MakeBatchJob(pipeline_, registry_, options_);
  ASSERT_TRUE(job) << job.error().message;
  ASSERT_EQ(job->hints.size(), 1U);
  EXPECT_EQ(job->hints[0].type, MakeDecimal(12, 2));
  EXPECT_EQ(job->contract, Contract::kDiscardRow);
}

TEST_F(JobTest, StrategiesNeedWhatTheyNeed) {
  pipeline_.sink_options.incremental_strategy = IncrementalStrategy::kScd2;
  EXPECT_THAT(Outcome(), HasSubstr("does not support incremental_strategy scd2"));
  pipeline_.sink_options.incremental_strategy = IncrementalStrategy::kMerge;
  EXPECT_THAT(Outcome(), HasSubstr("needs a primary_key"));
  pipeline_.sink_options.incremental_strategy = IncrementalStrategy::kDeleteInsert;
  EXPECT_THAT(Outcome(), HasSubstr("needs an incremental_key"));
  pipeline_.sink_options.incremental_strategy = IncrementalStrategy::kReplace;
  pipeline_.source_options.interval_start = "2024-01-01";
  EXPECT_THAT(Outcome(), HasSubstr("need an incremental_key"));
  pipeline_.source_options.source_table = "query:SELECT * FROM t WHERE at >= :interval_start";
  EXPECT_EQ(Outcome(), "made");
}

TEST_F(JobTest, WarnsOfAMemoryLimitThatAnEndDoesNotKeepTo) {
  static const Connector kHungry = {.name = "hungry",
                                    .schemes = kHungrySchemes,
                                    .title = "Hungry",
                                    .strategies = kStrategies,
                                    .least_memory_bytes = 128 * kMiB,
                                    .open_source = NoSource,
                                    .open_sink = NoSink};
  registry_.Add(kHungry);
  pipeline_.memory_limit_bytes = 64 * kMiB;
  EXPECT_EQ(MakeBatchJob(pipeline_, registry_, options_)->memory_warning, "");
  pipeline_.sink->address.scheme = "hungry";
  EXPECT_THAT(MakeBatchJob(pipeline_, registry_, options_)->memory_warning, HasSubstr("limits.memory to 128Mi"));
  pipeline_.memory_limit_bytes = 128 * kMiB;
  EXPECT_EQ(MakeBatchJob(pipeline_, registry_, options_)->memory_warning, "");
}

TEST_F(JobTest, NamesFollowTheStyleAsked) {
  pipeline_.sink_options.dest_table = "Raw.OrderItems";
  Result<BatchJob> job = MakeBatchJob(pipeline_, registry_, options_);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->table.ToString(), "raw.order_items");
  EXPECT_THAT(job->table_warning, HasSubstr("becomes"));
  pipeline_.envs = {{"SCHEMA_NAMING", "direct"}};
  job = MakeBatchJob(pipeline_, registry_, options_);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->table.ToString(), "Raw.OrderItems");
  pipeline_.envs = {{"SCHEMA_NAMING", "nope"}};
  EXPECT_THAT(Outcome(), HasSubstr("SCHEMA_NAMING"));
}

TEST_F(JobTest, FailuresBeforeARunAreReportedLikeOthers) {
  pipeline_.source.address.scheme = "fak";
  RunReport report = RunPipeline(pipeline_, registry_, options_);
  EXPECT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kUnsupported);
  EXPECT_EQ(report.error->phase, "plan");
  EXPECT_EQ(ExitCode(report), 2);
  EXPECT_FALSE(report.run_id.empty());
  EXPECT_EQ(report.pipeline, "public/orders:raw.orders");
}

}  // namespace
}  // namespace nilus
