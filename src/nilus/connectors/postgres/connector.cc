#include "nilus/connectors/postgres/connector.h"

#include "nilus/connectors/postgres/cdc/change_source.h"
#include "nilus/connectors/postgres/options.h"
#include "nilus/connectors/postgres/sink.h"
#include "nilus/connectors/postgres/source.h"

namespace nilus {
namespace {

constexpr std::string_view kSchemes[] = {"postgresql", "postgres"};
constexpr WriteStrategy kStrategies[] = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                         WriteStrategy::kDeleteInsert, WriteStrategy::kScd2};

}  // namespace

const Connector kPostgresConnector = {
    .name = "postgresql",
    .schemes = kSchemes,
    .title = "PostgreSQL",
    .summary =
        "Tables, views, partitioned tables and queries of PostgreSQL 10 to 18, read and written with binary COPY",
    .address_example = "postgresql://user:password@host:5432/db?sslmode=verify-full",
    .address_params = postgres::AddressParams(),
    .source_options = {},
    .sink_options = postgres::SinkOptions(),
    .strategies = kStrategies,
    .identifier_limit = 63,
    .open_source = postgres::OpenPostgresSource,
    .open_sink = postgres::OpenPostgresSink,
    .open_changes = postgres::OpenPostgresChanges,
};

}  // namespace nilus
