#include "nilus/connectors/delta/connector.h"

#include <algorithm>
#include <array>

#include "nilus/connectors/delta/source.h"
#include "nilus/storage/open_store.h"

namespace nilus {
namespace {

constexpr std::array<std::string_view, 1> kSchemes = {"delta"};

// The connector's own, then those of the store.
constexpr auto kAddressParams = [] {
  std::array<OptionSpec, 1 + storage::kStoreParams.size()> all = {};
  all[0] = {.name = "collection", .help = "Folder of tables that are named without one"};
  std::copy(storage::kStoreParams.begin(), storage::kStoreParams.end(), all.begin() + 1);
  return all;
}();

constexpr auto kSourceOptions = std::to_array<OptionSpec>({
    {.name = "version", .type = OptionType::kInteger, .help = "Version to read; by default the latest"},
    {.name = "as_of", .help = "Reads the version that was the latest at this time: 2026-11-26T10:00:00Z"},
});

}  // namespace

const Connector kDeltaConnector = {
    .name = "delta",
    .schemes = kSchemes,
    .title = "Delta Lake",
    .summary = "Delta tables on the local disk and in object stores, read with time travel.",
    .address_example = "delta:///tables",
    .address_params = kAddressParams,
    .source_options = kSourceOptions,
    .runs_duckdb = true,
    .open_source = delta_source::OpenSource,
};

}  // namespace nilus
