// One table of a load, inside the session's transaction.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/change_fold.h"
#include "nilus/connector/change_target.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/sqlite/batch_rows.h"
#include "nilus/connectors/sqlite/catalog.h"
#include "nilus/connectors/sqlite/database.h"

namespace nilus::sqlite {

class TableLoad {
 public:
  // Creates the staging table; appends create or widen the target itself. `serial` names the load's row source on the
  // connection: never used twice there.
  static Result<std::unique_ptr<TableLoad>> Start(Database& db, const WriteRequest& request, int serial);
  // What Start, Apply and the state would execute, for `nilus plan`.
  static Result<std::vector<std::string>> Explain(Database* db, const WriteRequest& request);

  Status Write(const RecordBatch& batch);
  Result<Receipt> Finish();
  bool finished() const { return finished_; }
  const TableName& table() const { return sql_.target(); }
  const std::string& load_id() const { return request_.load_id; }
  // Staged rows into the target by the strategy.
  Status Apply(const std::optional<KeyRange>& interval, CommitResult* result);

 private:
  TableLoad(Database& db, LoadSql sql, WriteRequest request, int serial)
      : db_(db), sql_(std::move(sql)), request_(std::move(request)), serial_(serial) {}
  // Appends go straight into the target: the transaction hides them, and a copy less is made.
  bool direct() const { return request_.strategy == WriteStrategy::kAppend; }
  Status RunSteps(const std::vector<SqlStep>& steps, CommitResult* result);
  Status Stage(const RecordBatch& rows);
  Status StageFitted(const RecordBatch& batch);
  // Changes are folded in memory; a part of them is staged, and applied, when it is large enough or the last one.
  Status StartChanges(const TargetState& target);
  Status WriteChanges(const RecordBatch& batch);
  Status StagePart();
  Status ApplyPart();
  Result<TargetState> Target() const;
  Status Widen(const Schema& batch);
  // Columns of a table that stays in which SQLite would change texts (fit.h).
  Status FindNumericColumns();
  const std::string* NumericType(std::string_view column) const;  // as declared; null: it is none of them
  Result<RecordBatch> Fit(const RecordBatch& batch);
  Status PrepareInsert();
  Status CheckKeys();

  Database& db_;
  LoadSql sql_;
  WriteRequest request_;
  int serial_;
  int generation_ = 0;
  bool finished_ = false;
  int64_t rows_ = 0;
  int64_t staged_rows_ = 0;
  int64_t bytes_ = 0;
  CommitResult counts_;
  std::vector<ColumnInfo> numeric_columns_;
  std::map<std::string, int64_t> misfits_;               // by column
  std::vector<std::unique_ptr<BatchRows>> row_sources_;  // the last one is in use; SQLite keeps pointers to all
  std::optional<Statement> insert_;

  std::optional<ChangeFold> fold_;
  FoldedChanges part_;  // that is in staging
  ChangeTarget target_;
};

}  // namespace nilus::sqlite
