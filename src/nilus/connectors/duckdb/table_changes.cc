// TableLoad's part for loads of changes (WriteRequest::is_changes).
#include "nilus/base/fault.h"
#include "nilus/connectors/duckdb/table_load.h"

namespace nilus::duckdb {

Status TableLoad::StartChanges() {
  if (existing_ && !request_.full_refresh)
    NILUS_TRY(sql_.AddColumns(MissingVariants(sql_.columns(), existing_->schema)));
  Schema columns = sql_.columns();
  std::erase_if(columns.fields, [&](const Field& field) { return sql_.IsStagedOnly(field.name); });
  fold_.emplace(request_, columns);
  for (const std::string& statement : sql_.CreateStaging()) NILUS_TRY(session_->Execute(statement, request_.stop));
  return {};
}

Status TableLoad::WriteChanges(const RecordBatch& batch) {
  if (fold_->MustTakeBefore(batch)) {
    NILUS_TRY(StagePart());
    NILUS_TRY(ApplyPart());
    NILUS_TRY(session_->Execute(sql_.EmptyStaging(), request_.stop));
  }
  return fold_->Add(batch);
}

// What was folded goes into staging.
Status TableLoad::StagePart() {
  part_ = fold_->Take();
  if (part_.rows.num_rows() == 0) return {};
  const size_t known = sql_.columns().fields.size();
  NILUS_TRY(Stage(std::move(part_.rows)));
  part_.rows = {};
  NILUS_TRY(FitStaged());
  // Variant columns that came to life: in later parts they stay or go with their column.
  const std::vector<Field>& fields = sql_.columns().fields;
  fold_->AddColumns({fields.begin() + static_cast<std::ptrdiff_t>(known), fields.end()});
  return {};
}

Status TableLoad::RunSteps(const std::vector<SqlStep>& steps, CommitResult* counts) {
  for (const SqlStep& step : steps) {
    Status done = session_->ExecuteStep(step, counts, request_.stop);
    if (!done) return Failure(InContext("while loading table " + request_.table.ToString(), std::move(done).error()));
    NILUS_FAULT_POINT("duckdb.sink.apply_step");
  }
  return {};
}

Status TableLoad::ApplyPart() {
  NILUS_ASSIGN(const std::vector<SqlStep> ready,
               target_.MakeReady(sql_, request_.full_refresh, [&]() -> Result<TargetState> {
                 NILUS_ASSIGN(const std::optional<TargetTable> target, session_->FindTable(request_.table));
                 return State(target);
               }));
  NILUS_TRY(RunSteps(ready, &part_counts_));
  part_counts_.unknown_columns.merge(part_.unknown_columns);
  NILUS_TRY(RunSteps(target_.Apply(sql_, part_), &part_counts_));
  part_ = {};
  return {};
}

}  // namespace nilus::duckdb
