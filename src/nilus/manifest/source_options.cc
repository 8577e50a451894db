#include <re2/re2.h>

#include "nilus/base/address.h"
#include "nilus/base/redact.h"
#include "nilus/manifest/option_readers.h"
#include "nilus/manifest/values.h"

namespace nilus {
namespace {

constexpr int64_t kDeepestNesting = 64;
constexpr int64_t kMostParallelism = 256;
constexpr int64_t kLargestPage = 10'000'000;

std::string ReadInterval(MapReader& options, std::string_view name, std::optional<Timestamp>& value) {
  auto text = options.Text(name);
  if (!text) return {};
  auto parsed = ParseTimestamp(*text);
  if (!parsed) {
    options.Add(name, parsed.error().message, parsed.error().fix);
    return {};
  }
  value = *parsed;
  return parsed->text;
}

void ReadIntervals(MapReader& options, SourceOptions& result) {
  std::optional<Timestamp> start;
  std::optional<Timestamp> end;
  result.interval_start = ReadInterval(options, "interval_start", start);
  result.interval_end = ReadInterval(options, "interval_end", end);
  // With a zone on one side only, which comes first is not known here.
  if (!start || !end || start->has_zone != end->has_zone) return;
  if (std::pair(start->seconds, start->nanoseconds) >= std::pair(end->seconds, end->nanoseconds)) {
    options.Add("interval_end",
                "the interval is empty: its end " + end->text + " is not after its start " + start->text,
                "the end is not part of the interval: write the day after");
  }
}

// In a flow map, YAML ends a value at its comma: `{amount: decimal(12,2)}`, as the spec itself writes it, arrives as
// `amount: "decimal(12"` and a key `2)` without a value. The two halves are put together again.
TextMap JoinSplitDecimals(TextMap hints) {
  TextMap joined;
  for (auto& [column, text] : hints) {
    bool is_rest = text.empty() && column.size() > 1 && column.ends_with(')') &&
                   column.find_first_not_of("0123456789 ") == column.size() - 1;
    if (is_rest && !joined.empty() && joined.back().second.find('(') != std::string::npos &&
        joined.back().second.find(')') == std::string::npos) {
      joined.back().second += "," + column;
    } else {
      joined.emplace_back(std::move(column), std::move(text));
    }
  }
  return joined;
}

void ReadTypeHints(MapReader& options, SourceOptions& result) {
  for (auto& [column, text] : JoinSplitDecimals(options.TextMap("type_hints"))) {
    auto type = CanonicalColumnType(text);
    if (type) {
      result.type_hints.push_back({column, *type});
    } else {
      MapReader hints(*options.Take("type_hints"), options.PathOf("type_hints"), options.findings());
      hints.Add(column, type.error().message, type.error().fix);
    }
  }
}

void ReadMasks(MapReader& options, SourceOptions& result) {
  for (auto& [column, text] : options.TextMap("mask")) {
    auto mask = ParseMask(column, text);
    if (mask) {
      result.masks.push_back(*std::move(mask));
    } else {
      MapReader masks(*options.Take("mask"), options.PathOf("mask"), options.findings());
      masks.Add(column, mask.error().message, mask.error().fix);
    }
  }
}

void CheckPatterns(MapReader& filter, std::string_view name, const std::vector<std::string>& patterns) {
  RE2::Options quiet;
  quiet.set_log_errors(false);
  for (const std::string& pattern : patterns) {
    RE2 expression(pattern, quiet);
    if (!expression.ok()) {
      filter.Add(name, Shown(pattern) + " is not a regular expression: " + expression.error(), "see the RE2 syntax");
    }
  }
}

NameFilter ReadFilter(MapReader& options, std::string_view name) {
  MapReader filter = options.Child(name);
  NameFilter result{filter.TextList("includes"), filter.TextList("excludes")};
  CheckPatterns(filter, "includes", result.includes);
  CheckPatterns(filter, "excludes", result.excludes);
  filter.Finish();
  return result;
}

constexpr std::string_view kMetadataOptions[] = {"service_type", "database_filter",    "schema_filter",
                                                 "table_filter", "query_log_duration", "result_limit",
                                                 "threads"};

void ReadMetadataOptions(MapReader& options, SourceOptions& result) {
  result.service_type = options.TextOr("service_type");
  result.database_filter = ReadFilter(options, "database_filter");
  result.schema_filter = ReadFilter(options, "schema_filter");
  result.table_filter = ReadFilter(options, "table_filter");
  result.query_log_duration = options.Integer("query_log_duration", 1, 3650);
  result.result_limit = options.Integer("result_limit", 1);
  result.threads = options.Integer("threads", 1, kMostParallelism);
}

void ReadSqlOptions(MapReader& options, SourceOptions& result) {
  result.extract_parallelism =
      static_cast<int>(options.Integer("extract_parallelism", 1, kMostParallelism).value_or(5));
  result.page_size = options.Integer("page_size", 1, kLargestPage).value_or(result.page_size);
  result.sql_limit = options.Integer("sql_limit", 0);
  result.sql_exclude_columns = options.TextList("sql_exclude_columns", true);
  if (auto level = options.Choice("sql_reflection_level", {"minimal", "full", "full_with_precision", "none", "fast"})) {
    result.sql_reflection_level = static_cast<SqlReflectionLevel>(*level);
  }
  if (options.Text("sql_backend")) {
    options.findings().Notice(options.KeyPlaceOf("sql_backend"), options.PathOf("sql_backend"),
                              "the option has no effect: there is one native path", "remove it");
  }
  result.yield_limit = options.Integer("yield_limit", 1);
}

}  // namespace

SourceOptions ReadSourceOptions(MapReader& options, const SectionContext& context) {
  SourceOptions result;
  options.Refuse("columns", "the option is not supported", "write the types under type_hints: {column: type}");
  result.source_table = options.TextOr("source_table");
  result.primary_key = options.TextList("primary_key", true);
  result.incremental_key = options.TextOr("incremental_key");
  if (auto nulls = options.Choice("incremental_key_nulls", {"error", "include", "exclude"})) {
    result.incremental_key_nulls = static_cast<NullCursor>(*nulls);
  }
  ReadIntervals(options, result);
  ReadTypeHints(options, result);
  ReadMasks(options, result);
  result.cursor_secret = options.TextOr("cursor_secret");
  if (PlaceholderNames(result.cursor_secret).empty()) RegisterSecret(result.cursor_secret);
  if (context.type == PipelineType::kCdc) {
    if (auto strategy = options.Choice("strategy", {"flatten", "changelog"})) {
      result.change_strategy = static_cast<ChangeStrategy>(*strategy);
    }
  } else {
    options.Refuse("strategy", "the option is for cdc only",
                   "for how rows are written, set sink.options.incremental_strategy");
  }
  result.max_table_nesting = static_cast<int>(options.Integer("max_table_nesting", 0, kDeepestNesting).value_or(0));
  ReadSqlOptions(options, result);
  result.run_in_loop = options.Boolean("run_in_loop");
  result.batch_size = options.Integer("batch_size", 1, kLargestPage);
  result.batch_timeout = options.Number("batch_timeout", 0);
  if (context.type == PipelineType::kMetadata) {
    ReadMetadataOptions(options, result);
  } else {
    for (std::string_view name : kMetadataOptions)
      options.Refuse(name, "the option is for type: metadata only", "remove it");
  }
  result.connector = ReadConnectorOptions(options, context);
  return result;
}

}  // namespace nilus
