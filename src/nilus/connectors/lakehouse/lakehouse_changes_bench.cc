// Changes a second into an Iceberg table in a folder.
#include "nilus/connector/change_loads_bench.h"
#include "nilus/connectors/lakehouse/connector.h"

namespace nilus {
namespace {

void BM_Changes(benchmark::State& state) {
  const conformance::BenchFolder folder;
  conformance::RunChangeLoads(state, kLakehouseConnector, folder.AddressOf("lakehouse", ""), "main");
}
BENCHMARK(BM_Changes)->Apply(conformance::ChangeLoadArguments);

}  // namespace
}  // namespace nilus

BENCHMARK_MAIN();
