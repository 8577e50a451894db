// The load of one table: where its rows wait inside the transaction, and how they get into the target at commit.
//
// Direct: rows go straight into the target, where nothing has to be done with them afterwards: append, and a first load
// of
//   delete+insert or of a merge whose keys are unique.
// Staged: rows go into a temporary table, or into the new table that a replace renames.
// Changes (WriteRequest::is_changes): batches are folded in memory (connector/change_fold.h), staged when there are
// enough
//   of them or at the end, and brought into the target part by part.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "nilus/connector/change_fold.h"
#include "nilus/connector/change_target.h"
#include "nilus/connector/sink.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/duckdb/sink_session.h"

namespace nilus::duckdb {

class TableLoad {
 public:
  // The session's load has begun, and its mutex is held, as in all methods. `session` outlives the load.
  static Result<std::unique_ptr<TableLoad>> Open(SinkSession* session, const WriteRequest& request);

  Status Write(RecordBatch batch);
  Result<Receipt> Finish();
  // NULLs in the primary key are an error: asked of all tables before any is changed.
  Status CheckKeys();
  // Brings staged rows into the target.
  Status Apply(const std::optional<KeyRange>& interval, CommitResult* counts);

  // Memory that ran out because the table has many columns: how much would be enough.
  Error WithMemoryFix(Error error) const;

  bool is_finished() const { return is_finished_; }
  const WriteRequest& request() const { return request_; }

 private:
  TableLoad(SinkSession* session, const WriteRequest& request, LoadSql sql)
      : session_(session), request_(request), sql_(std::move(sql)) {}

  bool CanGoDirect() const;
  Status PrepareDirect();
  Status AddColumns(const std::vector<Field>& fields);
  Status StartInsert();
  RecordBatch WithSequence(RecordBatch batch);
  Status Stage(RecordBatch batch);
  Status RunSteps(const std::vector<SqlStep>& steps, CommitResult* counts);
  Status StartChanges();
  Status WriteChanges(const RecordBatch& batch);
  Status StagePart();
  Status ApplyPart();
  struct ColumnCast {
    std::string column;
    std::string declared;  // the target's type
    std::string changed;   // the condition on rows of staging
  };
  void FindCasts();
  Status FitStaged();
  Status FitStagedColumn(const ColumnCast& cast);
  Result<int64_t> CountStaged(const std::string& condition);
  std::string TextOfStaged(const std::string& column) const;
  TargetState State(const std::optional<TargetTable>& target) const;

  SinkSession* const session_;
  const WriteRequest request_;
  LoadSql sql_;
  std::optional<TargetTable> existing_;     // as found at Open
  std::vector<ColumnCast> casts_;           // of a target that stays
  std::map<std::string, int64_t> misfits_;  // by column
  bool is_direct_ = false;
  bool is_finished_ = false;
  int64_t next_sequence_ = 0;
  int64_t rows_ = 0;
  int64_t staged_rows_ = 0;  // or inserted
  int64_t bytes_ = 0;
  int64_t largest_row_bytes_ = 0;  // on the average of its batch
  int64_t inserted_rows_ = 0;      // as DuckDB counted them
  SchemaPtr unnumbered_schema_;    // of the last batch, and the same with _nilus_seq
  SchemaPtr numbered_schema_;

  std::optional<ChangeFold> fold_;
  FoldedChanges part_;        // that is in staging
  CommitResult part_counts_;  // of the parts that were applied
  ChangeTarget target_;
};

// kData when DuckDB would round, cut or silently change values on their way from `from` into a column of type `to`.
Status CheckAssignable(const TableName& table, const Field& from, const Type& to);

}  // namespace nilus::duckdb
