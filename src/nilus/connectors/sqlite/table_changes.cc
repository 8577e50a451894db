// TableLoad's part for loads of changes (WriteRequest::is_changes).
#include "nilus/connectors/sqlite/table_load.h"

namespace nilus::sqlite {

Status TableLoad::StartChanges(const TargetState& target) {
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
  const size_t known = sql_.columns().fields.size();
  if (part_.rows.num_rows() > 0) NILUS_TRY(Stage(part_.rows));
  part_.rows = {};
  // Variant columns that came to life: in later parts they stay or go with their column.
  const std::vector<Field>& fields = sql_.columns().fields;
  fold_->AddColumns({fields.begin() + static_cast<std::ptrdiff_t>(known), fields.end()});
  return {};
}

Status TableLoad::ApplyPart() {
  NILUS_ASSIGN(const std::vector<SqlStep> ready,
               target_.MakeReady(sql_, request_.full_refresh, [&] { return Target(); }));
  NILUS_TRY(RunSteps(ready, &counts_));
  counts_.unknown_columns.merge(part_.unknown_columns);
  NILUS_TRY(RunSteps(target_.Apply(sql_, part_), &counts_));
  part_ = {};
  return {};
}

}  // namespace nilus::sqlite
