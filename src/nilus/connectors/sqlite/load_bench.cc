// Rows a second into and out of a SQLite file: a narrow table of 5 columns.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "nilus/base/clock.h"
#include "nilus/connectors/sqlite/connector.h"

namespace nilus {
namespace {

constexpr int64_t kBatchRows = 50'000;
constexpr int kBatches = 10;

RecordBatch NarrowBatch() {
  auto schema = std::make_shared<Schema>();
  schema->fields = {{"id", MakeType(TypeId::kInt64)},
                    {"quantity", MakeType(TypeId::kInt32)},
                    {"price", MakeType(TypeId::kFloat64)},
                    {"status", MakeType(TypeId::kText)},
                    {"updated", MakeType(TypeId::kTimestamp)}};
  BatchBuilder builder(schema);
  for (int64_t i = 0; i < kBatchRows; ++i) {
    builder.column(0).Append<int64_t>(i);
    builder.column(1).Append<int32_t>(static_cast<int32_t>(i % 50));
    builder.column(2).Append<double>(static_cast<double>(i) * 0.25);
    builder.column(3).AppendBytes(i % 2 == 0 ? "shipped" : "open");
    builder.column(4).Append<int64_t>(1'700'000'000'000'000 + i * 1'000'000);
    builder.FinishRow();
  }
  return builder.Finish();
}

struct File {
  std::string folder = std::filesystem::temp_directory_path() / ("nilus-bench-" + NewId());
  Address address;
  File() {
    std::filesystem::create_directory(folder);
    address.scheme = "sqlite";
    address.path = folder + "/bench.db";
  }
  ~File() { std::filesystem::remove_all(folder); }
};

void Load(const File& file, WriteStrategy strategy, const RecordBatch& batch) {
  OpenContext context;
  auto sink = kSqliteConnector.open_sink(file.address, context).value();
  WriteRequest request;
  request.pipeline = {"bench", "main"};
  request.load_id = NewId();
  request.table = {"main", "t"};
  request.schema = batch.schema();
  request.strategy = strategy;
  request.primary_key = {"id"};
  auto writer = sink->Open(request).value();
  for (int i = 0; i < kBatches; ++i) {
    if (!writer->Write(batch)) std::abort();
  }
  writer->Finish().value();
  const auto state = sink->Committed(request.pipeline).value();
  sink->Commit({.pipeline = request.pipeline,
                .load_id = request.load_id,
                .expected_version = state ? state->version : 0,
                .position = {"{}"}})
      .value();
}

void BM_Load(benchmark::State& state) {
  const RecordBatch batch = NarrowBatch();
  for (auto _ : state) {
    state.PauseTiming();
    File file;
    state.ResumeTiming();
    Load(file, static_cast<WriteStrategy>(state.range(0)), batch);
  }
  state.SetItemsProcessed(state.iterations() * kBatchRows * kBatches);
  state.SetLabel(std::string(WriteStrategyName(static_cast<WriteStrategy>(state.range(0)))));
}
BENCHMARK(BM_Load)->DenseRange(0, 2)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_Read(benchmark::State& state) {
  File file;
  Load(file, WriteStrategy::kAppend, NarrowBatch());
  for (auto _ : state) {
    auto source = kSqliteConnector.open_source(file.address, OpenContext{}).value();
    ReadRequest request;
    request.table = "t";
    const ReadPlan plan = source->Plan(request).value();
    auto reader = source->Open(plan.splits[0]).value();
    int64_t rows = 0;
    while (auto next = reader->Next({}).value()) rows += next->rows.num_rows();
    if (rows != kBatchRows * kBatches) state.SkipWithError("rows are missing");
  }
  state.SetItemsProcessed(state.iterations() * kBatchRows * kBatches);
}
BENCHMARK(BM_Read)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace nilus

BENCHMARK_MAIN();
