#include "nilus/connector/sql_strategy.h"

#include <algorithm>
#include <set>

#include "nilus/base/text.h"
#include "nilus/connector/change_fold.h"
#include "nilus/connector/sql_strategy_text.h"
#include "nilus/data/widening.h"

namespace nilus {
namespace {

using sql_text::AnyOf;
using sql_text::Join;
using sql_text::Qualified;
using sql_text::QualifiedAll;

constexpr std::string_view kRankColumn = "_nilus_rank";

std::string Folded(const SqlDialect& dialect, std::string_view name) {
  return dialect.case_insensitive_names ? LowerCase(name) : std::string(name);
}

bool HasColumn(const SqlDialect& dialect, const Schema& schema, std::string_view name) {
  const std::string folded = Folded(dialect, name);
  return std::any_of(schema.fields.begin(), schema.fields.end(),
                     [&](const Field& field) { return Folded(dialect, field.name) == folded; });
}

std::string OrderKey(const SqlDialect& dialect, std::string expression, const Type& type) {
  return dialect.order_key == nullptr ? expression : dialect.order_key(expression, type);
}

std::string EqualityKey(const SqlDialect& dialect, std::string expression, const Type& type) {
  return dialect.equality_key == nullptr ? expression : dialect.equality_key(expression, type);
}

}  // namespace

void CountRows(SqlEffect effect, int64_t affected, CommitResult* result) {
  switch (effect) {
    case SqlEffect::kInserted:
      result->rows_inserted += affected;
      break;
    case SqlEffect::kDeleted:
      result->rows_deleted += affected;
      break;
    case SqlEffect::kUpdated:
      result->rows_updated += affected;
      break;
    case SqlEffect::kReplaced:
      result->rows_updated += affected;
      result->rows_inserted -= affected;
      break;
    case SqlEffect::kNone:
    case SqlEffect::kStaged:
    case SqlEffect::kUpserted:
      break;
  }
}

Result<LoadSql> LoadSql::Make(const SqlDialect& dialect, const WriteRequest& request) {
  LoadSql load;
  load.dialect_ = &dialect;
  load.target_ = request.table;
  load.columns_ = *request.schema;
  load.strategy_ = request.strategy;
  load.primary_key_ = request.primary_key;
  load.incremental_key_ = request.incremental_key;
  load.key_is_unique_ = request.key_is_unique;
  load.is_complete_ = request.is_complete;
  load.has_children_ = request.has_children;
  load.keeps_newer_ = request.keeps_newer && !request.incremental_key.empty();
  load.full_refresh_ = request.full_refresh;
  load.widened_ = request.widened;
  const bool is_child = request.root != nullptr;
  const bool keyed =
      !is_child && (request.strategy == WriteStrategy::kMerge || request.strategy == WriteStrategy::kScd2);
  load.must_stage_ =
      request.is_changes || ((is_child || request.has_children) && request.strategy != WriteStrategy::kAppend);
  if (request.is_changes) NILUS_TRY(load.StageChanges(request));
  if (is_child) {
    NILUS_ASSIGN(LoadSql root, Make(dialect, *request.root));
    load.root_ = std::make_shared<const LoadSql>(std::move(root));
    if (!load.columns_.Find(kRootIdColumn)) {
      return Fail(ErrorKind::kInvalidInput, "child table {} has no column {}", request.table.ToString(), kRootIdColumn);
    }
  }
  if (!keyed) load.primary_key_.clear();
  load.needs_sequence_ = keyed && (request.is_changes || !request.key_is_unique);

  NILUS_TRY(CheckIdentifier(dialect, "schema", request.table.schema));
  NILUS_TRY(CheckIdentifier(dialect, "table", request.table.name));
  // That of changes may outlive its load.
  const std::string stage = DerivedName("stage", request.is_changes ? "" : request.load_id, request.table);
  load.staging_ = TableName{load.temporary_staging() ? "" : request.table.schema, stage};
  load.target_sql_ = QuoteTable(dialect, load.target_);
  load.staging_sql_ = load.temporary_staging() ? QuoteIdentifier(stage) : QuoteTable(dialect, load.staging_);
  load.load_time_sql_ = dialect.literal(Scalar{MakeType(TypeId::kTimestamp), FormatWallTime(request.load_time)});

  if (load.columns_.fields.empty()) {
    return Fail(ErrorKind::kInvalidInput, "table {} has no columns to load", request.table.ToString());
  }
  NILUS_TRY(load.CheckColumns());
  if (keyed && load.primary_key_.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "name its `primary_key`",
                       "strategy {} of table {} needs a primary key", WriteStrategyName(request.strategy),
                       request.table.ToString());
  }
  if (!is_child && request.strategy == WriteStrategy::kDeleteInsert && load.incremental_key_.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "name its `incremental_key`",
                       "strategy delete+insert of table {} needs an incremental key", request.table.ToString());
  }
  for (const std::string& key : load.primary_key_) {
    if (!load.columns_.Find(key)) {
      return Fail(ErrorKind::kInvalidInput, "primary key `{}` is no column of table {}", key, request.table.ToString());
    }
  }
  if (!load.incremental_key_.empty() && !load.columns_.Find(load.incremental_key_)) {
    return Fail(ErrorKind::kInvalidInput, "incremental key `{}` is no column of table {}", load.incremental_key_,
                request.table.ToString());
  }
  return load;
}

std::vector<Field> LoadSql::OwnColumns() const {
  if (strategy_ != WriteStrategy::kScd2 || root_ != nullptr) return {};  // child rows belong to their version
  return {Field{.name = std::string(kValidFromColumn), .type = MakeType(TypeId::kTimestamp)},
          Field{.name = std::string(kValidToColumn), .type = MakeType(TypeId::kTimestamp)}};
}

Status LoadSql::CheckColumns() const {
  std::set<std::string> ours;
  if (needs_sequence_) ours = {std::string(kSequenceColumn), std::string(kRankColumn)};
  for (const Field& field : OwnColumns()) ours.insert(field.name);
  std::set<std::string> seen;
  for (const Field& field : columns_.fields) {
    NILUS_TRY(CheckIdentifier(*dialect_, "column", field.name));
    const std::string folded = Folded(*dialect_, field.name);
    if (ours.contains(folded)) {
      return FailWithFix(ErrorKind::kInvalidInput, "rename the column at the source, or exclude it",
                         "column `{}` of table {} has the name of a column that strategy {} adds", field.name,
                         target_.ToString(), WriteStrategyName(strategy_));
    }
    if (!seen.insert(folded).second) {
      return FailWithFix(ErrorKind::kInvalidInput, "rename one of them at the source, or exclude it",
                         "two columns of table {} are named `{}` to {}", target_.ToString(), field.name,
                         dialect_->name);
    }
  }
  const size_t count = columns_.fields.size() + OwnColumns().size() + (needs_sequence_ ? 1 : 0);
  if (dialect_->column_limit > 0 && count > static_cast<size_t>(dialect_->column_limit)) {
    return FailWithFix(ErrorKind::kUnsupported, "exclude columns (sql_exclude_columns)",
                       "table {} would have {} columns; {} takes at most {}", target_.ToString(), count, dialect_->name,
                       dialect_->column_limit);
  }
  return {};
}

std::vector<Field> LoadSql::MissingFrom(const Schema& batch) const {
  std::vector<Field> missing;
  for (const Field& field : batch.fields) {
    if (!columns_.Find(field.name)) missing.push_back(field);
  }
  return missing;
}

Result<std::vector<std::string>> LoadSql::AddColumns(const std::vector<Field>& fields) {
  const Schema before = columns_;
  columns_.fields.insert(columns_.fields.end(), fields.begin(), fields.end());
  if (Status status = CheckColumns(); !status) {
    columns_ = before;
    return Failure(std::move(status).error());
  }
  std::vector<std::string> statements;
  for (const Field& field : fields) {
    statements.push_back(fmt::format("ALTER TABLE {} ADD COLUMN {}", staging_sql_, Definition(field)));
  }
  return statements;
}

std::string LoadSql::Definition(const Field& field) const {
  return fmt::format("{} {}", QuoteIdentifier(field.name), dialect_->type_name(field.type));
}

std::vector<std::string> LoadSql::CreateStaging() const {
  std::vector<std::string> statements;
  std::vector<std::string> columns;
  if (needs_sequence_) columns.push_back(Definition(Field{std::string(kSequenceColumn), MakeType(TypeId::kInt64)}));
  for (const Field& field : columns_.fields) columns.push_back(Definition(field));
  if (!temporary_staging() && dialect_->has_schemas) {
    statements.push_back("CREATE SCHEMA IF NOT EXISTS " + QuoteSchema(*dialect_, target_.schema));
  }
  const std::string_view suffix = is_changes_ && !dialect_->changes_staging_suffix.empty()
                                      ? dialect_->changes_staging_suffix
                                      : dialect_->staging_suffix;
  statements.push_back(fmt::format("CREATE {}TABLE {} ({}){}", temporary_staging() ? "TEMPORARY " : "", staging_sql_,
                                   Join(columns, ", "), temporary_staging() ? suffix : ""));
  return statements;
}

std::optional<std::string> LoadSql::NullKeyCheck() const {
  if (primary_key_.empty() || is_changes_) return std::nullopt;  // a fold has seen every key
  std::vector<std::string> counts;
  for (const std::string& key : primary_key_)
    counts.push_back(fmt::format("count(*) - count({})", QuoteIdentifier(key)));
  return fmt::format("SELECT {} FROM {}", Join(counts, ", "), staging_sql_);
}

Error LoadSql::NullKeyError(int key_index, int64_t nulls) const {
  return Error{ErrorKind::kData,
               fmt::format("{} row{} of table {} {} NULL in the primary key column `{}`: strategy {} cannot match {}",
                           nulls, nulls == 1 ? "" : "s", target_.ToString(), nulls == 1 ? "has" : "have",
                           primary_key_[static_cast<size_t>(key_index)], WriteStrategyName(strategy_),
                           nulls == 1 ? "it" : "them"),
               "mend the rows at the source, leave them out with a `query:`, or choose another primary_key"};
}

const Type& LoadSql::TypeOf(std::string_view column) const {
  return columns_.fields[static_cast<size_t>(*columns_.Find(column))].type;
}

std::optional<TableName> LoadSql::root() const {
  return root_ == nullptr ? std::nullopt : std::optional(root_->target_);
}

bool LoadSql::IsStagedOnly(std::string_view column) const {
  if (is_changes_) return column == kGroupColumn || column == kFromColumn;
  return root_ != nullptr && column == kRootNumberColumn;
}

std::vector<Field> LoadSql::LoadedColumns() const {
  std::vector<Field> fields = columns_.fields;
  std::erase_if(fields, [&](const Field& field) { return IsStagedOnly(field.name); });
  return fields;
}

std::string LoadSql::ColumnList(std::string_view qualifier) const {
  std::vector<std::string> names;
  names.reserve(columns_.fields.size());
  for (const Field& field : LoadedColumns()) names.push_back(Qualified(qualifier, field.name));
  return Join(names, ", ");
}

bool LoadSql::Swaps(const TargetState& state) const {
  return strategy_ == WriteStrategy::kReplace && dialect_->can_swap && (!state.existing || state.can_drop);
}

void LoadSql::CreateTarget(std::vector<SqlStep>* steps) const {
  std::vector<std::string> columns;
  for (const Field& field : LoadedColumns()) columns.push_back(Definition(field));
  for (const Field& field : OwnColumns()) columns.push_back(Definition(field));
  steps->push_back({fmt::format("CREATE TABLE {} ({})", target_sql_, Join(columns, ", "))});
  if (MadeKeyIndex() != KeyIndex::kNone) steps->push_back(CreateKeyIndex(MadeKeyIndex()));
}

KeyIndex LoadSql::MadeKeyIndex() const {
  if (!dialect_->index_keys || primary_key_.empty()) return KeyIndex::kNone;
  return is_changes_ && !dialect_->is_inserted_row.empty() ? KeyIndex::kUnique : KeyIndex::kPlain;
}

SqlStep LoadSql::CreateKeyIndex(KeyIndex index) const {
  return {fmt::format("CREATE {}INDEX {} ON {} ({})", index == KeyIndex::kUnique ? "UNIQUE " : "",
                      QuoteIdentifier(DerivedName("key", "", target_)), target_sql_,
                      Join(QualifiedAll("", primary_key_), ", "))};
}

Result<std::vector<SqlStep>> LoadSql::PrepareTarget(const TargetState& state) const {
  std::vector<SqlStep> steps;
  if (dialect_->has_schemas) steps.push_back({"CREATE SCHEMA IF NOT EXISTS " + QuoteSchema(*dialect_, target_.schema)});
  if (Swaps(state)) return steps;
  if (!state.existing) {
    CreateTarget(&steps);
    return steps;
  }
  if (full_refresh_ && strategy_ != WriteStrategy::kReplace) {
    if (state.can_drop) {
      steps.push_back({fmt::format("DROP TABLE {}", target_sql_)});
      CreateTarget(&steps);
      return steps;
    }
    steps.push_back({fmt::format("DELETE FROM {}", target_sql_), SqlEffect::kDeleted});
  }
  NILUS_ASSIGN(std::vector<SqlStep> additions, AddToTarget(*state.existing));
  steps.insert(steps.end(), additions.begin(), additions.end());
  if (is_changes_ && dialect_->index_keys && state.key_index == KeyIndex::kNone) {
    // One of another key, which is no more, has its name. Rows that others wrote may have keys twice.
    steps.push_back(
        {"DROP INDEX IF EXISTS " + QuoteTable(*dialect_, TableName{target_.schema, DerivedName("key", "", target_)})});
    steps.push_back(CreateKeyIndex(KeyIndex::kPlain));
  }
  return steps;
}

// Once: a table that has the column so already is left alone.
bool LoadSql::IsToBeWidened(const Schema& existing, const Field& field) const {
  if (std::find(widened_.begin(), widened_.end(), field.name) == widened_.end()) return false;
  const std::optional<int> at = existing.Find(field.name);
  return at && IsWidening(existing.fields[static_cast<size_t>(*at)].type, field.type);
}

void LoadSql::AddWidening(const Field& field, std::vector<SqlStep>* steps) const {
  const std::string column = QuoteIdentifier(field.name);
  const std::string type = dialect_->type_name(field.type);
  if (dialect_->widen_column == nullptr) {
    steps->push_back({fmt::format("ALTER TABLE {} ALTER COLUMN {} TYPE {}", target_sql_, column, type)});
    return;
  }
  for (std::string& statement : dialect_->widen_column(target_sql_, column, type))
    steps->push_back({std::move(statement)});
}

Result<std::vector<SqlStep>> LoadSql::AddToTarget(const Schema& existing) const {
  std::vector<SqlStep> steps;
  std::vector<Field> wanted = LoadedColumns();
  for (Field& field : OwnColumns()) wanted.push_back(std::move(field));
  size_t count = existing.fields.size();
  for (const Field& field : wanted) {
    if (HasColumn(*dialect_, existing, field.name)) {
      if (IsToBeWidened(existing, field)) AddWidening(field, &steps);
      continue;
    }
    steps.push_back({fmt::format("ALTER TABLE {} ADD COLUMN {}", target_sql_, Definition(field))});
    ++count;
  }
  if (dialect_->column_limit > 0 && count > static_cast<size_t>(dialect_->column_limit)) {
    return FailWithFix(ErrorKind::kUnsupported, "exclude columns (sql_exclude_columns), or load into another table",
                       "table {} would have {} columns; {} takes at most {}", target_.ToString(), count, dialect_->name,
                       dialect_->column_limit);
  }
  return steps;
}

Result<std::vector<SqlStep>> LoadSql::Apply(const TargetState& state, const std::optional<KeyRange>& interval) const {
  if (is_changes_)
    return ApplyChanges({.removed = 1, .kept = 1}, !state.existing, state.key_index);  // for a plan: the usual steps
  std::vector<SqlStep> steps;
  const std::string drop_staging = fmt::format("DROP TABLE {}", staging_sql_);
  if (root_ != nullptr && (strategy_ == WriteStrategy::kMerge || strategy_ == WriteStrategy::kDeleteInsert)) {
    NILUS_ASSIGN(steps, DropOldChildren(state, interval));
    steps.push_back(InsertStaged());
    steps.push_back({drop_staging});
    return steps;
  }
  if (root_ != nullptr && strategy_ == WriteStrategy::kScd2) {
    steps.push_back(InsertStaged(fmt::format(" WHERE {} IN (SELECT {} FROM {})", QuoteIdentifier(kRootIdColumn),
                                             QuoteIdentifier(kRowIdColumn), root_->staging_sql_)));
    steps.push_back({drop_staging});
    return steps;
  }
  switch (strategy_) {
    case WriteStrategy::kReplace:
      if (Swaps(state)) {
        if (state.existing) steps.push_back({fmt::format("DROP TABLE {}", target_sql_)});
        const std::string name =
            dialect_->rename_target == nullptr ? QuoteIdentifier(target_.name) : dialect_->rename_target(target_);
        steps.push_back({fmt::format("ALTER TABLE {} RENAME TO {}", staging_sql_, name)});
        return steps;
      }
      if (state.existing) steps.push_back({fmt::format("DELETE FROM {}", target_sql_), SqlEffect::kDeleted});
      steps.push_back(InsertStaged());
      break;
    case WriteStrategy::kAppend:
      steps.push_back(InsertStaged());
      break;
    case WriteStrategy::kMerge:
      if (needs_sequence_) steps.push_back(DropSuperseded());
      if (keeps_newer_) steps.push_back(DropOlderThanTarget());
      steps.push_back({fmt::format("DELETE FROM {} AS t WHERE {}", target_sql_, KeyIn(false, "t", staging_sql_, "")),
                       SqlEffect::kReplaced});
      steps.push_back(InsertStaged());
      break;
    case WriteStrategy::kDeleteInsert:
      if (interval) {
        NILUS_ASSIGN(SqlStep removal, DeleteInterval(*interval));
        steps.push_back(std::move(removal));
      }
      steps.push_back(InsertStaged());
      break;
    case WriteStrategy::kScd2:
      ApplyScd2(&steps);
      if (has_children_) return steps;
      break;
  }
  steps.push_back({drop_staging});
  return steps;
}

SqlStep LoadSql::InsertStaged(std::string_view condition) const {
  return {fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}{}", target_sql_, ColumnList(""), ColumnList(""),
                      staging_sql_, condition),
          SqlEffect::kInserted};
}

std::string LoadSql::KeyIn(bool negated, std::string_view outer, std::string_view inner,
                           std::string_view condition) const {
  std::vector<std::string> conditions;
  if (!condition.empty()) conditions.emplace_back(condition);
  if (dialect_->keys_by_row_in) {
    if (negated) {  // one NULL among the rows would make NOT IN true for nothing
      for (const std::string& key : QualifiedAll("i", primary_key_)) conditions.push_back(key + " IS NOT NULL");
    }
    std::vector<std::string> keys = QualifiedAll(outer, primary_key_);
    for (std::string& key : keys) key += dialect_->key_collation;
    return fmt::format("({}) {}IN (SELECT {} FROM {} AS i{}{})", Join(keys, ", "), negated ? "NOT " : "",
                       Join(QualifiedAll("i", primary_key_), ", "), inner, conditions.empty() ? "" : " WHERE ",
                       Join(conditions, " AND "));
  }
  for (const std::string& key : primary_key_) {
    conditions.push_back(fmt::format("{} = {}{}", Qualified("i", key), Qualified(outer, key), dialect_->key_collation));
  }
  return fmt::format("{}EXISTS (SELECT 1 FROM {} AS i WHERE {})", negated ? "NOT " : "", inner,
                     Join(conditions, " AND "));
}

// Leaves the last version of each key in staging.
SqlStep LoadSql::DropSuperseded() const {
  std::string order = fmt::format("{} DESC", QuoteIdentifier(kSequenceColumn));
  if (!incremental_key_.empty()) {
    order = fmt::format("{} DESC NULLS LAST, {}",
                        OrderKey(*dialect_, QuoteIdentifier(incremental_key_), TypeOf(incremental_key_)), order);
  }
  return {fmt::format(
              "DELETE FROM {0} WHERE {1} IN (SELECT {1} FROM (SELECT {1}, row_number() OVER (PARTITION BY {2} ORDER "
              "BY {3}) AS {4} FROM {0}) AS ranked WHERE {4} > 1)",
              staging_sql_, QuoteIdentifier(kSequenceColumn), Join(QualifiedAll("", primary_key_), ", "), order,
              QuoteIdentifier(kRankColumn)),
          SqlEffect::kStaged};
}

// Leaves out of staging what the target has a later version of.
SqlStep LoadSql::DropOlderThanTarget() const {
  std::vector<std::string> conditions;
  for (const std::string& key : primary_key_) {
    conditions.push_back(fmt::format("{}{} = {}", Qualified("t", key), dialect_->key_collation, Qualified("s", key)));
  }
  const Type& type = TypeOf(incremental_key_);
  conditions.push_back(fmt::format("{} > {}", OrderKey(*dialect_, Qualified("t", incremental_key_), type),
                                   OrderKey(*dialect_, Qualified("s", incremental_key_), type)));
  return {fmt::format("DELETE FROM {} AS s WHERE EXISTS (SELECT 1 FROM {} AS t WHERE {})", staging_sql_, target_sql_,
                      Join(conditions, " AND ")),
          SqlEffect::kStaged};
}

// Of a staged child row `s`: no staged row of the root has its `child` in `root`.
std::string LoadSql::HasNoRoot(std::string_view root, std::string_view child) const {
  const std::string named = Qualified("r", root);
  const std::string names = Qualified("s", child);
  // SQLite would go through the root's rows anew for each of EXISTS, PostgreSQL for each of NOT IN once they outgrow
  // work_mem.
  if (dialect_->keys_by_row_in) {
    return fmt::format("{0} NOT IN (SELECT {1} FROM {2} AS r WHERE {1} IS NOT NULL)", names, named,
                       root_->staging_sql_);
  }
  return fmt::format("NOT EXISTS (SELECT 1 FROM {} AS r WHERE {} = {})", root_->staging_sql_, named, names);
}

// The root's rows are as they were, and its load's rows wait in its staging.
Result<std::vector<SqlStep>> LoadSql::DropOldChildren(const TargetState& state,
                                                      const std::optional<KeyRange>& interval) const {
  std::vector<SqlStep> steps;
  std::string removed;
  if (strategy_ == WriteStrategy::kMerge) {
    const bool keeps_newer = root_->keeps_newer_ && state.has_root;
    if (root_->needs_sequence_) steps.push_back(root_->DropSuperseded());
    if (keeps_newer) steps.push_back(root_->DropOlderThanTarget());
    if (root_->needs_sequence_ || keeps_newer) {
      const bool numbered = root_->needs_sequence_;
      steps.push_back({fmt::format("DELETE FROM {} AS s WHERE {}", staging_sql_,
                                   HasNoRoot(numbered ? kSequenceColumn : kRowIdColumn,
                                             numbered ? kRootNumberColumn : kRootIdColumn)),
                       SqlEffect::kStaged});
    }
    removed = root_->KeyIn(false, "t", root_->staging_sql_, "");
  } else if (interval) {
    NILUS_ASSIGN(removed, root_->IntervalCondition(*interval));
  }
  if (!state.has_root || removed.empty()) return steps;
  steps.push_back(
      {fmt::format("DELETE FROM {} WHERE {} IN (SELECT {} FROM {} AS t WHERE {})", target_sql_,
                   QuoteIdentifier(kRootIdColumn), Qualified("t", kRowIdColumn), root_->target_sql_, removed),
       SqlEffect::kDeleted});
  return steps;
}

Result<std::string> LoadSql::IntervalCondition(const KeyRange& interval) const {
  const Type& type = TypeOf(incremental_key_);
  const std::string column = QuoteIdentifier(incremental_key_);
  std::vector<std::string> conditions;
  auto bound = [&](const Scalar& value, std::string_view comparison) -> Status {
    if (value.text.find('\0') != std::string::npos) {
      return Fail(ErrorKind::kData, "a bound of the interval of `{}` holds a NUL character", incremental_key_);
    }
    conditions.push_back(fmt::format("{} {} {}", OrderKey(*dialect_, column, type), comparison,
                                     OrderKey(*dialect_, dialect_->literal(value), type)));
    return {};
  };
  if (interval.lower) NILUS_TRY(bound(*interval.lower, ">="));
  if (interval.upper) NILUS_TRY(bound(*interval.upper, interval.upper_inclusive ? "<=" : "<"));
  if (conditions.empty()) conditions.push_back(column + " IS NOT NULL");
  return Join(conditions, " AND ");
}

Result<SqlStep> LoadSql::DeleteInterval(const KeyRange& interval) const {
  NILUS_ASSIGN(std::string condition, IntervalCondition(interval));
  return SqlStep{fmt::format("DELETE FROM {} WHERE {}", target_sql_, condition), SqlEffect::kDeleted};
}

void LoadSql::ApplyScd2(std::vector<SqlStep>* steps) const {
  if (needs_sequence_) steps->push_back(DropSuperseded());
  const std::string valid_to = QuoteIdentifier(kValidToColumn);
  std::vector<std::string> changes;
  for (const Field& field : columns_.fields) {
    if (std::find(primary_key_.begin(), primary_key_.end(), field.name) != primary_key_.end()) continue;
    if (field.name == kLoadIdColumn || field.name == kRowIdColumn) continue;  // of the load, not of the row
    changes.push_back(fmt::format("{} {} {}", EqualityKey(*dialect_, Qualified("t", field.name), field.type),
                                  dialect_->distinct, EqualityKey(*dialect_, Qualified("s", field.name), field.type)));
  }
  if (!changes.empty()) {
    std::vector<std::string> keys;
    for (const std::string& key : primary_key_) {
      keys.push_back(fmt::format("{}{} = {}", Qualified("t", key), dialect_->key_collation, Qualified("s", key)));
    }
    steps->push_back(
        {fmt::format("UPDATE {} AS t SET {} = {} FROM {} AS s WHERE t.{} IS NULL AND {} AND ({})", target_sql_,
                     valid_to, load_time_sql_, staging_sql_, valid_to, Join(keys, " AND "), AnyOf(changes)),
         SqlEffect::kUpdated});
  }
  if (is_complete_) {
    steps->push_back({fmt::format("UPDATE {} AS t SET {} = {} WHERE t.{} IS NULL AND {}", target_sql_, valid_to,
                                  load_time_sql_, valid_to, KeyIn(true, "t", staging_sql_, "")),
                      SqlEffect::kUpdated});
  }
  const std::string is_open = fmt::format("i.{} IS NULL", valid_to);
  std::string is_new = " WHERE " + KeyIn(true, "s", target_sql_, is_open);
  if (has_children_) {  // which rows are new versions has to be known after them, too
    is_new.clear();
    steps->push_back(
        {fmt::format("DELETE FROM {} AS s WHERE {}", staging_sql_, KeyIn(false, "s", target_sql_, is_open)),
         SqlEffect::kStaged});
  }
  steps->push_back(
      {fmt::format("INSERT INTO {} ({}, {}, {}) SELECT {}, {}, NULL FROM {} AS s{}", target_sql_, ColumnList(""),
                   QuoteIdentifier(kValidFromColumn), valid_to, ColumnList("s"), load_time_sql_, staging_sql_, is_new),
       SqlEffect::kInserted});
}

}  // namespace nilus
