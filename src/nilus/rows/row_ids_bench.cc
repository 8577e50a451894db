// What the two columns of ours cost a row, by a key of one bigint, by a key of two columns, and by number.
#include <benchmark/benchmark.h>

#include "nilus/data/builder.h"
#include "nilus/rows/row_ids.h"

namespace nilus {
namespace {

constexpr int64_t kRows = 50'000;

RecordBatch Rows() {
  ColumnBuilder ids(MakeType(TypeId::kInt64));
  ColumnBuilder names(MakeType(TypeId::kText));
  for (int64_t row = 0; row < kRows; ++row) {
    ids.Append<int64_t>(row * 7919);
    names.AppendBytes("customer " + std::to_string(row));
  }
  auto schema = std::make_shared<Schema>(Schema{
      {Field{.name = "id", .type = MakeType(TypeId::kInt64)}, Field{.name = "name", .type = MakeType(TypeId::kText)}}});
  return RecordBatch(std::move(schema), {ids.Finish(), names.Finish()}, kRows);
}

void Measure(benchmark::State& state, std::vector<std::string> key) {
  const RecordBatch batch = Rows();
  RowNamer namer(std::make_shared<RowNames>("019abcde-0000-7000-8000-000000000000", "raw.t", std::move(key), false));
  for (auto _ : state) benchmark::DoNotOptimize(namer.Name(batch));
  state.SetItemsProcessed(state.iterations() * kRows);
}

BENCHMARK_CAPTURE(Measure, numbered, std::vector<std::string>{});
BENCHMARK_CAPTURE(Measure, by_bigint, std::vector<std::string>{"id"});
BENCHMARK_CAPTURE(Measure, by_two_columns, std::vector<std::string>{"id", "name"});

}  // namespace
}  // namespace nilus

BENCHMARK_MAIN();
