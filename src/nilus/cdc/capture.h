// One attempt at a capture: from what the sink has committed until a stop is asked for, or something fails.
//
//   Committed → Start → [View, the stream up to it, its chunks]… → the stream → flush, flush, …
//
// A flush is one commit of the sink: the rows of whole transactions (or of whole chunks) of all tables, and the
// position behind them. Only then is the source told (Acknowledge). What is staged when the attempt ends is nobody's:
// the next one reads it again.
//
// Tables that are read as a whole are read at a view of the source, after the stream has been loaded up to the view's
// place in the log. So every row of a chunk is newer than all changes loaded before it and older than all that come
// after it, and nothing has to be compared. Changes of rows that no chunk has brought yet are left out until then.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/cdc/feed.h"
#include "nilus/cdc/job.h"
#include "nilus/cdc/load.h"
#include "nilus/cdc/monitor.h"
#include "nilus/cdc/position.h"
#include "nilus/cdc/targets.h"

namespace nilus {

class Capture {
 public:
  // All outlive it. `sink_stop` interrupts the sink: it comes some time after options.stop, so that a flush can end.
  // `is_start`: no attempt of this process has committed anything yet.
  Capture(const CdcJob& job, const RunOptions& options, std::stop_token sink_stop, CaptureMonitor* monitor,
          bool is_start)
      : job_(&job), options_(&options), sink_stop_(std::move(sink_stop)), monitor_(monitor), is_start_(is_start) {}

  // Success: a stop was asked for, or all is done (initial_only). kTransient, kConflict, kUnknownOutcome: a new attempt
  // may succeed.
  Status Run();
  // Something was committed.
  bool made_progress() const { return commits_ > 0; }
  // Both ends were reached.
  bool got_through() const { return got_through_; }

 private:
  using Clock = std::chrono::steady_clock;

  Status RunToTheEnd();
  bool IsStopped() const { return options_->stop.stop_requested(); }
  Status Open();
  Result<CaptureStart> StartSource(const std::optional<CdcPosition>& committed, bool* is_fresh, SnapshotHow* how);
  CommittedLog LogOf(const CdcPosition& committed) const;
  Status BeginWith(const CaptureStart& start, std::optional<CdcPosition> committed, bool is_fresh, SnapshotHow how);
  Status Begin(const CaptureStart& start, bool is_fresh, SnapshotHow how);
  Status BeginFresh(const CaptureStart& start, SnapshotHow how);
  Status BeginAgain(const CaptureStart& start);
  void BeginTableAgain(const CapturedTable& table, bool reads_all);
  bool IsSignalTable(const std::string& schema, const std::string& table) const;

  Status StreamStep();
  // How long a step waits for changes at most.
  Clock::time_point StepEnd() const;
  void RestWhenQuiet();
  // Loads the log up to `until`, the end of a transaction, and commits.
  Status StreamUntil(const LogPosition& until);
  Result<std::optional<ChangeChunk>> NextChunk(Clock::time_point deadline);
  Status Apply(ChangeChunk chunk);
  Status ApplyBatch(const ChangeBatch& batch);

  // Shapes that the log shows (capture_shapes.cc).
  Status LearnShapes(ChangeChunk* chunk);
  Status EndOldKey(const SchemaEvent& event, ChangeChunk* chunk);
  Status Meet(const SchemaEvent& event);
  Status MeetLack(const SchemaEvent& event);
  void ForgetMoved();
  void MeetNewTable(const CapturedTable& table);
  // What is there of the table cannot be gone on with: it is read anew, and its changes are left out until then. False:
  // by its snapshot.mode nothing is read, which is told.
  bool ReadAgain(const CapturedTable& table, std::string_view why, std::string_view before = "stay as they are");
  // The destination has no table for rows that are loaded: it was dropped there. All that lands in it is read anew.
  // True: so is this table, and its changes are left out until then.
  bool MeetDropped(const CapturedTable& table);
  // What is read of the table is told by another key than it has now.
  static bool HasOtherBound(const PendingTable& pending, const CapturedTable& table);
  void TellUnfilled(TableTarget* target);
  Result<std::optional<ChangeBatch>> LeaveOutUnread(const ChangeBatch& batch, PendingTable* pending);
  bool IsFlushDue() const;
  bool HasStaged() const { return load_ && !load_->empty(); }
  ChangeLoad& CurrentLoad();
  // Rows of the target, and its letters.
  Status Load(TableTarget* target, RecordBatch rows);
  // Rows wait for others so long. A position with many numbers of masks is not written more often than a disk likes.
  std::chrono::milliseconds CommitInterval() const;
  // Everything staged, and position_ with it.
  Status Commit();
  Status FlushAtStop();

  // Reads what is pending, as far as one view and the kind of the first table go.
  Status ReadPending();
  // Null: there is none yet, and the stream went on by a step.
  Result<std::unique_ptr<SnapshotView>> NextView();
  Status ReadInitial(SnapshotView& view);
  Status ReadAnew(SnapshotView& view);
  Status ReadIncrement(SnapshotView& view);
  Status ReadRound(SnapshotView& view, const std::vector<SnapshotChunk>& chunks);
  Status StartTable(const PendingTable& pending, const LogPosition& at);
  void ReadFromItsBeginning(const CapturedTable& table, std::string_view why);
  Result<bool> LearnFrom(const LogPosition& at, const PendingTable& pending, const CapturedTable& table);
  // Nothing: the table is not there any more, and is forgotten; or it has to be read from its beginning.
  Result<std::optional<std::vector<SnapshotChunk>>> PlanChunks(SnapshotView& view, const PendingTable& pending,
                                                               int64_t rows);
  void DropVanished();
  // Once the stream is behind what the log has of them.
  void ForgetVanished();
  void Finish(const SnapshotChunk& last, bool is_end);

  // Snapshots asked for while the service runs.
  Status TakeRequests();
  Status TakeSignals(const ChangeBatch& batch);
  void AskFor(const std::vector<std::string>& tables, bool anew, std::string_view by);

  const CdcJob* job_;
  const RunOptions* options_;
  const std::stop_token sink_stop_;
  CaptureMonitor* monitor_;
  const bool is_start_;

  std::unique_ptr<Sink> sink_;
  std::unique_ptr<ChangeSource> source_;
  std::unique_ptr<CaptureTargets> targets_;
  std::map<std::string, std::string> moved_;  // tables whose changes come under another name in the chunk at hand; why
  std::set<std::string> vanished_;            // tables that are still known, and were not there at the start
  LogPosition vanished_before_;
  int64_t version_ = 0;     // of the last commit
  CdcPosition position_;    // as of the last commit, but for what is staged (pending tables)
  LogPosition complete_;    // everything at or before it is committed or staged
  bool is_inside_ = false;  // what is staged ends inside a transaction
  LogPosition last_at_;     // of the last change that was taken
  bool has_sent_ = false;   // a commit, whatever became of it
  std::optional<ChangeLoad> load_;
  std::unique_ptr<ChangeFeed> feed_;
  std::optional<ChangeChunk> leftover_;  // of the feed, behind a view (or behind one that is awaited)
  bool awaits_view_ = false;
  Clock::time_point last_commit_ = Clock::now();
  Clock::time_point last_work_ = Clock::now();  // changes came
  Clock::time_point rested_{};
  Clock::time_point last_requests_{};
  int64_t commits_ = 0;
  bool got_through_ = false;
};

}  // namespace nilus
