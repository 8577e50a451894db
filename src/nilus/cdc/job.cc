#include "nilus/cdc/job.h"

#include <re2/re2.h>

#include <algorithm>

#include "nilus/cdc/seeded_bug.h"
#include "nilus/connector/address_params.h"
#include "nilus/engine/manifest_terms.h"
#include "nilus/engine/masking.h"
#include "nilus/rows/masker.h"

namespace nilus {
namespace {

// What changes cannot be loaded with.
Status Refuse(const Pipeline& pipeline) {
  const SourceOptions& source = pipeline.source_options;
  const SinkOptions& sink = pipeline.sink_options;
  if (source.max_table_nesting != 0) {
    return FailWithFix(ErrorKind::kUnsupported, "leave it at \"0\": json columns stay json",
                       "max_table_nesting above 0 is not supported with type: cdc");
  }
  if (sink.full_refresh) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       "run `nilus state reset` once for a new snapshot, or set snapshot.mode: always",
                       "full_refresh does not fit type: cdc, which would read all tables at each start");
  }
  if (!source.primary_key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       "leave it out: each table's own primary key or replica identity tells its rows apart",
                       "primary_key does not fit type: cdc, which captures many tables");
  }
  if (!source.incremental_key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "leave it out: the log tells what changed",
                       "incremental_key does not fit type: cdc");
  }
  return {};
}

Status CheckSink(const CdcJob& job, const Connector& sink) {
  const WriteStrategy strategy = job.merges ? WriteStrategy::kMerge : WriteStrategy::kAppend;
  if (HasStrategy(sink, strategy)) return {};
  if (sink.strategies.empty()) return Fail(ErrorKind::kUnsupported, "{} cannot be written to", sink.title);
  return FailWithFix(ErrorKind::kUnsupported, job.merges ? "use incremental_strategy append" : "use another sink",
                     "{} does not support incremental_strategy {}", sink.title, WriteStrategyName(strategy));
}

// How often rows are committed, and how many at once.
void SetFlush(const Connector& sink, CdcJob* job) {
  const CdcProperties& properties = job->properties;
  job->commit_interval = properties.poll_interval.value_or(std::chrono::milliseconds(sink.commit_interval_ms));
  job->flush_rows = properties.batch_rows;
  constexpr int64_t kRowsOfASlowCommit = 200'000;
  if (!properties.batch_rows_given && sink.commit_interval_ms > 0) job->flush_rows = kRowsOfASlowCommit;
}

// `column`, `table.column` or `schema.table.column`: the column, if the rule is meant for this table.
std::string ColumnFor(std::string_view written, const CapturedTable& table) {
  for (const std::string& prefix : {table.schema + "." + table.name + ".", table.name + "."}) {
    if (written.starts_with(prefix)) return std::string(written.substr(prefix.size()));
  }
  return std::string(written);
}

bool HasColumn(const CdcJob& job, const CapturedTable& table, const std::string& column) {
  const std::string name = NormalizeName(column, job.naming, job.identifier_limit);
  return std::any_of(table.columns.fields.begin(), table.columns.fields.end(), [&](const Field& field) {
    return field.name == column || NormalizeName(field.name, job.naming, job.identifier_limit) == name;
  });
}

// The mask is for what lies at a path inside of a json column.
bool LeadsIntoJson(const CdcJob& job, const CapturedTable& table, const MaskRule& rule) {
  const auto masking = Masking::Create(MaskingOptions{.rules = {rule},
                                                      .naming = job.naming,
                                                      .identifier_limit = job.identifier_limit,
                                                      .table = table.name,
                                                      .sequences = {}});
  return masking && std::any_of(table.columns.fields.begin(), table.columns.fields.end(), [&](const Field& field) {
           return field.type.id == TypeId::kJson && !(*masking)->NestedRulesFor(field.name).empty();
         });
}

}  // namespace

Result<CdcJob> MakeCdcJob(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  NILUS_TRY(Refuse(pipeline));
  if (!pipeline.sink) return Fail(ErrorKind::kInvalidInput, "the pipeline has no sink");
  NILUS_ASSIGN(const Connector* source, registry.Find(pipeline.source.address.scheme));
  NILUS_ASSIGN(const Connector* sink, registry.Find(pipeline.sink->address.scheme));
  if (source->open_changes == nullptr) {
    return FailWithFix(ErrorKind::kUnsupported, "use type: batch", "{} has no log that changes can be captured from",
                       source->title);
  }
  if (sink->open_sink == nullptr) return Fail(ErrorKind::kUnsupported, "{} cannot be written to", sink->title);
  NILUS_TRY(CheckAddressParams(pipeline.source.address, *source));
  NILUS_TRY(CheckAddressParams(pipeline.sink->address, *sink));

  CdcJob job;
  NILUS_ASSIGN(job.naming, NamingStyleFrom(VariablesOf(pipeline, options.variables)));
  job.identifier_limit = sink->identifier_limit;
  const std::string schema = pipeline.sink_options.DestSchema();
  job.schema = NormalizeName(schema, job.naming, job.identifier_limit);
  if (job.schema != schema) {
    job.notices.push_back(fmt::format("dest_table `{}` becomes `{}` by normalization{}", schema, job.schema,
                                      job.naming == NamingStyle::kDefault ? " (SCHEMA_NAMING=direct keeps it)" : ""));
  }
  job.pipeline = PipelineId{.value = PipelineStateKey(pipeline), .state_schema = job.schema};
  job.name = pipeline.node.empty() ? pipeline.name : pipeline.name + "/" + pipeline.node;
  job.source_display = pipeline.source.address.ToDisplay();
  job.sink_display = pipeline.sink->address.ToDisplay();
  const SourceOptions& from = pipeline.source_options;
  const SinkOptions& to = pipeline.sink_options;
  job.changelog = from.change_strategy == ChangeStrategy::kChangelog;
  job.merges = to.incremental_strategy == IncrementalStrategy::kMerge;
  job.masks = ToMaskRules(from.masks);
  NILUS_ASSIGN(job.hints, PinnedTypesOf(from));
  job.contract = ToContract(to.schema_contract);
  NILUS_ASSIGN(job.properties, ReadProperties(pipeline.cdc, &job.notices));
  if (job.contract == Contract::kDiscardRow && job.merges && job.properties.soft_deletes) {
    return FailWithFix(ErrorKind::kUnsupported, "use evolve or discard_value, or let deletes remove rows",
                       "schema_contract discard_row does not fit soft deletes: a row that was kept out is not there to "
                       "be marked as deleted");
  }
  if (!from.source_table.empty()) {
    job.notices.push_back(
        "source_table has no effect with type: cdc: table.include.list says which tables are captured");
  }
  job.capture = CaptureRequest{.properties = pipeline.cdc,
                               .pipeline = job.pipeline.value,
                               .needs_keys = job.merges,
                               .needs_deletes = std::find(job.properties.skipped.begin(), job.properties.skipped.end(),
                                                          ChangeOp::kDelete) == job.properties.skipped.end()};
  // What a source makes anew when its log is lost depends on the mode, and configuration_based has many faces.
  if (job.properties.snapshot.when_lost && !job.properties.snapshot.at_every_start)
    job.capture.properties["snapshot.mode"] = "when_needed";
  job.partition_by = PartitionFieldsOf(to, job.naming, job.identifier_limit);
  for (const std::string& column : to.cluster_by)
    job.cluster_by.push_back(NormalizeName(column, job.naming, job.identifier_limit));
  job.file_rows = to.loader_file_size;
  if (to.loader_file_format) job.file_format = FileFormatName(*to.loader_file_format);
  NILUS_TRY(CheckSink(job, *sink));
  SetFlush(*sink, &job);
  const int64_t limit = options.memory_limit_bytes > 0 ? options.memory_limit_bytes
                                                       : pipeline.memory_limit_bytes.value_or(kDefaultMemoryLimit);
  job.memory = PlanMemory(limit);
  if (std::string warning = MemoryWarning(limit, *source, *sink); !warning.empty()) job.notices.push_back(warning);
  job.threads = ThreadsOf(pipeline, options.threads);

  OpenContext context{.options = {},
                      .memory_bytes = job.memory.connector_bytes,
                      .duckdb_bytes = job.memory.duckdb_bytes,
                      .threads = job.threads,
                      .stop = {}};
  job.open_source = WithSeededBug(
      [source, address = pipeline.source.address, context, values = from.connector](std::stop_token stop) mutable {
        context.options = values;
        context.stop = std::move(stop);
        return source->open_changes(address, context);
      });
  job.open_sink = [sink, address = pipeline.sink->address, context,
                   values = SinkValuesOf(to)](std::stop_token stop) mutable {
    context.options = values;
    context.stop = std::move(stop);
    return sink->open_sink(address, context);
  };
  job.deletes_ranges = HasStrategy(*sink, WriteStrategy::kDeleteInsert);
  job.open_written = ReaderOfSink(*sink, pipeline.sink->address, context);
  return job;
}

BatchJob AsBatchJob(const CdcJob& job) {
  BatchJob batch;
  batch.pipeline = job.pipeline;
  batch.name = job.name;
  batch.sink_display = job.sink_display;
  batch.identifier_limit = job.identifier_limit;
  batch.deletes_ranges = job.deletes_ranges;
  batch.memory = job.memory;
  batch.threads = job.threads;
  batch.open_sink = job.open_sink;
  batch.open_written = job.open_written;
  return batch;
}

std::string TopicOf(const CdcJob& job, const std::string& schema, const std::string& table) {
  std::string topic = fmt::format("{}.{}.{}", job.properties.prefix, schema, table);
  for (const RouteRule& rule : job.properties.routes) {
    RE2 regex(rule.regex);
    if (RE2::FullMatch(topic, regex)) {
      RE2::Replace(&topic, regex, rule.replacement);
      break;
    }
  }
  return topic;
}

Result<TableName> RouteTable(const CdcJob& job, const std::string& schema, const std::string& table) {
  TableName name{.schema = job.schema,
                 .name = NormalizeName(TopicOf(job, schema, table), job.naming, job.identifier_limit)};
  if (name.name.starts_with("_nilus_")) {
    return FailWithFix(ErrorKind::kInvalidInput, "choose another topic.prefix",
                       "table {}.{} would land in `{}`: tables that begin with _nilus_ are Nilus's own", schema, table,
                       name.name);
  }
  return name;
}

std::vector<MaskRule> MasksOf(const CdcJob& job, const CapturedTable& table) {
  std::vector<MaskRule> rules;
  for (const MaskRule& rule : job.masks) {
    MaskRule own = rule;
    own.column = ColumnFor(rule.column, table);
    if (HasColumn(job, table, own.column) || LeadsIntoJson(job, table, own)) rules.push_back(std::move(own));
  }
  return rules;
}

std::vector<PinnedType> HintsOf(const CdcJob& job, const CapturedTable& table) {
  std::vector<PinnedType> hints;
  for (const PinnedType& hint : job.hints) {
    PinnedType own = hint;
    own.column = ColumnFor(hint.column, table);
    if (HasColumn(job, table, own.column)) hints.push_back(std::move(own));
  }
  return hints;
}

}  // namespace nilus
