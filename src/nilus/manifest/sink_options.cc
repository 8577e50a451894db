#include <algorithm>

#include "nilus/manifest/option_readers.h"

namespace nilus {
namespace {

// Of the closed list, what only some sinks have a use for: partitions, clusters, files, a staging area, S3, Iceberg.
constexpr std::string_view kSpecialOptions[] = {
    "partition_by",   "cluster_by", "loader_file_size", "loader_file_format",
    "staging_bucket", "aws_region", "aws_endpoint",     "iceberg_metadata_compression"};

constexpr int64_t kMostBuckets = 100'000;

PartitionSpec ReadPartitionSpec(MapReader& field, size_t position) {
  PartitionSpec result;
  result.column = field.TextOr("column");
  if (result.column.empty()) field.Missing("column", "write the name of a column");
  if (auto type = field.Choice("type", {"identity", "bucket", "truncate", "year", "month", "day", "hour"})) {
    result.transform = static_cast<PartitionTransform>(*type);
  }
  result.name = field.TextOr("name");
  result.index = static_cast<int>(field.Integer("index", 0, 1000).value_or(static_cast<int64_t>(position)));
  auto count = field.Integer("bucket_count", 1, kMostBuckets);
  bool needs_count =
      result.transform == PartitionTransform::kBucket || result.transform == PartitionTransform::kTruncate;
  if (needs_count && !field.Has("bucket_count")) {
    field.Missing("bucket_count", result.transform == PartitionTransform::kBucket ? "write the number of buckets: 16"
                                                                                  : "write the width: 10");
  }
  result.bucket_count = static_cast<int>(count.value_or(0));
  field.Finish();
  return result;
}

std::vector<PartitionSpec> ReadPartitions(MapReader& options) {
  std::vector<PartitionSpec> fields;
  const YamlNode* list = options.Take("partition_by");
  if (list == nullptr) return fields;
  if (list->kind != YamlKind::kSequence) {
    options.Add("partition_by", "a list is expected here, but this is " + std::string(YamlKindName(list->kind)),
                "write [{column: created_at, type: day}]");
    return fields;
  }
  for (size_t i = 0; i < list->items.size(); ++i) {
    MapReader field(list->items[i], options.PathOf("partition_by") + "[" + std::to_string(i) + "]", options.findings(),
                    options.style());
    if (list->items[i].kind == YamlKind::kMap) fields.push_back(ReadPartitionSpec(field, i));
  }
  std::stable_sort(fields.begin(), fields.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  return fields;
}

void ReadFileOptions(MapReader& options, SinkOptions& result) {
  result.loader_file_size = options.Integer("loader_file_size", 1).value_or(result.loader_file_size);
  if (auto format = options.Choice("loader_file_format", {"parquet", "csv", "jsonl", "insert_values"})) {
    result.loader_file_format = static_cast<LoaderFileFormat>(*format);
  }
  result.staging_bucket = options.TextOr("staging_bucket");
  result.aws_region = options.TextOr("aws_region");
  result.aws_endpoint = options.TextOr("aws_endpoint");
  if (auto compression = options.Choice("iceberg_metadata_compression", {"gzip", "none"})) {
    result.iceberg_metadata_compression = *compression == 0 ? "gzip" : "none";
  }
}

}  // namespace

std::string_view IncrementalStrategyName(IncrementalStrategy strategy) {
  switch (strategy) {
    case IncrementalStrategy::kReplace:
      return "replace";
    case IncrementalStrategy::kAppend:
      return "append";
    case IncrementalStrategy::kMerge:
      return "merge";
    case IncrementalStrategy::kDeleteInsert:
      return "delete+insert";
    case IncrementalStrategy::kScd2:
      return "scd2";
  }
  return "replace";
}

std::string SinkOptions::DestSchema() const { return dest_table.substr(0, dest_table.find('.')); }

std::string SinkOptions::DestTable() const {
  size_t dot = dest_table.find('.');
  return dot == std::string::npos ? std::string() : dest_table.substr(dot + 1);
}

SinkOptions ReadSinkOptions(MapReader& options, const SectionContext& context) {
  SinkOptions result;
  options.Refuse("columns", "the option is not supported",
                 "write the types under source.options.type_hints: {column: type}");
  result.dest_table = options.TextOr("dest_table");
  if (auto strategy = options.Choice("incremental_strategy", {"replace", "append", "merge", "delete+insert", "scd2"})) {
    result.incremental_strategy = static_cast<IncrementalStrategy>(*strategy);
    result.incremental_strategy_given = true;
  }
  result.full_refresh = options.Boolean("full_refresh").value_or(false);
  options.Know("primary_key");  // read with the source's, to which it belongs
  result.partition_by = ReadPartitions(options);
  result.cluster_by = options.TextList("cluster_by", true);
  ReadFileOptions(options, result);
  if (auto contract = options.Choice("schema_contract", {"evolve", "freeze", "discard_row", "discard_value"})) {
    result.schema_contract = static_cast<SchemaContract>(*contract);
  }
  for (std::string_view name : kSpecialOptions) {
    if (options.Has(name)) result.special.emplace(name, options.KeyPlaceOf(name));
  }
  result.connector = ReadConnectorOptions(options, context);
  return result;
}

}  // namespace nilus
