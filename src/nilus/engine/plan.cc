// `nilus plan`: everything an attempt does before it reads, and what it would do to the destination. Writes nothing.
#include <algorithm>

#include "nilus/engine/attempt.h"

namespace nilus {
namespace {

std::string DescribeRange(const Incremental& incremental, const KeyRange& range,
                          const std::optional<Scalar>& snapshot_upper) {
  std::string text = range.column;
  if (range.lower) text += fmt::format(" from {}", incremental.Shown(range.lower->text));
  if (range.upper) {
    text += fmt::format(" up to {}{}", range.upper_inclusive ? "" : "but not including ",
                        incremental.Shown(range.upper->text));
  } else if (snapshot_upper) {
    text += fmt::format(" up to {}", incremental.Shown(snapshot_upper->text));
  }
  return text;
}

std::string RefusedNote(Contract contract) {
  return contract == Contract::kDiscardRow ? "not in the table: rows with a value become dead letters"
                                           : "not in the table: left out";
}

// What becomes of values that the column's type cannot take over.
std::string MisfitNote(const BatchJob& job, const Type& from, const ColumnPlan& plan) {
  if (plan.must_fit || job.contract == Contract::kFreeze) return "else an error";
  if (job.contract == Contract::kDiscardRow) return "else a dead letter";
  if (job.contract == Contract::kDiscardValue) return "else NULL";
  return "else to " + FitToLimit(VariantName(plan.field.name, TypeFamily(from)), job.identifier_limit);
}

std::vector<PlannedColumn> DescribeColumns(const BatchJob& job, const Preparation& prepared, bool keeps_table) {
  std::vector<PlannedColumn> columns;
  for (const Field& source : prepared.plan.table.schema.fields) {
    if (!source.variant_of.empty()) continue;
    Result<std::optional<ColumnPlan>> resolved = prepared.shape->Resolve(source);
    if (!resolved || !*resolved) continue;  // excluded
    const Field& field = (*resolved)->field;
    PlannedColumn column{.source_name = source.name,
                         .name = field.name,
                         .source_type = source.type,
                         .type = field.type,
                         .nullable = source.nullable,
                         .note = {}};
    std::vector<std::string> notes;
    const std::vector<std::string>& key = prepared.write.primary_key;
    if (std::find(key.begin(), key.end(), field.name) != key.end()) notes.emplace_back("primary key");
    if (field.name == prepared.write.incremental_key) notes.emplace_back("incremental key");
    if ((*resolved)->is_refused) {
      notes.push_back(RefusedNote(job.contract));
    } else if (keeps_table && prepared.destination && !prepared.destination->Find(field.name)) {
      notes.emplace_back("new column");
    }
    if ((*resolved)->rule == CoerceRule::kLenient) notes.emplace_back("type hint");
    if (const MaskRule* mask = prepared.masking->RuleFor(source.name)) {
      notes.push_back("masked with " + mask->algorithm);
    } else if (!(source.type == field.type) && !(*resolved)->is_refused) {
      notes.push_back(
          fmt::format("cast from {}, {}", source.type.ToString(), MisfitNote(job, source.type, **resolved)));
    }
    for (const Masking::NestedRule& nested : prepared.masking->NestedRulesFor(source.name))
      notes.push_back(fmt::format("`{}` masked with {}", nested.rule->column, nested.rule->algorithm));
    for (const std::string& note : notes) column.note += (column.note.empty() ? "" : ", ") + note;
    columns.push_back(std::move(column));
  }
  return columns;
}

}  // namespace

Result<PlanReport> PlanJob(const BatchJob& job, const RunOptions& options) {
  std::string phase;
  std::string committed_load;
  NILUS_ASSIGN(Preparation prepared, Prepare(job, {}, options.stop, /*always_describe=*/true, &phase, &committed_load));
  PlanReport report{.pipeline = job.pipeline.value,
                    .name = job.name,
                    .source = job.source_display,
                    .destination = job.sink_display,
                    .source_table = job.source_table,
                    .dest_table = job.table.ToString(),
                    .strategy = std::string(WriteStrategyName(job.strategy)),
                    .first_run = !prepared.state,
                    .full_refresh = job.full_refresh,
                    .contract = std::string(ContractName(job.contract)),
                    .table_exists = prepared.destination.has_value(),
                    .primary_key = prepared.write.primary_key,
                    .incremental_key = prepared.incremental != nullptr
                                           ? prepared.shape->NameOf(prepared.incremental->range().column)
                                           : std::string(),
                    .cursor = prepared.cursor_before,
                    .splits = static_cast<int>(prepared.plan.splits.size()),
                    .in_parallel = prepared.in_parallel && job.parallelism > 1 && prepared.plan.splits.size() > 1,
                    .estimated_rows = prepared.plan.table.estimated_rows,
                    .estimated_bytes = prepared.plan.table.estimated_bytes};
  if (!job.memory_warning.empty()) report.warnings.push_back(job.memory_warning);
  if (!job.table_warning.empty()) report.warnings.push_back(job.table_warning);
  for (std::string& warning : prepared.warnings) report.warnings.push_back(std::move(warning));
  if (!prepared.repeated_interval.empty()) report.warnings.push_back(prepared.repeated_interval);
  bool keeps_table = job.strategy != WriteStrategy::kReplace && !job.full_refresh;
  report.columns = DescribeColumns(job, prepared, keeps_table);
  if (!report.columns.empty()) {
    for (const std::string& column : prepared.shape->unused_hints()) {
      report.warnings.push_back(fmt::format("type_hints: `{}` is no column of {}", column, job.source_table));
    }
  }
  if (prepared.request.range && prepared.incremental != nullptr)
    report.range = DescribeRange(*prepared.incremental, *prepared.request.range, prepared.plan.upper);
  if (job.max_nesting > 0) {
    report.warnings.push_back(
        "max_table_nesting: which columns and child tables the json columns become is known once they are read");
  }
  if (report.columns.empty()) {
    report.warnings.push_back("the columns of the source are known only once it is read");
    return report;
  }
  prepared.write.load_id = "plan";
  NILUS_ASSIGN(report.statements, prepared.sink->Explain(prepared.write));
  return report;
}

Result<PlanReport> PlanPipeline(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                const RunOptions& options) {
  NILUS_ASSIGN(BatchJob job, MakeBatchJob(pipeline, registry, options));
  return PlanJob(job, options);
}

}  // namespace nilus
