// TableLoad's part for loads of changes (WriteRequest::is_changes).
#include "nilus/connectors/sqlite/table_load.h"

namespace nilus::sqlite {

Status TableLoad::StartChanges() {
  NILUS_ASSIGN(const TargetState target, Target());
  if (target.existing && !request_.full_refresh)
    NILUS_TRY(sql_.AddColumns(MissingVariants(sql_.columns(), *target.existing)));
  Schema columns = sql_.columns();
  std::erase_if(columns.fields, [&](const Field& field) { return sql_.IsStagedOnly(field.name); });
  fold_.emplace(request_, columns);
  for (const std::string& statement : sql_.CreateStaging()) NILUS_TRY(db_.Execute(statement));
  return {};
}

Status TableLoad::WriteChanges(const RecordBatch& batch) {
  if (fold_->MustTakeBefore(batch)) {
    NILUS_TRY(StagePart());
    NILUS_TRY(ApplyPart());
    NILUS_TRY(db_.Execute(sql_.EmptyStaging()));
  }
  return fold_->Add(batch);
}

// What was folded goes into staging.
Status TableLoad::StagePart() {
  part_ = fold_->Take();
  if (part_.rows.num_rows() > 0) NILUS_TRY(Stage(part_.rows));
  part_.rows = {};
  return {};
}

Status TableLoad::ApplyPart() {
  if (!is_prepared_) {
    NILUS_ASSIGN(const TargetState target, Target());
    NILUS_ASSIGN(const std::vector<SqlStep> prepare, sql_.PrepareTarget(target));
    NILUS_TRY(RunSteps(prepare, &counts_));
    target_is_fresh_ = !target.existing || (request_.full_refresh && target.can_drop);
    if (!target_is_fresh_) target_columns_ = *target.existing;
    is_prepared_ = true;
  } else {
    NILUS_ASSIGN(const std::vector<SqlStep> additions, sql_.AddToTarget(target_columns_));
    NILUS_TRY(RunSteps(additions, &counts_));
  }
  for (const Field& field : sql_.columns().fields) {
    if (!target_columns_.Find(field.name) && !sql_.IsStagedOnly(field.name)) target_columns_.fields.push_back(field);
  }
  NILUS_TRY(RunSteps(sql_.ApplyChanges(part_, target_is_fresh_), &counts_));
  target_is_fresh_ &= part_.kept == 0;
  part_ = {};
  return {};
}

}  // namespace nilus::sqlite
