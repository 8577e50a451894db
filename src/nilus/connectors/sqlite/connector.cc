#include "nilus/connectors/sqlite/connector.h"

#include "nilus/connectors/sqlite/sink.h"
#include "nilus/connectors/sqlite/source.h"

namespace nilus {
namespace {

constexpr std::string_view kSchemes[] = {"sqlite"};

constexpr OptionSpec kAddressParams[] = {
    {.name = "busy_timeout",
     .type = OptionType::kInteger,
     .default_value = "5000",
     .help = "milliseconds to wait for a lock that another program holds on the file"},
};

constexpr WriteStrategy kStrategies[] = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                         WriteStrategy::kDeleteInsert, WriteStrategy::kScd2};

}  // namespace

const Connector kSqliteConnector = {
    .name = "sqlite",
    .schemes = kSchemes,
    .title = "SQLite",
    .summary = "SQLite database files, read under one snapshot and written in one transaction.",
    .address_example = "sqlite:///folder/file.db",
    .address_params = kAddressParams,
    .source_options = {},
    .sink_options = {},
    .strategies = kStrategies,
    .identifier_limit = 0,
    .open_source = &sqlite::OpenSource,
    .open_sink = &sqlite::OpenSink,
};

}  // namespace nilus
