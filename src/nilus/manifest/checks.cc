// Rules that span several keys of one pipeline.
#include <algorithm>

#include "nilus/manifest/forms.h"

namespace nilus {
namespace {

constexpr std::string_view kFilesAndStores[] = {"file", "csv", "json", "jsonl", "parquet", "s3",   "s3a",  "gs",
                                                "gcs",  "az",  "abfs", "abfss", "wasbs",   "sftp", "http", "https"};

bool IsFileScheme(std::string_view scheme) {
  return std::find(std::begin(kFilesAndStores), std::end(kFilesAndStores), scheme) != std::end(kFilesAndStores);
}

void CheckPrimaryKey(EndReaders& readers, Pipeline& pipeline) {
  std::vector<std::string> from_sink = readers.sink_options.TextList("primary_key", true);
  std::vector<std::string>& key = pipeline.source_options.primary_key;
  if (key.empty()) {
    key = from_sink;
  } else if (!from_sink.empty() && from_sink != key) {
    readers.sink_options.Add("primary_key", "this is not the primary key of source.options",
                             "write it once, under source.options");
  }
  std::vector<std::string> sorted = key;
  std::sort(sorted.begin(), sorted.end());
  auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    readers.source_options.Add("primary_key", "the column " + Shown(*twice) + " stands twice", "name it once");
}

void CheckSourceTable(EndReaders& readers, std::string_view scheme, const Pipeline& pipeline) {
  if (!pipeline.source_options.source_table.empty()) {
    const std::string& table = pipeline.source_options.source_table;
    if (table.starts_with("query:") && table.find_first_not_of(" \t\r\n;", 6) == std::string::npos) {
      readers.source_options.Add("source_table", "no SQL follows 'query:'", "write query:SELECT …");
    }
    return;
  }
  bool reads_one_table = pipeline.type == PipelineType::kBatch || pipeline.type == PipelineType::kStream;
  bool is_optional = scheme == "custom" || IsFileScheme(scheme) || scheme.empty();
  if (reads_one_table && !is_optional && !pipeline.source.names_dataset) {
    readers.source_options.Missing("source_table", pipeline.type == PipelineType::kStream
                                                       ? "write the topic or stream to read"
                                                       : "write schema.table, a view, or query:SELECT …");
  }
}

// The message is part of the contract (spec 04).
constexpr std::string_view kTableNameMessage = "Table name must be in the format <schema>.<table>";

void CheckDestTable(EndReaders& readers, std::string_view source_scheme, const Pipeline& pipeline) {
  if (!pipeline.sink) return;
  const std::string& table = pipeline.sink_options.dest_table;
  bool is_custom = source_scheme == "custom";
  bool schema_only = is_custom || pipeline.type == PipelineType::kCdc;
  if (table.empty()) {
    if (readers.sink_options.Take("dest_table") != nullptr &&
        readers.sink_options.Take("dest_table")->kind != YamlKind::kScalar)
      return;
    return readers.sink_options.Missing("dest_table",
                                        schema_only ? "write the schema to write to" : "write schema.table");
  }
  size_t dot = table.find('.');
  bool has_two_parts =
      dot != std::string::npos && dot > 0 && dot + 1 < table.size() && table.find('.', dot + 1) == std::string::npos;
  if (schema_only) {
    if (dot == std::string::npos) return;
    if (is_custom && has_two_parts) {
      return readers.owner.findings().Notice(
          readers.sink_options.PlaceOf("dest_table"), readers.sink_options.PathOf("dest_table"),
          "for a custom source only the schema is used: its resources name their tables");
    }
    return readers.sink_options.Add(
        "dest_table", Shown(table) + " is more than a schema: change data capture names the tables itself",
        "write " + table.substr(0, dot));
  }
  if (!has_two_parts)
    readers.sink_options.Add("dest_table", std::string(kTableNameMessage), "write schema.table, such as raw.customers");
}

void CheckStrategy(EndReaders& readers, std::string_view source_scheme, Pipeline& pipeline) {
  if (!pipeline.sink || source_scheme == "custom") return;
  SourceOptions& source = pipeline.source_options;
  SinkOptions& sink = pipeline.sink_options;
  if (pipeline.type == PipelineType::kCdc || pipeline.type == PipelineType::kStream) {
    if (!sink.incremental_strategy_given) sink.incremental_strategy = IncrementalStrategy::kAppend;
  } else if (!sink.incremental_strategy_given && !source.incremental_key.empty()) {
    sink.incremental_strategy = source.primary_key.empty() ? IncrementalStrategy::kAppend : IncrementalStrategy::kMerge;
    if (readers.sink_options.Take("incremental_strategy") != nullptr) return;  // misspelt: reported
    readers.owner.findings().Notice(readers.source_options.KeyPlaceOf("incremental_key"),
                                    readers.sink_options.path() + ".incremental_strategy",
                                    "with an incremental_key and no strategy given, " +
                                        std::string(IncrementalStrategyName(sink.incremental_strategy)) + " is used");
  }
  if (pipeline.type == PipelineType::kCdc) {
    if (sink.incremental_strategy != IncrementalStrategy::kAppend &&
        sink.incremental_strategy != IncrementalStrategy::kMerge) {
      readers.sink_options.Add(
          "incremental_strategy",
          std::string(IncrementalStrategyName(sink.incremental_strategy)) + " does not fit change data capture",
          "write append or merge");
    }
    return;
  }
  std::string name(IncrementalStrategyName(sink.incremental_strategy));
  bool needs_key = sink.incremental_strategy == IncrementalStrategy::kMerge ||
                   sink.incremental_strategy == IncrementalStrategy::kScd2;
  if (needs_key && source.primary_key.empty()) {
    readers.sink_options.Add("incremental_strategy", name + " needs a primary_key",
                             "set source.options.primary_key to the columns that tell rows apart");
  }
  if (sink.incremental_strategy == IncrementalStrategy::kDeleteInsert && source.incremental_key.empty()) {
    readers.sink_options.Add("incremental_strategy", name + " needs an incremental_key",
                             "set source.options.incremental_key to the column that the interval is about");
  }
}

void CheckIncremental(EndReaders& readers, std::string_view source_scheme, const Pipeline& pipeline) {
  const SourceOptions& source = pipeline.source_options;
  bool binds_interval =
      source.source_table.starts_with("query:") && (source.source_table.find(":interval_start") != std::string::npos ||
                                                    source.source_table.find(":interval_end") != std::string::npos);
  if (source.incremental_key.empty() && !binds_interval && source_scheme != "custom") {
    for (std::string_view name : {"interval_start", "interval_end"}) {
      if (readers.source_options.Take(name) != nullptr) {
        readers.source_options.Add(name, "an interval needs an incremental_key", "set source.options.incremental_key");
      }
    }
    if (readers.source_options.Take("incremental_key_nulls") != nullptr) {
      readers.source_options.Add("incremental_key_nulls", "the option needs an incremental_key",
                                 "set source.options.incremental_key");
    }
  }
  auto excluded = [&](const std::string& column) {
    return std::find(source.sql_exclude_columns.begin(), source.sql_exclude_columns.end(), column) !=
           source.sql_exclude_columns.end();
  };
  auto report = [&](const std::string& column, std::string_view role) {
    readers.source_options.Add("sql_exclude_columns",
                               "the column " + Shown(column) + " is left out, but it is the " + std::string(role),
                               "keep the column");
  };
  if (!source.incremental_key.empty() && excluded(source.incremental_key))
    report(source.incremental_key, "incremental_key");
  for (const std::string& column : source.primary_key) {
    if (excluded(column)) report(column, "primary_key");
  }
  for (const MaskSpec& mask : source.masks) {
    if (excluded(mask.column)) report(mask.column, "column of a mask");
  }
}

void CheckStream(EndReaders& readers, std::string_view scheme, const Pipeline& pipeline) {
  bool is_stream_source = scheme == "kafka" || scheme == "nats" || scheme == "nats+jetstream";
  if (pipeline.type == PipelineType::kStream && !scheme.empty() && !is_stream_source && readers.source.Has("address")) {
    readers.source.Add(
        "address", std::string(scheme) + ":// is no stream",
        "for change data capture write type: cdc (in a service: options.engine: debezium), for tables type: batch");
  }
}

}  // namespace

void CheckAcrossKeys(EndReaders& readers, std::string_view source_scheme, std::string_view sink_scheme,
                     Pipeline& pipeline) {
  CheckPrimaryKey(readers, pipeline);
  CheckSourceTable(readers, source_scheme, pipeline);
  CheckStream(readers, source_scheme, pipeline);
  CheckDestTable(readers, source_scheme, pipeline);
  CheckStrategy(readers, source_scheme, pipeline);
  CheckIncremental(readers, source_scheme, pipeline);
  if ((source_scheme == "custom" || sink_scheme == "custom") && !pipeline.repo) {
    readers.owner.Missing("repo", "write where the class of custom:// stands: repo: {url: …, baseDir: …}");
  }
}

}  // namespace nilus
