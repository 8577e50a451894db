// LoadSql's part for loads of changes.
#include <algorithm>

#include "nilus/connector/change_fold.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connector/sql_strategy_text.h"

namespace nilus {

using sql_text::Join;
using sql_text::Qualified;
using sql_text::QualifiedAll;

Status CheckStep(const SqlStep& step, int64_t affected, CommitResult* result) {
  if (step.wanted_rows < 0 || affected >= step.wanted_rows) return {};
  if (!step.else_null.empty() && result != nullptr) {
    result->unknown_columns.insert(step.else_null.begin(), step.else_null.end());
    return {};
  }
  return FailWithFix(ErrorKind::kData, kRowIsGoneFix,
                     "{} of the changes leave{} values as they were, but the destination has no row to take them from",
                     step.wanted_rows - affected, step.wanted_rows - affected == 1 ? "s" : "");
}

// The columns that a fold's rows have beside the table's.
Status LoadSql::StageChanges(const WriteRequest& request) {
  is_changes_ = true;
  may_lack_rows_ = request.may_lack_rows;
  if (strategy_ != WriteStrategy::kMerge || request.root != nullptr || request.has_children) {
    return FailWithFix(ErrorKind::kUnsupported, "use merge without nesting",
                       "changes of table {} cannot be loaded with strategy {}{}", target_.ToString(),
                       WriteStrategyName(strategy_), strategy_ == WriteStrategy::kMerge ? " and child tables" : "");
  }
  incremental_key_.clear();
  keeps_newer_ = false;
  columns_.fields.push_back(Field{.name = std::string(kGroupColumn), .type = MakeType(TypeId::kInt32)});
  columns_.fields.push_back(Field{.name = std::string(kFromColumn), .type = MakeType(TypeId::kInt64)});
  return {};
}

std::string LoadSql::KeysEqual(std::string_view a, std::string_view b) const {
  std::vector<std::string> conditions;
  for (const std::string& key : primary_key_) {
    conditions.push_back(fmt::format("{}{} = {}", Qualified(a, key), dialect_->key_collation, Qualified(b, key)));
  }
  return Join(conditions, " AND ");
}

// Values that no change of the load knows, from the rows as they are before this load.
SqlStep LoadSql::LookUpGroup(size_t number, const FoldedChanges& changes) const {
  const FoldedChanges::Group& group = changes.groups[number];
  std::vector<std::string> values;
  for (const std::string& column : group.columns)
    values.push_back(fmt::format("{} = {}", QuoteIdentifier(column), Qualified("t", column)));
  std::string from = fmt::format("{} AS t", target_sql_);
  std::string condition = KeysEqual("t", "s");
  if (group.has_moved) {
    from = fmt::format("{} AS k, {}", staging_sql_, from);
    condition = fmt::format("{} = {} AND {}", Qualified("k", kSequenceColumn), Qualified("s", kFromColumn),
                            KeysEqual("t", "k"));
  }
  return {fmt::format("UPDATE {} AS s SET {} FROM {} WHERE {} = {} AND {}", staging_sql_, Join(values, ", "), from,
                      Qualified("s", kGroupColumn), number + 1, condition),
          SqlEffect::kStaged, group.rows, may_lack_rows_ ? group.columns : std::vector<std::string>()};
}

// Assignments of all columns but the key's.
std::vector<std::string> LoadSql::ValuesFrom(std::string_view source) const {
  std::vector<std::string> values;
  for (const Field& field : LoadedColumns()) {
    if (std::find(primary_key_.begin(), primary_key_.end(), field.name) != primary_key_.end()) continue;
    values.push_back(fmt::format("{} = {}", QuoteIdentifier(field.name), Qualified(source, field.name)));
  }
  return values;
}

SqlStep LoadSql::InsertChanges(std::string_view condition) const {
  return {fmt::format("INSERT INTO {} ({}) SELECT {} FROM {} AS s WHERE {} >= 0{}", target_sql_, ColumnList(""),
                      ColumnList("s"), staging_sql_, Qualified("s", kGroupColumn), condition),
          SqlEffect::kInserted};
}

SqlStep LoadSql::Upsert() const {
  const std::string key = Join(QualifiedAll("", primary_key_), ", ");
  const std::vector<std::string> values = ValuesFrom("EXCLUDED");
  const std::string action = values.empty() ? "NOTHING" : "UPDATE SET " + Join(values, ", ");
  return {fmt::format("WITH done AS ({} ON CONFLICT ({}) DO {} RETURNING {} AS is_new) SELECT count(*) FILTER (WHERE "
                      "is_new), count(*) FILTER (WHERE NOT is_new) FROM done",
                      InsertChanges("").sql, key, action, dialect_->is_inserted_row),
          SqlEffect::kUpserted};
}

void LoadSql::UpdateAndInsert(std::vector<SqlStep>* steps) const {
  const std::vector<std::string> values = ValuesFrom("s");
  if (!values.empty()) {
    steps->push_back({fmt::format("UPDATE {} AS t SET {} FROM {} AS s WHERE {} >= 0 AND {}", target_sql_,
                                  Join(values, ", "), staging_sql_, Qualified("s", kGroupColumn), KeysEqual("t", "s")),
                      SqlEffect::kUpdated});
  }
  steps->push_back(
      InsertChanges(fmt::format(" AND NOT EXISTS (SELECT 1 FROM {} AS t WHERE {})", target_sql_, KeysEqual("t", "s"))));
}

std::vector<SqlStep> LoadSql::ApplyChanges(const FoldedChanges& changes, bool is_fresh, KeyIndex index) const {
  std::vector<SqlStep> steps;
  if (changes.truncates && !is_fresh)
    steps.push_back({fmt::format("DELETE FROM {}", target_sql_), SqlEffect::kDeleted});
  for (size_t i = 0; i < changes.groups.size(); ++i) steps.push_back(LookUpGroup(i, changes));
  if (changes.removed > 0 && !is_fresh) {
    steps.push_back({fmt::format("DELETE FROM {} AS t WHERE {}", target_sql_,
                                 KeyIn(false, "t", staging_sql_, Qualified("i", kGroupColumn) + " = -1")),
                     SqlEffect::kDeleted});
  }
  if (changes.kept == 0) return steps;
  if (is_fresh || changes.truncates) {
    steps.push_back(InsertChanges(""));
  } else if (!dialect_->is_inserted_row.empty() && index == KeyIndex::kUnique) {
    steps.push_back(Upsert());
  } else if (dialect_->updates_in_place) {
    UpdateAndInsert(&steps);
  } else {
    steps.push_back({fmt::format("DELETE FROM {} AS t WHERE {}", target_sql_,
                                 KeyIn(false, "t", staging_sql_, Qualified("i", kGroupColumn) + " >= 0")),
                     SqlEffect::kReplaced});
    steps.push_back(InsertChanges(""));
  }
  return steps;
}

}  // namespace nilus
