// Changes a second into a DuckDB file.
#include "nilus/connector/change_loads_bench.h"
#include "nilus/connectors/duckdb/connector.h"

namespace nilus {
namespace {

void BM_Changes(benchmark::State& state) {
  const conformance::BenchFolder folder;
  conformance::RunChangeLoads(state, kDuckdbConnector, folder.AddressOf("duckdb", "bench.duckdb"), "main");
}
BENCHMARK(BM_Changes)->Apply(conformance::ChangeLoadArguments);

}  // namespace
}  // namespace nilus

BENCHMARK_MAIN();
