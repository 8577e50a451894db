#include "nilus/engine/job.h"

#include <algorithm>

#include "nilus/base/clock.h"
#include "nilus/base/encoding.h"
#include "nilus/base/nearest.h"
#include "nilus/connector/address_params.h"
#include "nilus/engine/manifest_terms.h"
#include "nilus/engine/masking.h"
#include "nilus/engine/seeded_bug.h"

namespace nilus {
namespace {

// What a manifest may ask and this version does not do yet.
Status RefuseWhatIsMissing(const Pipeline& pipeline) {
  if (pipeline.type != PipelineType::kBatch) {
    return FailWithFix(ErrorKind::kUnsupported, "use type: batch", "pipelines of type {} cannot be run yet",
                       PipelineTypeName(pipeline.type));
  }
  return {};
}

Status CheckStrategy(const BatchJob& job, const Connector& sink) {
  std::string_view name = WriteStrategyName(job.strategy);
  if (!HasStrategy(sink, job.strategy)) {
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

// All that it says, each part told from the next by a byte that stands in none.
std::string TextOf(const Address& address) {
  constexpr char kEnd = '\0';
  std::string text;
  for (const std::string& part :
       {address.scheme, address.user, address.password, address.host, std::to_string(address.port), address.path})
    (text += part) += kEnd;
  for (const auto& [key, value] : address.params) ((text += key) += kEnd).append(value) += kEnd;
  return text;
}

bool HasSecret(const Address& address) {
  return !address.password.empty() || std::any_of(address.params.begin(), address.params.end(), [](const auto& param) {
    return IsSecretName(param.first) && !param.second.empty();
  });
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
  NILUS_TRY(CheckAddressParams(pipeline.source.address, *source));
  NILUS_TRY(CheckAddressParams(pipeline.sink->address, *sink));

  BatchJob job;
  NILUS_ASSIGN(job.naming, NamingStyleFrom(VariablesOf(pipeline, options.variables)));
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
  job.cursor_secret = from.cursor_secret.empty() ? TextOf(pipeline.source.address) : from.cursor_secret;
  job.is_cursor_secret_weak = from.cursor_secret.empty() && !HasSecret(pipeline.source.address);
  NILUS_ASSIGN(job.hints, PinnedTypesOf(from));
  job.row_limit = from.sql_limit;
  job.page_limit = from.yield_limit;
  job.page_rows = std::max<int64_t>(from.page_size, 1);

  const SinkOptions& to = pipeline.sink_options;
  job.strategy = ToWriteStrategy(to.incremental_strategy);
  job.full_refresh = to.full_refresh;
  job.contract = ToContract(to.schema_contract);
  job.partition_by = PartitionFieldsOf(to, job.naming, job.identifier_limit);
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
  job.threads = ThreadsOf(pipeline, options.threads);
  job.parallelism = std::clamp(from.extract_parallelism, 1, job.threads);
  job.keep_order = source->ordered_splits;
  job.deletes_ranges = HasStrategy(*sink, WriteStrategy::kDeleteInsert);

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
      [sink, address = pipeline.sink->address, context, values = SinkValuesOf(to)](std::stop_token stop) mutable {
        context.options = values;
        context.stop = std::move(stop);
        return sink->open_sink(address, context);
      });
  job.open_written = ReaderOfSink(*sink, pipeline.sink->address, context);
  return job;
}

}  // namespace nilus
