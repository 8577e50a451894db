#include "nilus/connectors/files/connector.h"

#include <array>
#include <span>

#include "nilus/connectors/files/sink.h"
#include "nilus/connectors/files/source.h"

namespace nilus {
namespace {

constexpr std::array<std::string_view, 5> kSchemes = {"file", "csv", "jsonl", "json", "parquet"};

// A sink's options first, a source's last; the two in the middle are both's.
constexpr auto kOptions = std::to_array<OptionSpec>({
    {.name = "lock_wait_seconds",
     .type = OptionType::kInteger,
     .default_value = "10",
     .help = "How long to wait for another run of the pipeline, or another pipeline's commit to the same table"},
    {.name = "format",
     .type = OptionType::kChoice,
     .default_value = "",
     .help = "File format; by default each file's name says it, and a sink writes parquet",
     .choices = "csv|tsv|jsonl|ndjson|json|parquet"},
    {.name = "compression",
     .type = OptionType::kChoice,
     .default_value = "",
     .help = "Of the files: by their names when read; zstd (parquet) or none (csv, jsonl) when written",
     .choices = "zstd|snappy|gzip|none"},
    {.name = "delimiter",
     .type = OptionType::kText,
     .default_value = "auto",
     .help = "What separates CSV values: one character, or tab; auto: the commonest of , ; tab | in the first line"},
    {.name = "header",
     .type = OptionType::kBoolean,
     .default_value = "true",
     .help = "The first CSV line names the columns; otherwise they are column1, column2, …"},
    {.name = "quote",
     .type = OptionType::kText,
     .default_value = "\"",
     .help = "What quotes CSV values: one character, or none"},
    {.name = "null_string",
     .type = OptionType::kText,
     .default_value = "",
     .help = "Unquoted CSV text that means NULL, beside the empty one: NA, \\N"},
    {.name = "changed_files",
     .type = OptionType::kChoice,
     .default_value = "error",
     .help = "What to do with a file that was loaded before and has changed since",
     .choices = "error|reread|skip"},
});
constexpr std::span<const OptionSpec> kAddressParams = kOptions;
constexpr std::span<const OptionSpec> kSinkOptions = kAddressParams.first(3);
constexpr std::span<const OptionSpec> kSourceOptions = kAddressParams.last(7);
constexpr std::string_view kHonoured[] = {"loader_file_size", "loader_file_format"};
constexpr std::array kStrategies = {WriteStrategy::kReplace, WriteStrategy::kAppend};

}  // namespace

const Connector kFilesConnector = {
    .name = "files",
    .schemes = kSchemes,
    .title = "Files",
    .summary =
        "CSV, JSON lines, JSON and Parquet files, read by name, folder or glob, and written to a folder per table.",
    .address_example = "file:///data/orders/*.csv",
    .address_params = kAddressParams,
    .source_options = kSourceOptions,
    .sink_options = kSinkOptions,
    .honoured_sink_options = kHonoured,
    .strategies = kStrategies,
    .identifier_limit = 0,
    .runs_duckdb = true,
    .ordered_splits = true,
    .open_source = files::OpenFilesSource,
    .open_sink = files::OpenFilesSink,
};

}  // namespace nilus
