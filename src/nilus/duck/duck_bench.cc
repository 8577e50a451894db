// Writing 3 million lineitem-like rows: Parquet files, a table of a database file, and reading them back.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/duck/batch_stream.h"
#include "nilus/duck/lineitem_testing.h"
#include "nilus/duck/parquet_writer.h"
#include "nilus/duck/query_reader.h"

namespace nilus::duck {
namespace {

constexpr int64_t kBatchRows = 20'000;
constexpr int64_t kBatches = 150;
constexpr double kRows = static_cast<double>(kBatchRows * kBatches);

const std::vector<RecordBatch>& Lineitem() {
  static const std::vector<RecordBatch> batches = [] {
    std::vector<RecordBatch> made;
    for (int64_t i = 0; i < kBatches; ++i) made.push_back(LineitemBatch(i * kBatchRows, kBatchRows));
    return made;
  }();
  return batches;
}

class Folder {
 public:
  Folder() : path_("/tmp/nilus-duck-bench-" + NewId()) { std::filesystem::create_directories(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <typename T>
T OrDie(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().ToString());
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

void Report(benchmark::State& state, double cpu_seconds) {
  auto runs = static_cast<double>(state.iterations());
  state.counters["rows/s"] = benchmark::Counter(kRows * runs, benchmark::Counter::kIsRate);
  state.counters["cpu_s/Mrow"] = cpu_seconds / (kRows * runs / 1e6);
  state.counters["peak_MB"] = static_cast<double>(ProcessPeakBytes()) / 1e6;
}

// Arguments: rows a file (0: one file), files compressed at once, zstd level (0: snappy).
void BM_WriteParquet(benchmark::State& state) {
  Lineitem();
  double cpu = ProcessCpuSeconds();
  for (auto _ : state) {
    Folder folder;
    auto database = OrDie(Database::Open(DatabaseConfig{}));
    ParquetOptions options{.directory = folder.path(), .file_rows = state.range(0)};
    options.parallel_files = static_cast<int>(state.range(1));
    options.zstd_level = static_cast<int>(state.range(2));
    if (state.range(2) == 0) options.compression = ParquetCompression::kSnappy;
    auto writer = OrDie(ParquetWriter::Open(database, options));
    for (const RecordBatch& batch : Lineitem()) OrDie(writer->Write(batch));
    int64_t bytes = 0;
    for (const WrittenFile& file : OrDie(writer->Finish())) bytes += file.bytes;
    state.counters["MB"] = static_cast<double>(bytes) / 1e6;
  }
  Report(state, ProcessCpuSeconds() - cpu);
}
BENCHMARK(BM_WriteParquet)
    ->Args({100'000, 1, 1})
    ->Args({100'000, 2, 1})
    ->Args({100'000, 3, 1})
    ->Args({100'000, 2, 3})
    ->Args({100'000, 2, 0})
    ->Args({1'000'000, 2, 1})
    ->Args({0, 1, 1})
    ->Args({0, 1, 0})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(2);

// Argument: preserve_insertion_order with one scan thread.
void BM_Insert(benchmark::State& state) {
  Lineitem();
  double cpu = ProcessCpuSeconds();
  for (auto _ : state) {
    Folder folder;
    bool ordered = state.range(0) != 0;
    auto database =
        OrDie(Database::Open(DatabaseConfig{.path = folder.path() + "/t.duckdb", .preserve_insertion_order = ordered}));
    Connection connection = OrDie(Connection::Open(database));
    BatchStreamOptions options{.schema = LineitemSchema(), .single_thread = ordered};
    auto statement = [](const std::string& relation) { return "CREATE TABLE t AS SELECT * FROM " + relation; };
    auto stream = OrDie(BatchStream::Start(connection, statement, options));
    for (const RecordBatch& batch : Lineitem()) OrDie(stream->Push(batch));
    OrDie(stream->Finish());
  }
  Report(state, ProcessCpuSeconds() - cpu);
}
BENCHMARK(BM_Insert)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(2);

void BM_ReadTable(benchmark::State& state) {
  Folder folder;
  auto database = OrDie(Database::Open(DatabaseConfig{.path = folder.path() + "/t.duckdb"}));
  Connection connection = OrDie(Connection::Open(database));
  auto statement = [](const std::string& relation) { return "CREATE TABLE t AS SELECT * FROM " + relation; };
  auto stream = OrDie(BatchStream::Start(connection, statement, {.schema = LineitemSchema()}));
  for (const RecordBatch& batch : Lineitem()) OrDie(stream->Push(batch));
  OrDie(stream->Finish());
  double cpu = ProcessCpuSeconds();
  for (auto _ : state) {
    auto reader = OrDie(QueryReader::Open(connection, "SELECT * FROM t", {}, {}, {}));
    while (auto batch = OrDie(reader->Next({}))) benchmark::DoNotOptimize(batch->num_rows());
  }
  Report(state, ProcessCpuSeconds() - cpu);
}
BENCHMARK(BM_ReadTable)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(2);

}  // namespace
}  // namespace nilus::duck

BENCHMARK_MAIN();
