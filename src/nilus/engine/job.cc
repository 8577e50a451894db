#include "nilus/engine/job.h"

#include <algorithm>
#include <cmath>

#include "nilus/base/clock.h"
#include "nilus/base/encoding.h"
#include "nilus/base/nearest.h"
#include "nilus/engine/masking.h"
#include "nilus/engine/seeded_bug.h"

namespace nilus {
namespace {

WriteStrategy ToWriteStrategy(IncrementalStrategy strategy) {
  switch (strategy) {
    case IncrementalStrategy::kReplace:
      return WriteStrategy::kReplace;
    case IncrementalStrategy::kAppend:
      return WriteStrategy::kAppend;
    case IncrementalStrategy::kMerge:
      return WriteStrategy::kMerge;
    case IncrementalStrategy::kDeleteInsert:
      return WriteStrategy::kDeleteInsert;
    case IncrementalStrategy::kScd2:
      return WriteStrategy::kScd2;
  }
  return WriteStrategy::kReplace;
}

ReflectionLevel ToReflection(SqlReflectionLevel level) {
  switch (level) {
    case SqlReflectionLevel::kFullWithPrecision:
      return ReflectionLevel::kFullWithPrecision;
    case SqlReflectionLevel::kFull:
      return ReflectionLevel::kFull;
    case SqlReflectionLevel::kMinimal:
    case SqlReflectionLevel::kNone:
    case SqlReflectionLevel::kFast:
      return ReflectionLevel::kMinimal;
  }
  return ReflectionLevel::kFull;
}

Contract ToContract(SchemaContract contract) {
  switch (contract) {
    case SchemaContract::kEvolve:
      return Contract::kEvolve;
    case SchemaContract::kFreeze:
      return Contract::kFreeze;
    case SchemaContract::kDiscardRow:
      return Contract::kDiscardRow;
    case SchemaContract::kDiscardValue:
      return Contract::kDiscardValue;
  }
  return Contract::kEvolve;
}

std::string_view TransformName(PartitionTransform transform) {
  switch (transform) {
    case PartitionTransform::kIdentity:
      return "identity";
    case PartitionTransform::kBucket:
      return "bucket";
    case PartitionTransform::kTruncate:
      return "truncate";
    case PartitionTransform::kYear:
      return "year";
    case PartitionTransform::kMonth:
      return "month";
    case PartitionTransform::kDay:
      return "day";
    case PartitionTransform::kHour:
      return "hour";
  }
  return "identity";
}

std::string_view FileFormatName(LoaderFileFormat format) {
  switch (format) {
    case LoaderFileFormat::kParquet:
      return "parquet";
    case LoaderFileFormat::kCsv:
      return "csv";
    case LoaderFileFormat::kJsonLines:
      return "jsonl";
    case LoaderFileFormat::kInsertValues:
      return "insert_values";
  }
  return "";
}

// What a manifest may ask by spec 03 and this version does not do yet.
Status RefuseWhatIsMissing(const Pipeline& pipeline) {
  const SourceOptions& source = pipeline.source_options;
  if (pipeline.type != PipelineType::kBatch) {
    return FailWithFix(ErrorKind::kUnsupported, "use type: batch", "pipelines of type {} cannot be run yet",
                       PipelineTypeName(pipeline.type));
  }
  const SinkOptions& sink = pipeline.sink_options;
  if (source.max_table_nesting != 0 && sink.incremental_strategy == IncrementalStrategy::kScd2) {
    return FailWithFix(ErrorKind::kUnsupported, "use another incremental_strategy, or leave max_table_nesting at \"0\"",
                       "max_table_nesting above 0 is not supported with incremental_strategy scd2: a version's child "
                       "rows could not be told from another's");
  }
  if (source.max_table_nesting != 0 && sink.schema_contract == SchemaContract::kDiscardRow) {
    return FailWithFix(ErrorKind::kUnsupported, "use another schema_contract, or leave max_table_nesting at \"0\"",
                       "max_table_nesting above 0 is not supported with schema_contract discard_row yet");
  }
  return {};
}

Status CheckStrategy(const BatchJob& job, const Connector& sink) {
  std::string_view name = WriteStrategyName(job.strategy);
  if (std::find(sink.strategies.begin(), sink.strategies.end(), job.strategy) == sink.strategies.end()) {
    std::string known;
    for (WriteStrategy strategy : sink.strategies)
      known += fmt::format("{}{}", known.empty() ? "" : ", ", WriteStrategyName(strategy));
    if (known.empty()) return Fail(ErrorKind::kUnsupported, "{} cannot be written to", sink.title);
    return FailWithFix(ErrorKind::kUnsupported, "use one of " + known, "{} does not support incremental_strategy {}",
                       sink.title, name);
  }
  if ((job.strategy == WriteStrategy::kMerge || job.strategy == WriteStrategy::kScd2) && job.primary_key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "add primary_key to source.options",
                       "incremental_strategy {} needs a primary_key", name);
  }
  if (job.strategy == WriteStrategy::kDeleteInsert && job.incremental_key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "add incremental_key to source.options",
                       "incremental_strategy {} needs an incremental_key", name);
  }
  bool has_interval = !job.interval_start.empty() || !job.interval_end.empty();
  if (has_interval && job.incremental_key.empty() && !job.source_table.starts_with("query:")) {
    return FailWithFix(ErrorKind::kInvalidInput, "add incremental_key to source.options",
                       "interval_start and interval_end need an incremental_key");
  }
  return {};
}

VariableLookup Variables(const Pipeline& pipeline, const RunOptions& options) {
  return [&](std::string_view name) -> std::optional<std::string> {
    for (const auto& [key, value] : pipeline.envs) {
      if (key == name) return value;
    }
    return options.variables ? options.variables(name) : ProcessEnvironment()(name);
  };
}

// What a sink is opened with: its own options, and those of the closed list that say nothing of one table.
OptionValues SinkValues(const SinkOptions& options) {
  OptionValues values = options.connector;
  if (!options.iceberg_metadata_compression.empty())
    values.Set("iceberg_metadata_compression", options.iceberg_metadata_compression);
  return values;
}

std::string MemoryWarning(int64_t limit, const Connector& source, const Connector& sink) {
  const Connector& end = source.least_memory_bytes > sink.least_memory_bytes ? source : sink;
  if (limit >= end.least_memory_bytes) return "";
  return fmt::format(
      "the memory limit of {} MiB is too small for {}, which takes more than that: from {} MiB on the limit is kept. "
      "Raise spec.resources.limits.memory to {}Mi",
      limit / kMiB, end.title, end.least_memory_bytes / kMiB, end.least_memory_bytes / kMiB);
}

}  // namespace

std::string PipelineStateKey(const Pipeline& pipeline) {
  const std::string& dest = pipeline.sink_options.dest_table;
  if (pipeline.name.empty()) {
    std::string whole =
        fmt::format("{}\n{}\n{}\n{}", pipeline.source.address.ToDisplay(), pipeline.source_options.source_table,
                    pipeline.sink ? pipeline.sink->address.ToDisplay() : "", dest);
    return fmt::format("ingest-{}:{}", Sha256Hex(whole).substr(0, 16), dest);
  }
  std::string_view workspace =
      pipeline.workspace.empty() ? std::string_view("public") : std::string_view(pipeline.workspace);
  if (pipeline.node.empty()) return fmt::format("{}/{}:{}", workspace, pipeline.name, dest);
  return fmt::format("{}/{}/{}:{}", workspace, pipeline.name, pipeline.node, dest);
}

std::string_view ContractName(Contract contract) {
  switch (contract) {
    case Contract::kEvolve:
      return "evolve";
    case Contract::kFreeze:
      return "freeze";
    case Contract::kDiscardRow:
      return "discard_row";
    case Contract::kDiscardValue:
      return "discard_value";
  }
  return "evolve";
}

std::string TableInCheckpoint(const BatchJob& job) {
  return job.source_table.starts_with("query:") ? "query" : job.source_table;
}

Result<const Field*> FindSourceField(const Schema& schema, const BatchJob& job, std::string_view name,
                                     std::string_view option) {
  for (const Field& field : schema.fields) {
    if (field.name == name) return &field;
  }
  std::string wanted = NormalizeName(name, job.naming, job.identifier_limit);
  std::vector<std::string_view> known;
  for (const Field& field : schema.fields) {
    if (NormalizeName(field.name, job.naming, job.identifier_limit) == wanted) return &field;
    known.push_back(field.name);
  }
  std::string nearest = Nearest(name, known);
  return FailWithFix(ErrorKind::kInvalidInput,
                     nearest.empty() ? "name one of its columns" : fmt::format("did you mean `{}`?", nearest),
                     "{} `{}` is no column of {}", option, name, job.source_table);
}

Result<BatchJob> MakeBatchJob(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  NILUS_TRY(RefuseWhatIsMissing(pipeline));
  if (!pipeline.sink) return Fail(ErrorKind::kInvalidInput, "the pipeline has no sink");
  NILUS_ASSIGN(const Connector* source, registry.Find(pipeline.source.address.scheme));
  NILUS_ASSIGN(const Connector* sink, registry.Find(pipeline.sink->address.scheme));
  if (source->open_source == nullptr) return Fail(ErrorKind::kUnsupported, "{} cannot be read from", source->title);
  if (sink->open_sink == nullptr) return Fail(ErrorKind::kUnsupported, "{} cannot be written to", sink->title);

  BatchJob job;
  NILUS_ASSIGN(job.naming, NamingStyleFrom(Variables(pipeline, options)));
  job.identifier_limit = sink->identifier_limit;
  NILUS_ASSIGN(NormalizedTable table,
               NormalizeTableName(pipeline.sink_options.dest_table, job.naming, job.identifier_limit));
  job.table = TableName{.schema = table.schema, .name = table.name};
  if (job.table.name.starts_with("_nilus_")) {
    return FailWithFix(ErrorKind::kInvalidInput, "name another dest_table",
                       "dest_table `{}`: tables that begin with _nilus_ are Nilus's own, for the state of pipelines",
                       pipeline.sink_options.dest_table);
  }
  job.table_warning = std::move(table.warning);
  job.pipeline = PipelineId{.value = PipelineStateKey(pipeline), .state_schema = table.schema};
  job.name = pipeline.node.empty() ? pipeline.name : pipeline.name + "/" + pipeline.node;
  job.source_display = pipeline.source.address.ToDisplay();
  job.sink_display = pipeline.sink->address.ToDisplay();

  const SourceOptions& from = pipeline.source_options;
  job.source_table = from.source_table;
  job.primary_key = from.primary_key;
  job.incremental_key = from.incremental_key;
  job.interval_start = from.interval_start;
  job.interval_end = from.interval_end;
  job.null_keys = from.incremental_key_nulls;
  job.reflection = ToReflection(from.sql_reflection_level);
  job.exclude_columns = from.sql_exclude_columns;
  job.max_nesting = from.max_table_nesting;
  job.masks = ToMaskRules(from.masks);
  for (const TypeHint& hint : from.type_hints) {
    NILUS_ASSIGN(Type type, ParseType(hint.type));
    job.hints.push_back(PinnedType{.column = hint.column, .type = type});
  }
  job.row_limit = from.sql_limit;
  job.page_limit = from.yield_limit;
  job.page_rows = std::max<int64_t>(from.page_size, 1);

  const SinkOptions& to = pipeline.sink_options;
  job.strategy = ToWriteStrategy(to.incremental_strategy);
  job.full_refresh = to.full_refresh;
  job.contract = ToContract(to.schema_contract);
  std::vector<PartitionSpec> partitions = to.partition_by;
  std::stable_sort(partitions.begin(), partitions.end(),
                   [](const auto& a, const auto& b) { return a.index < b.index; });
  for (const PartitionSpec& partition : partitions) {
    job.partition_by.push_back(
        PartitionField{.column = NormalizeName(partition.column, job.naming, job.identifier_limit),
                       .transform = std::string(TransformName(partition.transform)),
                       .name = partition.name,
                       .parameter = partition.bucket_count});
  }
  for (const std::string& column : to.cluster_by) {
    job.cluster_by.push_back(NormalizeName(column, job.naming, job.identifier_limit));
  }
  job.file_rows = to.loader_file_size;
  if (to.loader_file_format) job.file_format = FileFormatName(*to.loader_file_format);
  NILUS_TRY(CheckStrategy(job, *sink));
  NILUS_TRY(CheckMasks(job));

  int64_t limit = options.memory_limit_bytes > 0 ? options.memory_limit_bytes
                                                 : pipeline.memory_limit_bytes.value_or(kDefaultMemoryLimit);
  job.memory = PlanMemory(limit);
  job.memory_warning = MemoryWarning(limit, *source, *sink);
  int threads = options.threads > 0  ? options.threads
                : pipeline.cpu_limit ? static_cast<int>(std::ceil(*pipeline.cpu_limit))
                                     : CpuCount();
  job.threads = std::clamp(threads, 1, 64);
  job.parallelism = std::clamp(from.extract_parallelism, 1, job.threads);
  job.keep_order = source->ordered_splits;
  job.deletes_ranges = std::find(sink->strategies.begin(), sink->strategies.end(), WriteStrategy::kDeleteInsert) !=
                       sink->strategies.end();

  OpenContext context{.options = {},
                      .memory_bytes = job.memory.connector_bytes,
                      .duckdb_bytes = job.memory.duckdb_bytes / (source->runs_duckdb && sink->runs_duckdb ? 2 : 1),
                      .threads = job.threads,
                      .stop = {}};
  job.open_source = [source, address = pipeline.source.address, context,
                     values = from.connector](std::stop_token stop) mutable {
    context.options = values;
    context.stop = std::move(stop);
    return source->open_source(address, context);
  };
  job.open_sink = WithSeededBug(
      [sink, address = pipeline.sink->address, context, values = SinkValues(to)](std::stop_token stop) mutable {
        context.options = values;
        context.stop = std::move(stop);
        return sink->open_sink(address, context);
      });
  if (sink->open_source == nullptr) return job;
  job.open_written = [sink, address = pipeline.sink->address, context](std::stop_token stop) mutable {
    context.stop = std::move(stop);
    return sink->open_source(address, context);
  };
  return job;
}

}  // namespace nilus
