// Changes a second into PostgreSQL.
#include "nilus/connector/change_loads_bench.h"
#include "nilus/connectors/postgres/connector.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace nilus {
namespace {

void BM_Changes(benchmark::State& state) {
  conformance::RunChangeLoads(state, kPostgresConnector, postgres::TestServer::Shared()->NewDatabase(), "public");
}
BENCHMARK(BM_Changes)->Apply(conformance::ChangeLoadArguments);

}  // namespace
}  // namespace nilus

BENCHMARK_MAIN();
