// The load of one table: rows become data files while they arrive (or wait, where their keys decide what is written),
// and one snapshot at the commit. A child table is prepared while its root's load still waits: which of its rows count,
// and which old ones go, follows from the root's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/change_fold.h"
#include "nilus/connector/sink.h"
#include "nilus/connectors/lakehouse/change_stage.h"
#include "nilus/connectors/lakehouse/key_finder.h"
#include "nilus/connectors/lakehouse/row_changes.h"
#include "nilus/connectors/lakehouse/session.h"
#include "nilus/connectors/lakehouse/staging.h"
#include "nilus/connectors/lakehouse/target.h"
#include "nilus/lake/data_convert.h"
#include "nilus/lake/data_writer.h"
#include "nilus/lake/scan_plan.h"
#include "nilus/lake/transaction.h"

namespace nilus::lakehouse {

// Of a load's connection: the numbers (_nilus_seq) of its staged rows that a later version of their key supersedes.
inline constexpr const char* kSupersededTable = "nilus_superseded";
// The same of scd2 with child tables: the numbers (q) and row ids (id) of those that become new versions.
inline constexpr const char* kNewVersionsTable = "nilus_new_versions";

// What a table's snapshot says of the pipeline.
struct StateChange {
  std::string pipeline;
  lake::PipelineState state;
  int64_t expected_version = 0;  // of the pipeline in this very table
};

// One thread at a time. Destroyed without a commit: its files go.
class TableLoad {
 public:
  static Result<std::unique_ptr<TableLoad>> Open(std::shared_ptr<const Session> session, const WriteRequest& request);
  ~TableLoad();

  Status Write(const RecordBatch& batch);
  Result<Receipt> Finish();
  bool is_finished() const { return is_finished_; }
  const WriteRequest& request() const { return request_; }
  bool is_of_new_table() const { return base_ == nullptr; }  // there was none at Open

  // One step of the commit: the transaction over `base` (null: there is no table), ready to be committed. Rows of a
  // crashed load of the pipeline that this table has and the pipeline's state does not (`undo_load`: its id) go with
  // it. kConflict: files that were written do not fit the table any more.
  Result<lake::Transaction> Prepare(lake::TablePtr base, const std::optional<KeyRange>& interval, StateChange state,
                                    const std::string& undo_load, CommitResult* counts);
  // Of a child table, before Prepare: the root table's finished load, which outlives it.
  void SetRoot(TableLoad* root) { root_ = root; }
  // The files belong to a snapshot now, but for those that its commit left out: they go.
  void MarkCommitted();

 private:
  TableLoad(std::shared_ptr<const Session> session, const WriteRequest& request)
      : session_(std::move(session)), request_(request), columns_(*request.schema) {
    std::erase_if(columns_.fields, [](const Field& field) { return field.name == kRootNumberColumn; });
  }

  // Whole rows wait: superseded versions are left out before they are written, scd2 compares them.
  bool IsStaged() const;
  // Rows of a child table wait: some of them may belong to versions that are superseded.
  bool WaitsForRoot() const;
  Status CheckKeys(const RecordBatch& batch) const;
  Status AddColumns(const Schema& batch);
  Result<lake::StorePtr> Store() const;
  Result<std::unique_ptr<lake::DataWriter>> OpenWriter() const;
  bool KeepsNewer() const;  // a row of the load whose key the table has with a higher incremental key is left out
  Status DropSuperseded();
  Status DropOlderThanTable(duck::Connection& connection) const;
  std::string StagedRelation() const;
  // "SELECT …": the staged rows that count, with all columns of the load and _nilus_seq.
  std::string StagedSelect() const;
  Status WriteQuery(duck::Connection& connection, const std::string& sql, lake::DataWriter* writer, int64_t* rows);
  void RemoveAttempt();

  Result<lake::Transaction> Begin(const lake::TablePtr& base);
  void AddFiles(std::vector<lake::DataFile> files, lake::Transaction* transaction) const;
  Result<lake::TablePtr> RollBack(const lake::TablePtr& base, const std::string& load_id) const;
  Status UndoLoad(const lake::TablePtr& base, const std::string& load_id, lake::Transaction* transaction) const;
  Result<std::vector<int32_t>> IdsOf(const std::vector<std::string>& names) const;
  Result<lake::ScanPlan> PlanBase(const lake::TablePtr& base, const lake::RangeFilters& filters) const;
  Status ApplyMerge(duck::Connection& connection, const lake::TablePtr& base, lake::Transaction* transaction,
                    CommitResult* counts);
  Status ApplyInterval(duck::Connection& connection, const lake::TablePtr& base, const KeyRange& interval,
                       lake::Transaction* transaction, CommitResult* counts);
  Status ApplyChildren(const lake::TablePtr& base, const std::optional<KeyRange>& interval,
                       lake::Transaction* transaction, CommitResult* counts);
  Status WriteChildren(duck::Connection& connection, const std::string& which, lake::Transaction* transaction,
                       CommitResult* counts);
  Status ApplyChildrenOfVersions(lake::Transaction* transaction, CommitResult* counts);
  // Fills kNewVersionsTable of connection_, once for all child tables: they are committed before this table.
  Status FindNewVersions();
  Status CheckNewVersions(const std::string& unchanged);
  // The row ids of the rows that this load takes out of the table, into kRemovedRootsTable.
  Status FindRemoved(duck::Connection& connection, const std::optional<KeyRange>& interval) const;
  Status ApplyVersions(duck::Connection& connection, const lake::TablePtr& base, lake::Transaction* transaction,
                       CommitResult* counts);
  Status CompareVersions(duck::Connection& connection, const lake::ScanPlan& plan);
  Status CloseVersions(duck::Connection& connection, const lake::ScanPlan& plan, const RowChanges& ending,
                       lake::DataWriter* writer);

  // Of changes.
  Status StartChanges();
  Status WriteChanges(const RecordBatch& batch);
  Status StagePart();
  int64_t FileBytes() const;
  int OpenPartitionsOfChanges() const;
  bool TakeRoom();
  void CloseWriter();
  bool LacksRequired(const FoldedChanges& part, const RecordBatch& rows) const;
  Status FinishChanges();
  Status ApplyChanges(const lake::TablePtr& base, lake::Transaction* transaction, CommitResult* counts);
  Result<RowChanges> FindChanged(const lake::ScanPlan& plan, CommitResult* counts);
  Result<int64_t> FindByReading(const lake::ScanPlan& plan, std::vector<size_t> files, const std::string& wanted,
                                RowChanges* changes);
  lake::ScanPlan PlanEarlyFiles(const lake::Transaction& transaction) const;
  Status Complete(const lake::ScanPlan& plan, const lake::ScanPlan& early, lake::Transaction* transaction,
                  CommitResult* counts);
  Status VisitOrigins(const lake::ScanPlan& plan, const std::vector<std::string>& columns,
                      const std::function<Status(const std::string& rows)>& visit);
  Status WriteCompleted(const lake::ScanPlan& plan, const std::string& condition, lake::DataWriter* writer,
                        int64_t* written);
  Status NoteFound(const lake::ScanPlan& plan, const std::string& condition);
  Status WriteUnknown(const lake::ScanPlan& plan, const lake::ScanPlan& early, lake::DataWriter* writer,
                      int64_t* written, CommitResult* counts);
  Status AddWritten(const lake::ScanPlan& early, lake::Transaction* transaction, CommitResult* counts,
                    std::vector<lake::DataFile>* deletes);
  Status Delete(const lake::ScanPlan& plan, const RowChanges& changes, lake::Transaction* transaction,
                std::vector<lake::DataFile>* deletes);
  Result<int64_t> CountRows(const lake::ScanPlan& plan);
  Status TakeBack(const lake::TablePtr& base, const std::string& load_id);

  const std::shared_ptr<const Session> session_;
  const WriteRequest request_;
  Schema columns_;        // of the load, late ones too; without kRootNumberColumn, which is staged only
  lake::TablePtr base_;   // as found at Open; null: there was no table
  Target target_;         // as planned by what was found
  std::string location_;  // of a new table
  std::optional<lake::BatchConverter> converter_;
  std::unique_ptr<lake::DataWriter> writer_;  // of rows that go straight into data files
  std::unique_ptr<StagedRows> staged_;        // whole rows, or the keys of rows that went straight
  std::optional<ChangeFold> fold_;            // of changes, and what was folded
  std::unique_ptr<ChangeStage> changes_;
  std::shared_ptr<KeyFinder> finder_;
  TableLoad* root_ = nullptr;
  std::optional<duck::Connection> connection_;  // there once a temporary table holds numbers of rows
  bool has_superseded_ = false;                 // kSupersededTable is there
  bool has_new_versions_ = false;               // kNewVersionsTable is there
  std::optional<int64_t> compared_with_;        // the snapshot whose rows FindNewVersions compared
  std::vector<lake::DataFile> files_;           // written before the commit
  size_t early_files_ = 0;                      // of changes: rows of so many of files_ may be superseded by others
  std::optional<RowChanges> superseded_;        // those rows, by the file's index in files_
  int64_t room_bytes_ = 0;                      // of the session's writing room, while writer_ is open
  std::vector<lake::DataFile> attempt_files_;   // written for one attempt of it
  std::vector<lake::DataFile> unused_files_;    // of files_: an attempt leaves them out
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  bool is_finished_ = false;
  bool is_committed_ = false;
};

}  // namespace nilus::lakehouse
