// SQL of the five write strategies, as pure text. A sink
//   1. makes a LoadSql of the WriteRequest (which checks every name),
//   2. creates the staging table and fills it (one transaction, one connection), adding columns as batches bring them,
//   3. runs the key check, then PrepareTarget's and Apply's steps in order, then the state's (sql_state.h), then
//   COMMIT.
//
// Staging has, where needs_sequence(), a first column `_nilus_seq` (bigint, 0, 1, 2, … in arrival order), then the
// load's columns in order. Statements are set-based: no row loops, composite keys and NULLs compared safely.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"
#include "nilus/connector/sql_dialect.h"

namespace nilus {

struct FoldedChanges;  // change_fold.h

inline constexpr std::string_view kSequenceColumn = "_nilus_seq";
inline constexpr std::string_view kValidFromColumn = "_nilus_valid_from";
inline constexpr std::string_view kValidToColumn = "_nilus_valid_to";

// What the affected rows of a statement mean to CommitResult.
enum class SqlEffect {
  kNone,  // DDL
  kInserted,
  kDeleted,
  kUpdated,   // closed versions of scd2
  kReplaced,  // merge: deleted, to be inserted anew: counts as updated, and one inserted less
  kStaged,    // inside the staging table: counts for nothing
  kUpserted,  // a query instead: its one row says how many rows were inserted, and how many updated
};

struct SqlStep {
  std::string sql;
  SqlEffect effect = SqlEffect::kNone;
  // As many rows as the step has to change; -1: any number. See CheckStep.
  int64_t wanted_rows = -1;
  // It may change fewer: these columns are NULL where it finds no row (WriteRequest::may_lack_rows). Empty: it may not.
  std::vector<std::string> else_null = {};
};

// Of any effect but kUpserted.
void CountRows(SqlEffect effect, int64_t affected, CommitResult* result);

// kData when the step of a load of changes has found fewer rows of the table than it has to take values from. Where it
// may, `result` (null: it may not) is told.
Status CheckStep(const SqlStep& step, int64_t affected, CommitResult* result);

// What finds the rows of a key in a table.
enum class KeyIndex {
  kNone,
  kPlain,   // some index begins with the columns of the key
  kUnique,  // and these are all of its columns, of which no two rows may have the same values
};

// The target as the sink found it inside its transaction.
struct TargetState {
  std::optional<Schema> existing;  // nothing: there is no such table
  // Nothing else in the database hangs on the table (views, foreign keys, indexes, triggers, grants): it may be dropped
  // and another one take its name.
  bool can_drop = true;
  // Of a child table: its root table is there, and has a kRowIdColumn.
  bool has_root = false;
  KeyIndex key_index = KeyIndex::kPlain;  // asked of loads of changes only
};

class LoadSql {
 public:
  // kInvalidInput: a name that cannot be used, colliding names, a key that is no column, too many columns, or a column
  // named like one of ours that this strategy adds. `dialect` is kept by reference.
  static Result<LoadSql> Make(const SqlDialect& dialect, const WriteRequest& request);

  const TableName& target() const { return target_; }
  const std::string& target_sql() const { return target_sql_; }    // quoted and qualified
  const std::string& staging_sql() const { return staging_sql_; }  // the same of the staging table
  const Schema& columns() const { return columns_; }               // the load's, without ours
  bool needs_sequence() const { return needs_sequence_; }
  // The root table of a child table; nothing: this is none.
  std::optional<TableName> root() const;
  // Rows have to wait in staging: what becomes of them depends on the root's.
  bool must_stage() const { return must_stage_; }
  // The column waits in staging for a purpose of ours, and the target does not get it.
  bool IsStagedOnly(std::string_view column) const;
  // Staging takes the target's name at the end instead of being copied from (replace, unless the target must stay).
  bool staging_becomes_target() const { return strategy_ == WriteStrategy::kReplace; }

  // A batch brought columns: they are the load's from now on. Call before filling them. Same errors as Make.
  // Returns the ALTER TABLE statements for the staging table.
  Result<std::vector<std::string>> AddColumns(const std::vector<Field>& fields);
  // The fields of `batch` that the load does not have yet, to be given to AddColumns.
  std::vector<Field> MissingFrom(const Schema& batch) const;

  // Schema (a replace's staging lives in the target's) and staging table.
  std::vector<std::string> CreateStaging() const;

  // One row of as many counts as primary_key(): NULLs in each key column of staging. Nothing when the strategy has no
  // key.
  std::optional<std::string> NullKeyCheck() const;
  // The kData of a count that is not 0.
  Error NullKeyError(int key_index, int64_t nulls) const;
  const std::vector<std::string>& primary_key() const { return primary_key_; }

  // Schema, table (with scd2's columns), key index, or the columns that the existing table lacks. Under full_refresh
  // the existing table is dropped and made anew, or emptied where it cannot be dropped. Nothing to do for a replace
  // that swaps. Sinks that append straight into the target run these first, and no Apply.
  Result<std::vector<SqlStep>> PrepareTarget(const TargetState& state) const;
  // The columns of the load (and scd2's) that a table with these columns lacks, and those that are to be widened: what
  // PrepareTarget does for a table that stays, once more after AddColumns for sinks that append straight into the
  // target.
  Result<std::vector<SqlStep>> AddToTarget(const Schema& existing) const;
  // Staged rows into the target by the strategy, then the staging table goes. `interval` is CommitRequest's. Under scd2
  // with child tables it stays, with the new versions alone, for the children's Apply: temporary, it goes with the
  // connection or the transaction.
  Result<std::vector<SqlStep>> Apply(const TargetState& state, const std::optional<KeyRange>& interval) const;

  // Loads of changes (WriteRequest::is_changes), instead of Apply: staging holds the rows of a fold (change_fold.h)
  // with its two columns, numbered by _nilus_seq through the whole load. May be done several times in a load, each
  // after EmptyStaging. `is_fresh`: the target was made in this transaction, and has no rows.
  std::vector<SqlStep> ApplyChanges(const FoldedChanges& changes, bool is_fresh, KeyIndex index) const;
  // Of a target that PrepareTarget makes.
  KeyIndex MadeKeyIndex() const;
  std::string EmptyStaging() const { return "DELETE FROM " + staging_sql_; }
  std::string DropStaging() const { return "DROP TABLE " + staging_sql_; }

 private:
  LoadSql() = default;
  Status CheckColumns() const;
  bool Swaps(const TargetState& state) const;
  bool temporary_staging() const { return dialect_->temporary_staging && strategy_ != WriteStrategy::kReplace; }
  std::string ColumnList(std::string_view qualifier) const;  // a."x", a."y"; qualifier empty: "x", "y"
  std::string Definition(const Field& field) const;          // "x" bigint
  std::vector<Field> OwnColumns() const;                     // what the strategy adds to the target
  const Type& TypeOf(std::string_view column) const;
  void CreateTarget(std::vector<SqlStep>* steps) const;
  bool IsToBeWidened(const Schema& existing, const Field& field) const;
  void AddWidening(const Field& field, std::vector<SqlStep>* steps) const;
  // Rows of alias `outer` whose key is (not) among the rows of `inner` that meet `condition` on the alias `i`.
  std::string KeyIn(bool negated, std::string_view outer, std::string_view inner, std::string_view condition) const;
  SqlStep DropSuperseded() const;
  SqlStep DropOlderThanTarget() const;
  SqlStep InsertStaged(std::string_view condition = {}) const;
  Result<SqlStep> DeleteInterval(const KeyRange& interval) const;
  Result<std::string> IntervalCondition(const KeyRange& interval) const;
  // Of a child table, before the root's own steps.
  std::string HasNoRoot(std::string_view root, std::string_view child) const;
  Result<std::vector<SqlStep>> DropOldChildren(const TargetState& state, const std::optional<KeyRange>& interval) const;
  std::vector<Field> LoadedColumns() const;  // those of columns() that the target has
  void ApplyScd2(std::vector<SqlStep>* steps) const;
  SqlStep CreateKeyIndex(KeyIndex index) const;
  Status StageChanges(const WriteRequest& request);
  SqlStep LookUpGroup(size_t group, const FoldedChanges& changes) const;
  SqlStep InsertChanges(std::string_view condition) const;
  SqlStep Upsert() const;
  void UpdateAndInsert(std::vector<SqlStep>* steps) const;
  std::vector<std::string> ValuesFrom(std::string_view source) const;
  // Rows of aliases a and b have the same key.
  std::string KeysEqual(std::string_view a, std::string_view b) const;

  const SqlDialect* dialect_ = nullptr;
  TableName target_;
  TableName staging_;
  std::string target_sql_;
  std::string staging_sql_;
  Schema columns_;
  WriteStrategy strategy_ = WriteStrategy::kReplace;
  std::vector<std::string> primary_key_;
  std::string incremental_key_;
  bool needs_sequence_ = false;
  bool key_is_unique_ = false;
  bool is_complete_ = false;
  bool has_children_ = false;
  bool keeps_newer_ = false;
  bool must_stage_ = false;
  bool is_changes_ = false;
  bool may_lack_rows_ = false;
  std::shared_ptr<const LoadSql> root_;  // of a child table
  bool full_refresh_ = false;
  std::vector<std::string> widened_;
  std::string load_time_sql_;
  std::string load_id_;
};

}  // namespace nilus
