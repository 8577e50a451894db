// The closed lists of `source.options` and `sink.options` (spec 01), typed and validated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nilus/base/option_spec.h"
#include "nilus/manifest/problem.h"

namespace nilus {

enum class IncrementalStrategy { kReplace, kAppend, kMerge, kDeleteInsert, kScd2 };
enum class ChangeStrategy { kFlatten, kChangelog };  // cdc only
// Named apart from the boundary's ReflectionLevel and PartitionField (connector/), which share this namespace.
enum class SqlReflectionLevel { kMinimal, kFull, kFullWithPrecision, kNone, kFast };
enum class NullCursor { kError, kInclude, kExclude };  // rows whose incremental key is NULL
enum class SchemaContract { kEvolve, kFreeze, kDiscardRow, kDiscardValue };
enum class LoaderFileFormat { kParquet, kCsv, kJsonLines, kInsertValues };
enum class PartitionTransform { kIdentity, kBucket, kTruncate, kYear, kMonth, kDay, kHour };

std::string_view IncrementalStrategyName(IncrementalStrategy strategy);  // as written: "delete+insert"

// `mask: {email: "partial:3"}`. The algorithm is one of spec 03's table and its parameter fits; applying it is the
// business of rows/.
struct MaskSpec {
  std::string column;
  std::string algorithm;
  std::string parameter;  // what follows the first ':'; empty when has_parameter is false
  bool has_parameter = false;
};

// A column and its pinned type in canonical text: text, bigint, decimal(12,2), timestamp, …
struct TypeHint {
  std::string column;
  std::string type;
};

struct NameFilter {  // regular expressions (RE2 syntax), checked to compile
  std::vector<std::string> includes;
  std::vector<std::string> excludes;
};

struct SourceOptions {
  std::string source_table;
  std::vector<std::string> primary_key;  // columns, in order; also filled from the sink's option of the older form
  std::string incremental_key;           // empty: none
  std::string interval_start;            // canonical: 2023-01-31T15:00:00[.fraction](Z|±HH:MM|nothing); or the bare
  std::string interval_end;              // date 2023-01-31 when only a date was written; empty: none
  std::vector<TypeHint> type_hints;
  std::vector<MaskSpec> masks;
  std::string cursor_secret;  // what the cursor of a masked incremental_key is sealed with; empty: made of the address
  ChangeStrategy change_strategy = ChangeStrategy::kFlatten;
  int max_table_nesting = 0;
  int extract_parallelism = 5;
  int64_t page_size = 50000;         // rows per batch
  std::optional<int64_t> sql_limit;  // rows
  std::vector<std::string> sql_exclude_columns;
  SqlReflectionLevel sql_reflection_level = SqlReflectionLevel::kFull;
  std::optional<int64_t> yield_limit;   // pages
  std::optional<bool> run_in_loop;      // stream: absent means the default of the mode
  std::optional<int64_t> batch_size;    // messages
  std::optional<double> batch_timeout;  // seconds
  NullCursor incremental_key_nulls = NullCursor::kError;
  std::string service_type;  // metadata only, from here on
  NameFilter database_filter;
  NameFilter schema_filter;
  NameFilter table_filter;
  std::optional<int64_t> query_log_duration;  // days
  std::optional<int64_t> result_limit;
  std::optional<int64_t> threads;
  OptionValues connector;  // the connector's own options (OptionSpec), validated
};

struct PartitionSpec {
  std::string column;
  PartitionTransform transform = PartitionTransform::kIdentity;
  std::string name;      // of the partition field; empty: the engine names it
  int index = 0;         // order; as written, else the place in the list
  int bucket_count = 0;  // bucket: number of buckets; truncate: width
};

struct SinkOptions {
  std::string dest_table;  // "schema.table"; schema only for cdc and custom sources
  IncrementalStrategy incremental_strategy = IncrementalStrategy::kReplace;
  bool incremental_strategy_given = false;  // false: chosen here (replace; with an incremental_key merge or append)
  bool full_refresh = false;
  std::vector<PartitionSpec> partition_by;
  std::vector<std::string> cluster_by;
  int64_t loader_file_size = 100000;  // rows per file
  std::optional<LoaderFileFormat> loader_file_format;
  std::string staging_bucket;
  std::string aws_region;
  std::string aws_endpoint;
  std::string iceberg_metadata_compression;  // "gzip", "none" or empty
  SchemaContract schema_contract = SchemaContract::kEvolve;
  // Where the options stand that only some sinks have a use for (partition_by, cluster_by, loader_file_size, …), by
  // name; those that are not written are not in it.
  std::map<std::string, SourcePlace, std::less<>> special;
  OptionValues connector;

  std::string DestSchema() const;  // before the first '.'; the whole text when there is none
  std::string DestTable() const;   // after it; empty when there is none
};

}  // namespace nilus
