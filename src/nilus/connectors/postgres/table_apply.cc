// TableLoad's part of a commit: from staging into the target. Everything here runs inside the load's transaction.
#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/connectors/postgres/table_load.h"

namespace nilus::postgres {

// Other sessions' writes wait from here on (two merges would miss each other's keys); readers go on, unless the table's
// definition changes. Taking the strongest lock at once avoids the deadlocks of taking it in two steps.
Status TableLoad::LockTarget(bool for_alter) {
  if (existing_->kind == 'f') return {};  // foreign tables cannot be locked
  std::string_view mode = for_alter ? "ACCESS EXCLUSIVE" : "SHARE ROW EXCLUSIVE";
  auto locked = session_->Execute(fmt::format("LOCK TABLE {} IN {} MODE", sql_.target_sql(), mode), request_.stop);
  if (locked) return {};
  Error error = locked.error();
  if (HasSqlState(error, "55P03")) {
    error.message = fmt::format("table {} is in use by other sessions; waited {} s for them (sink option lock_timeout)",
                                request_.table.ToString(), session_->lock_timeout_seconds());
    error.fix = "end long transactions on the table, or raise lock_timeout";
  }
  if (HasSqlState(error, "42P01")) {  // it was there when the load began
    error.kind = ErrorKind::kConflict;
    error.message = fmt::format("table {} was dropped by another session meanwhile", request_.table.ToString());
  }
  return Failure(std::move(error));
}

Status TableLoad::RunSteps(const std::vector<SqlStep>& steps, CommitResult* counts) {
  for (const SqlStep& step : steps) {
    NILUS_FAULT_POINT("postgres.sink.apply_step");
    Status done = session_->ExecuteStep(step, request_.table.schema, counts, request_.stop);
    if (done) continue;
    Error error = std::move(done).error();
    if (HasSqlState(error, "23503") && error.fix.empty()) {
      error.fix =
          "rows are deleted and inserted anew: a foreign key to the table must be DEFERRABLE, so that it is checked at "
          "the end";
    }
    return Failure(std::move(error));
  }
  return {};
}

// Rows were staged for a table that would be made anew. Where somebody hung something on it meanwhile, it stays, and
// its columns would round or cut values that staging holds: another attempt fits them.
Status TableLoad::CheckStagedTypes(const TargetState& state) const {
  if (!MayDrop() || keeps_types_ || state.can_drop) return {};
  const bool fits = std::all_of(plans_.begin(), plans_.end(), [&](const LoadColumn& plan) {
    const TargetColumn* column = existing_->Find(plan.name);
    return column == nullptr || column->sql_type == plan.sql_type;
  });
  if (fits) return {};
  return Fail(ErrorKind::kConflict, "table {} cannot be dropped any more: another session has hung something on it",
              request_.table.ToString());
}

// What INSERT … ON CONFLICT asks of a table beside the index: no column but the load's that every row needs a value in,
// since the new row is checked before the old one is found.
Result<KeyIndex> TableLoad::KeyIndexOfTarget(Connection* connection) const {
  NILUS_ASSIGN(const KeyIndex index, FindKeyIndex(connection, *existing_, request_.primary_key, request_.stop));
  const bool is_complete =
      std::all_of(existing_->columns.begin(), existing_->columns.end(),
                  [&](const TargetColumn& column) { return !column.not_null || sql_.columns().Find(column.name); });
  return index == KeyIndex::kUnique && !is_complete ? KeyIndex::kPlain : index;
}

Result<TargetState> TableLoad::LookAtTarget() {
  NILUS_ASSIGN(Connection * connection, session_->Idle(request_.stop));
  // A load of changes has looked a moment ago, in this transaction; under the lock it looks again.
  if (!request_.is_changes || !existing_) {
    NILUS_ASSIGN(existing_, FindTable(connection, request_.table, request_.stop));
  }
  TargetState state;
  if (existing_) {
    bool lacks_columns = std::any_of(
        sql_.columns().fields.begin(), sql_.columns().fields.end(),
        [&](const Field& field) { return existing_->Find(field.name) == nullptr && !sql_.IsStagedOnly(field.name); });
    lacks_columns |= !request_.widened.empty();
    lacks_columns |= request_.strategy == WriteStrategy::kScd2 && request_.root == nullptr &&
                     existing_->Find(kValidToColumn) == nullptr;
    if (MayDrop()) {
      // Looked at twice: to choose the lock, and again under it.
      NILUS_ASSIGN(std::vector<std::string> attachments, FindAttachments(connection, *existing_, request_.stop));
      state.can_drop = attachments.empty();
    }
    const bool locks = request_.strategy != WriteStrategy::kAppend || MayDrop() || lacks_columns;
    if (locks) {
      NILUS_TRY(LockTarget(lacks_columns || (MayDrop() && state.can_drop)));
      // The lock is the name's: while it was waited for, a replace may have put another table there.
      NILUS_ASSIGN(std::optional<TargetTable> locked, FindTable(connection, request_.table, request_.stop));
      if (!locked || locked->oid != existing_->oid) {
        return Fail(ErrorKind::kConflict, "table {} was replaced by another session meanwhile",
                    request_.table.ToString());
      }
      existing_ = std::move(locked);
    }
    if (MayDrop() && state.can_drop) {
      NILUS_ASSIGN(std::vector<std::string> attachments, FindAttachments(connection, *existing_, request_.stop));
      state.can_drop = attachments.empty();
    }
    NILUS_TRY(CheckStagedTypes(state));
    if (request_.is_changes) {
      NILUS_ASSIGN(state.key_index, KeyIndexOfTarget(connection));
    }
    state.existing = existing_->ToSchema();
  }
  if (sql_.root()) {
    NILUS_ASSIGN(std::optional<TargetTable> root, FindTable(connection, *sql_.root(), request_.stop));
    state.has_root = root && root->Find(kRowIdColumn) != nullptr;
  }
  NILUS_FAULT_POINT("postgres.sink.target_locked");
  return state;
}

Status TableLoad::Apply(const std::optional<KeyRange>& interval, CommitResult* counts) {
  counts->rows_inserted += direct_rows_;
  NILUS_FAULT_POINT("postgres.sink.before_apply");
  if (fold_) return ApplyPart(counts);
  if (!has_staging_) return RunSteps(after_rows_, counts);

  NILUS_TRY(CastStagedTexts());
  const bool joins = !sql_.primary_key().empty();
  if (joins)
    NILUS_TRY(
        session_->Execute("ANALYZE " + sql_.staging_sql(), request_.stop));  // temporary tables have no statistics

  NILUS_ASSIGN(TargetState state, LookAtTarget());
  NILUS_ASSIGN(std::vector<SqlStep> prepare, sql_.PrepareTarget(state));
  NILUS_TRY(RunSteps(prepare, counts));
  NILUS_ASSIGN(std::vector<SqlStep> apply, sql_.Apply(state, interval));
  NILUS_TRY(RunSteps(apply, counts));
  if (request_.strategy == WriteStrategy::kReplace && (!state.existing || state.can_drop))
    counts->rows_inserted += staged_rows_;
  return RunSteps(after_rows_, counts);
}

}  // namespace nilus::postgres
