// One attempt at a run: from the committed state to a commit, or to an error that says what the caller does next.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/engine/incremental.h"
#include "nilus/engine/job.h"
#include "nilus/engine/load_tables.h"
#include "nilus/engine/masking.h"
#include "nilus/engine/mover.h"

namespace nilus {

// What an attempt needs to know before it reads: shared with `nilus plan`.
struct Preparation {
  std::unique_ptr<Sink> sink;
  std::unique_ptr<Source> source;
  std::optional<CommittedState> state;
  Checkpoint committed;            // empty under full_refresh
  std::optional<CursorSeal> seal;  // what the next position's cursor is sealed with; nothing: it need not be
  std::string cursor_before;
  std::unique_ptr<Incremental> incremental;  // null: no incremental_key
  ReadRequest request;
  ReadPlan plan;
  std::optional<Schema> destination;  // the table as it is; asked only when the strategy keeps it
  std::shared_ptr<const Masking> masking;
  std::map<std::string, MaskRecord> mask_records;  // as the run begins: without the numbers that it gives
  std::unique_ptr<TableShape> shape;               // of the masked rows
  std::vector<std::string> children;               // child tables that earlier loads made
  std::vector<std::string> source_key;             // that the source enforces, by its own names
  std::vector<std::string> naming_key;             // what rows are named by (rows/row_ids.h)
  WriteRequest write;                              // schema empty when only the values will tell
  bool in_parallel = false;
  std::vector<std::string> warnings;
  std::string repeated_interval;  // append of an interval that is loaded already: the warning that says so
};

// The key that names rows, by the destination's names: the manifest's, else the source's own (`source_key`). Empty:
// there is none that tells all rows apart. Where nested rows keep earlier versions of a key beside them (append, and
// delete+insert outside of its interval) the cursor belongs to it: each version has its own children.
std::vector<std::string> NamingKey(const BatchJob& job, const std::vector<std::string>& source_key,
                                   const TableShape& shape, const Masking& masking);

// The interval that a query without incremental_key reads by; nothing when there is none, or one of its ends is open.
std::optional<LoadedRange> QueryInterval(const BatchJob& job);

// Opens both ends and plans. `phase` is where it stands when it fails. Errors of the sink's state come before any of
// the source's. `committed_load`: that of `earlier_loads` which turns out to be committed, so that there is nothing
// left to do; empty: none.
Result<Preparation> Prepare(const BatchJob& job, const std::vector<std::string>& earlier_loads,
                            const std::stop_token& stop, bool always_describe, std::string* phase,
                            std::string* committed_load);

class NestedLoad;

class Attempt {
 public:
  // `report` gets this attempt's tables, phases and changes in place of an earlier one's; warnings are added.
  Attempt(const BatchJob& job, const RunOptions& options, std::string load_id, RunReport* report, Progress* progress)
      : job_(&job), options_(&options), load_id_(std::move(load_id)), report_(report), progress_(progress) {}

  // Success: committed (now, or by one of `earlier_loads`, whose outcome was not known). kTransient and kConflict: a
  // new attempt may succeed. kUnknownOutcome: the sink could not be asked.
  Status Run(const std::vector<std::string>& earlier_loads);
  // The commit was sent: an exception that ends Run from here on leaves its outcome unknown.
  bool commit_was_sent() const { return commit_was_sent_; }
  // Both ends were reached, and the read was planned.
  bool got_through() const { return got_through_; }

 private:
  // What it holds while it runs; all of it is let go when the attempt ends, before the next one begins.
  struct Load {
    std::stop_source stop;  // an early end of the attempt ends what it started
    Preparation prepared;
    std::optional<LoadTables> tables;
    std::optional<Mover> mover;
    std::unique_ptr<NestedLoad> nested;  // null: no nesting
    int dead_letters = -1;               // index of their table; -1: the contract makes none
    // Of a load that makes its tables anew: what they were before, as far as the sink could tell.
    std::map<std::string, std::optional<Schema>> replaced;

    bool HasTable() const { return tables->is_open(0); }
  };
  Status Execute(const std::vector<std::string>& earlier_loads);
  bool HasNothingToDo(Preparation* prepared, const std::string& committed_load);
  Status Survey(Load* load);
  void WarnOfPlacesKeptWhole(const std::vector<std::string>& places);
  Status OpenTables(Load* load);
  Status Move(Load* load);
  Status OpenWithoutRows(Load* load);
  Status OpenWithoutLetters(Load* load, const CommitRequest& commit);
  Result<std::optional<DeadLetterOffice>> OpenOffice(Load* load) const;
  void WarnOfUnusedHints(const Load& load);
  Status CheckNestedMasks(const Load& load);
  Result<Checkpoint> NextCheckpoint(Load* load, CommitRequest* commit);
  Status FinishTables(Load* load);
  Status Commit(Sink& sink, const CommitRequest& request);
  // After a commit without an answer: success when it took place, kTransient when it did not.
  Status LookForCommit(Sink& sink, const PipelineId& pipeline, const Error& unknown);
  bool MakesTableAnew() const;
  bool ReplacesInterval(const Load& load) const;

  void ReportMove(const Load& load);
  void ReportCounts(const CommitResult& committed);
  TableReport* FindReport(const TableName& table);
  void ReportDiscarded(TableReport* table, const std::string& column, int64_t values);
  // Values kept in a variant column: those that the source brought, those of changed types, those that the sink found.
  void ReportVariant(TableReport* table, const std::string& column, std::string_view variant, int64_t values);
  void ReportSchema(const Load& load);
  void ReportLoosened(const Load& load, const TableName& name, const std::optional<Schema>& before,
                      const Schema& written);
  void LookAtReplaced(Load* load);
  void ReportReplaced(const Load& load);
  void ReportTableSchema(const TableName& name, const std::optional<Schema>& before, const Schema& after,
                         const std::vector<std::string>& widened);
  void Warn(std::string text);

  const BatchJob* job_;
  const RunOptions* options_;
  const std::string load_id_;
  RunReport* report_;
  Progress* progress_;
  std::string phase_ = "plan";
  bool commit_was_sent_ = false;
  bool got_through_ = false;
  PhaseMeter extract_;
  PhaseMeter normalize_;
  PhaseMeter load_;
};

}  // namespace nilus
