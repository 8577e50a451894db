#include "nilus/connectors/files/connector.h"

#include <array>

#include "nilus/connectors/files/sink.h"
#include "nilus/connectors/files/source.h"

namespace nilus {
namespace {

constexpr std::array<std::string_view, 5> kSchemes = {"file", "csv", "jsonl", "json", "parquet"};

constexpr OptionSpec kFormat = {.name = "format",
                                .type = OptionType::kChoice,
                                .default_value = "",
                                .help = "File format; by default each file's name says it, and a sink writes parquet",
                                .choices = "csv|tsv|jsonl|ndjson|json|parquet"};
constexpr OptionSpec kCompression = {
    .name = "compression",
    .type = OptionType::kChoice,
    .default_value = "",
    .help = "Of the files: by their names when read; zstd (parquet) or none (csv, jsonl) when written",
    .choices = "zstd|snappy|gzip|none"};
constexpr OptionSpec kDelimiter = {
    .name = "delimiter",
    .type = OptionType::kText,
    .default_value = "auto",
    .help = "What separates CSV values: one character, or tab; auto: the commonest of , ; tab | in the first line"};
constexpr OptionSpec kHeader = {.name = "header",
                                .type = OptionType::kBoolean,
                                .default_value = "true",
                                .help = "The first CSV line names the columns; otherwise they are column1, column2, …"};
constexpr OptionSpec kQuote = {.name = "quote",
                               .type = OptionType::kText,
                               .default_value = "\"",
                               .help = "What quotes CSV values: one character, or none"};
constexpr OptionSpec kNullString = {.name = "null_string",
                                    .type = OptionType::kText,
                                    .default_value = "",
                                    .help = "Unquoted CSV text that means NULL, beside the empty one: NA, \\N"};
constexpr OptionSpec kChangedFiles = {.name = "changed_files",
                                      .type = OptionType::kChoice,
                                      .default_value = "error",
                                      .help = "What to do with a file that was loaded before and has changed since",
                                      .choices = "error|reread|skip"};
constexpr OptionSpec kLockWait = {.name = "lock_wait_seconds",
                                  .type = OptionType::kInteger,
                                  .default_value = "10",
                                  .help = "How long a run waits for another run of the same pipeline to end"};

constexpr std::array kAddressParams = {kFormat, kCompression, kDelimiter,    kHeader,
                                       kQuote,  kNullString,  kChangedFiles, kLockWait};
constexpr std::array kSourceOptions = {kFormat, kCompression, kDelimiter, kHeader, kQuote, kNullString, kChangedFiles};
constexpr std::array kSinkOptions = {kFormat, kCompression, kLockWait};
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
    .strategies = kStrategies,
    .identifier_limit = 0,
    .open_source = files::OpenFilesSource,
    .open_sink = files::OpenFilesSink,
};

}  // namespace nilus
