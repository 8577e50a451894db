// Changes a second into a DuckDB file, in loads of 1 to 50,000 changes of a table of a million keys, and the time of a
// load.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "nilus/base/clock.h"
#include "nilus/connector/change_loads_testing.h"
#include "nilus/connectors/duckdb/connector.h"

namespace nilus {
namespace {

constexpr int64_t kKeys = 1'000'000;

void BM_Changes(benchmark::State& state) {
  const std::string folder = std::filesystem::temp_directory_path() / ("nilus-bench-" + NewId());
  std::filesystem::create_directory(folder);
  const std::shared_ptr<void> keep(nullptr, [&](void*) { std::filesystem::remove_all(folder); });
  Address address;
  address.scheme = "duckdb";
  address.path = folder + "/bench.duckdb";
  OpenContext context;
  auto sink = kDuckdbConnector.open_sink(address, context).value();
  conformance::ChangeWorkload workload(sink.get(), "main", kKeys);
  workload.SetUnknown(state.range(1));
  if (Status filled = workload.Fill(); !filled) return state.SkipWithError(filled.error().ToString().c_str());
  for (auto _ : state) {
    if (Status loaded = workload.Load(state.range(0)); !loaded)
      return state.SkipWithError(loaded.error().ToString().c_str());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Changes)
    ->ArgNames({"changes", "unknown"})
    ->Args({1, 0})
    ->Args({1'000, 0})
    ->Args({50'000, 0})
    ->Args({50'000, 10})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace nilus

BENCHMARK_MAIN();
