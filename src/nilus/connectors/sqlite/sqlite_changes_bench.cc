// Changes a second into a SQLite file.
#include "nilus/connector/change_loads_bench.h"
#include "nilus/connectors/sqlite/connector.h"

namespace nilus {
namespace {

void BM_Changes(benchmark::State& state) {
  const conformance::BenchFolder folder;
  conformance::RunChangeLoads(state, kSqliteConnector, folder.AddressOf("sqlite", "bench.db"), "main");
}
BENCHMARK(BM_Changes)->Apply(conformance::ChangeLoadArguments);

}  // namespace
}  // namespace nilus

BENCHMARK_MAIN();
