#include "nilus/connectors/duckdb/connector.h"

#include "nilus/base/memory_plan.h"
#include "nilus/connectors/duckdb/sink.h"
#include "nilus/connectors/duckdb/source.h"

namespace nilus {
namespace {

constexpr std::string_view kSchemes[] = {"duckdb"};
constexpr OptionSpec kOptions[] = {
    {.name = "lock_wait_seconds",
     .type = OptionType::kInteger,
     .default_value = "10",
     .help = "How long to wait for another process that holds the file"},
};
// The row groups that it fills are no part of DuckDB's memory_limit: with rows of 650 bytes runs were seen to peak at
// 286 MiB of a limit of 128, 340 of 256 and 454 of 512.
constexpr int64_t kLeastMemory = 512 * kMiB;
constexpr WriteStrategy kStrategies[] = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                         WriteStrategy::kDeleteInsert, WriteStrategy::kScd2};

}  // namespace

const Connector kDuckdbConnector = {
    .name = "duckdb",
    .schemes = kSchemes,
    .title = "DuckDB",
    .summary = "Tables and views of a DuckDB database file, read under one snapshot, written in one transaction.",
    .address_example = "duckdb:///path/to/file.duckdb",
    .address_params = kOptions,
    .source_options = kOptions,
    .sink_options = kOptions,
    .strategies = kStrategies,
    .least_memory_bytes = kLeastMemory,
    .runs_duckdb = true,
    .open_source = duckdb::OpenSource,
    .open_sink = duckdb::OpenSink,
};

}  // namespace nilus
