// The load of one table: where its rows wait inside the transaction, and how they get into the target at commit.
//
// Direct: rows go straight into the target, where nothing has to be done with them afterwards: append to a table that
//   has all the columns, and any first load into a table that does not exist yet (but scd2, and merge with repeated
//   keys).
// Staged: rows go into a temporary table, or into the new table of a replace. Its columns have the target's own types,
// so
//   what the server cannot convert is known before the commit; text waits for a cast where we know no binary form.
// A direct load into an existing table that meets a new column goes on in staging: ALTER TABLE would lock readers out
//   for the rest of the load, so it waits for the commit.
//
// Changes (WriteRequest::is_changes): batches are folded in memory (connector/change_fold.h), staged when there are
// enough
//   of them or at the end, and brought into the target part by part. The staging table outlives the load: a load a
//   second that makes one would fill the server's catalogs with dead rows.
//
// COPY … FREEZE is used wherever the table was made in this transaction. For the new table of a replace that is also
// what a REPEATABLE READ reader with an older snapshot wants: it sees the new rows, and not an empty table.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/change_fold.h"
#include "nilus/connector/change_target.h"
#include "nilus/connector/sink.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/postgres/copy_encoder.h"
#include "nilus/connectors/postgres/fit.h"
#include "nilus/connectors/postgres/sink_session.h"
#include "nilus/connectors/postgres/target_table.h"

namespace nilus::postgres {

bool LoadsDirectly(const WriteRequest& request, const LoadSql& sql, const std::optional<TargetTable>& existing);

class TableLoad {
 public:
  // Looks at the target and prepares the place for rows. The session's load has begun; its mutex is held, as in all
  // methods. `session` outlives the load.
  static Result<std::unique_ptr<TableLoad>> Open(SinkSession* session, const WriteRequest& request);

  Status Write(const RecordBatch& batch);
  Result<Receipt> Finish();
  // Brings staged rows into the target.
  Status Apply(const std::optional<KeyRange>& interval, CommitResult* counts);

  bool is_finished() const { return is_finished_; }
  const WriteRequest& request() const { return request_; }
  const TableName& table() const { return request_.table; }

 private:
  TableLoad(SinkSession* session, const WriteRequest& request, LoadSql sql)
      : session_(session), request_(request), sql_(std::move(sql)) {}

  // The strategy wants a table made anew, where nothing hangs on the old one.
  bool MayDrop() const { return request_.strategy == WriteStrategy::kReplace || request_.full_refresh; }
  Status CheckTarget() const;
  Status CheckCascades(Connection* connection) const;
  Status CreateTarget();
  Status CreateStaging();
  Status MakeStaging();  // of changes: or takes the one that an earlier load left
  Status MakeNewStaging();
  Result<std::string> FindStaging();  // its oid; "0": there is none
  std::string StagingShape() const;
  bool HasCasts() const;
  Status WriteChanges(const RecordBatch& batch);
  Status WriteRows(const RecordBatch& batch);
  Status StagePart();
  Status ApplyPart(CommitResult* counts);
  Status SetStagingTypes(size_t first_column);
  Status PlanColumns(size_t first_column);
  Status AddColumns(const std::vector<Field>& fields);
  Result<RecordBatch> Fit(const RecordBatch& batch);
  Status CheckKeys(const RecordBatch& batch);
  Status Send(const RecordBatch& batch);
  Error Named(Error error) const;  // what the server says of rows, with the table's name
  std::string CopySql() const;

  Status LockTarget(bool for_alter);
  Status CheckStagedTypes(const TargetState& state) const;
  Result<KeyIndex> KeyIndexOfTarget(Connection* connection) const;
  // The target under the lock that the strategy needs; refreshes existing_.
  Result<TargetState> LookAtTarget();
  // Of texts that wait in staging for a cast (table_texts.cc).
  Status FitStagedTexts();
  Status FitStagedColumn(const LoadColumn& plan);
  Result<int64_t> CountStaged(std::string_view condition);
  Status MoveToVariant(const LoadColumn& plan, std::string_view condition);
  Status CastStagedTexts();
  Error WhileCasting(const LoadColumn& plan, Error error) const;
  Status RunSteps(const std::vector<SqlStep>& steps, CommitResult* counts);

  SinkSession* const session_;
  const WriteRequest request_;
  LoadSql sql_;
  std::optional<TargetTable> existing_;  // as found at Open
  bool keeps_types_ = false;             // of existing_: its columns stay, so their types are what rows must have
  bool is_direct_ = false;               // rows go into the target now
  bool has_staging_ = false;
  bool created_target_ = false;  // in this transaction, so nobody else sees it
  bool is_finished_ = false;
  std::vector<SqlStep> after_rows_;         // the key index of a target that was created here
  std::vector<LoadColumn> plans_;           // of sql_.columns(), in order
  std::map<std::string, int64_t> misfits_;  // by column
  CopyEncoder encoder_;
  BufferBuilder buffer_;
  int64_t next_sequence_ = 0;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t direct_rows_ = 0;  // as the server counted them
  int64_t staged_rows_ = 0;

  // Of a load of changes.
  std::optional<ChangeFold> fold_;
  std::string staging_oid_;
  FoldedChanges part_;        // that is in staging
  CommitResult part_counts_;  // of the parts that were applied before the commit
  ChangeTarget target_;
  bool staging_is_new_ = true;  // made in this transaction
};

}  // namespace nilus::postgres
