#include "nilus/connector/change_target.h"

namespace nilus {

Result<std::vector<SqlStep>> ChangeTarget::MakeReady(const LoadSql& sql, bool full_refresh,
                                                     const std::function<Result<TargetState>()>& look) {
  std::vector<SqlStep> steps;
  if (!is_ready_) {
    NILUS_ASSIGN(const TargetState state, look());
    NILUS_ASSIGN(steps, sql.PrepareTarget(state));
    is_fresh_ = !state.existing || (full_refresh && state.can_drop);
    if (!is_fresh_) columns_ = *state.existing;
    key_index_ = is_fresh_ ? sql.MadeKeyIndex() : state.key_index;
    is_ready_ = true;
  } else {
    NILUS_ASSIGN(steps, sql.AddToTarget(columns_));
  }
  for (const Field& field : sql.columns().fields) {
    if (!columns_.Find(field.name) && !sql.IsStagedOnly(field.name)) columns_.fields.push_back(field);
  }
  return steps;
}

std::vector<SqlStep> ChangeTarget::Apply(const LoadSql& sql, const FoldedChanges& part) {
  std::vector<SqlStep> steps = sql.ApplyChanges(part, is_fresh_, key_index_);
  is_fresh_ &= part.kept == 0;
  return steps;
}

}  // namespace nilus
