#include "nilus/connectors/lakehouse/connector.h"

#include <algorithm>
#include <array>
#include <span>

#include "nilus/connectors/lakehouse/sink.h"
#include "nilus/connectors/lakehouse/source.h"
#include "nilus/lake/open_catalog.h"
#include "nilus/storage/open_store.h"

namespace nilus {
namespace {

constexpr std::array<std::string_view, 2> kSchemes = {"lakehouse", "iceberg+rest"};

// Of the catalog, then of the store.
constexpr auto kAddressParams = [] {
  std::array<OptionSpec, 1 + lake::kCatalogParams.size() + storage::kStoreParams.size()> all = {};
  all[0] = {.name = "collection", .help = "Schema of tables that are named without one; of dataos://depot:collection"};
  std::copy(lake::kCatalogParams.begin(), lake::kCatalogParams.end(), all.begin() + 1);
  std::copy(storage::kStoreParams.begin(), storage::kStoreParams.end(), all.begin() + 1 + lake::kCatalogParams.size());
  return all;
}();

constexpr auto kSinkOptions = std::to_array<OptionSpec>({
    {.name = "format_version",
     .type = OptionType::kChoice,
     .default_value = "2",
     .help = "Iceberg format of new tables: 2 marks changed rows by position deletes, 3 by deletion vectors",
     .choices = "2|3"},
    {.name = "file_bytes",
     .type = OptionType::kInteger,
     .default_value = "536870912",
     .help = "A data file ends at about so many bytes of rows in memory, or at loader_file_size rows"},
    {.name = "upkeep",
     .type = OptionType::kBoolean,
     .default_value = "true",
     .help = "Now and then, behind a commit, small files are put together and old snapshots expire (docs/lake.md)"},
    {.name = "upkeep_every_commits",
     .type = OptionType::kInteger,
     .default_value = "32",
     .help = "Upkeep follows one of so many commits to a table"},
    {.name = "upkeep_keep_snapshots",
     .type = OptionType::kInteger,
     .default_value = "100",
     .help = "So many snapshots stay at most; those older than five days go before"},
    {.name = "upkeep_small_files",
     .type = OptionType::kInteger,
     .default_value = "64",
     .help = "So many small data files, or half as many delete files, make a compaction due"},
});

constexpr auto kSourceOptions = std::to_array<OptionSpec>({
    {.name = "branch", .help = "Branch or tag to read; schema.table@branch says the same"},
    {.name = "snapshot_id", .type = OptionType::kInteger, .help = "Snapshot to read; schema.table@id says the same"},
    {.name = "as_of", .help = "Reads what readers saw at this time: 2026-11-26T10:00:00Z"},
});

constexpr std::string_view kHonoured[] = {"partition_by", "cluster_by", "loader_file_size",
                                          "iceberg_metadata_compression"};
constexpr std::array kStrategies = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                    WriteStrategy::kDeleteInsert, WriteStrategy::kScd2};

}  // namespace

const Connector kLakehouseConnector = {
    .name = "lakehouse",
    .schemes = kSchemes,
    .title = "Lakehouse (Iceberg)",
    .summary = "Iceberg tables on the local disk and in object stores, one snapshot a load, read with time travel.",
    .address_example = "lakehouse:///warehouse",
    .address_params = kAddressParams,
    .source_options = kSourceOptions,
    .sink_options = kSinkOptions,
    .honoured_sink_options = kHonoured,
    .strategies = kStrategies,
    .runs_duckdb = true,
    .commit_interval_ms = 1000,
    .open_source = lakehouse::OpenSource,
    .open_sink = lakehouse::OpenSink,
};

}  // namespace nilus
