#include "nilus/cdc/capture.h"

#include <re2/re2.h>

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/cdc/key_bound.h"
#include "nilus/cdc/signals.h"

namespace nilus {
namespace {

constexpr auto kIdleWait = std::chrono::seconds(1);
// Without an interval rows are committed once no more have come, but never later than this.
constexpr auto kRequestsEvery = std::chrono::seconds(1);
constexpr auto kLongestWait = std::chrono::milliseconds(500);

Status PassCommitted() {
  NILUS_FAULT_ACK("cdc.after_commit");
  return {};
}

std::string NameOf(const CapturedTable& table) { return table.schema + "." + table.name; }

// Somebody's expression, which may be none.
bool IsMatch(const std::string& name, const std::string& pattern) {
  RE2::Options quiet;
  quiet.set_log_errors(false);
  RE2 regex(pattern, quiet);
  return regex.ok() && RE2::FullMatch(name, regex);
}

}  // namespace

Status Capture::Run() {
  NILUS_TRY(Open());
  while (!IsStopped()) {
    if (!is_inside_) NILUS_TRY(TakeRequests());
    if (!is_inside_ && !position_.pending.empty()) {  // a part of a transaction may lie behind a view
      NILUS_TRY(ReadPending());
      continue;
    }
    if (!job_->properties.snapshot.streams) break;
    NILUS_TRY(StreamStep());
  }
  NILUS_TRY(FlushAtStop());
  const bool is_done = !job_->properties.snapshot.streams && position_.pending.empty();
  feed_.reset();
  if (!job_->properties.drops_slot && !is_done) return {};
  return source_->Drop(job_->capture);
}

// ---- start ----

Status Capture::Open() {
  monitor_->SetPhase("load");
  NILUS_ASSIGN(sink_, job_->open_sink(sink_stop_));
  NILUS_ASSIGN(std::optional<CommittedState> state, sink_->Committed(job_->pipeline));
  NILUS_FAULT_POINT("cdc.after_state");
  std::optional<CdcPosition> committed;
  if (state) {
    version_ = state->version;
    if (!state->position.empty()) {
      NILUS_ASSIGN(committed, ParseCdcPosition(state->position));
    }
  }
  monitor_->SetFirstRun(!committed);
  monitor_->SetPhase("plan");
  NILUS_ASSIGN(source_, job_->open_source(options_->stop));
  bool is_fresh = !committed;
  SnapshotHow how = SnapshotHow::kInitial;
  NILUS_ASSIGN(const CaptureStart start, StartSource(committed, &is_fresh, &how));
  NILUS_FAULT_POINT("cdc.after_start");
  for (const std::string& notice : start.notices) monitor_->Warn(notice);
  targets_ = std::make_unique<CaptureTargets>(*job_, sink_.get());
  NILUS_TRY(targets_->Begin(start.tables));
  got_through_ = true;
  if (committed) position_ = *std::move(committed);
  return Begin(start, is_fresh, how);
}

Result<CaptureStart> Capture::StartSource(const std::optional<CdcPosition>& committed, bool* is_fresh,
                                          SnapshotHow* how) {
  if (!committed) {
    if (job_->properties.snapshot.needs_position) {
      return FailWithFix(ErrorKind::kInvalidInput, "use snapshot.mode: initial for a first start",
                         "snapshot.mode {} goes on from a committed position, and there is none",
                         job_->properties.snapshot.mode);
    }
    return source_->Start(job_->capture, std::nullopt);
  }
  NILUS_ASSIGN(CaptureStart start,
               source_->Start(job_->capture, CommittedLog{.at = committed->at, .identity = committed->identity}));
  if (start.lost.empty()) return start;
  if (!job_->properties.snapshot.when_lost) {
    return FailWithFix(ErrorKind::kData,
                       "set snapshot.mode: when_needed, which reads all tables anew, or forget the position with "
                       "`nilus state reset`",
                       "the log cannot be continued from {}: {}", committed->shown, start.lost);
  }
  monitor_->Warn(
      fmt::format("the log cannot be continued from {}: {}. All tables are read anew", committed->shown, start.lost));
  *is_fresh = true;
  *how = SnapshotHow::kLost;
  return start;
}

Status Capture::Begin(const CaptureStart& start, bool is_fresh, SnapshotHow how) {
  if (is_fresh) {
    NILUS_TRY(BeginFresh(start, how));
  } else {
    BeginAgain(start);
  }
  complete_ = position_.at;
  last_commit_ = Clock::now();
  monitor_->Show(position_, {}, 0);
  return {};
}

bool Capture::IsSnapshotted(const CapturedTable& table) const {
  const std::vector<std::string>& patterns = job_->properties.snapshot_tables;
  return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
           return RE2::FullMatch(NameOf(table), pattern);
         });
}

// The position is committed before anything is read: from here on a slot that was made is known.
Status Capture::BeginFresh(const CaptureStart& start, SnapshotHow how) {
  const SnapshotPolicy& policy = job_->properties.snapshot;
  const std::set<std::string> known = std::move(position_.tables);
  position_ = CdcPosition{.at = start.from, .shown = source_->Format(start.from), .identity = start.identity};
  for (const CapturedTable& table : start.tables) {
    position_.tables.insert(NameOf(table));
    if (policy.reads_rows && IsSnapshotted(table)) {
      const SnapshotHow table_how = known.contains(NameOf(table)) ? how : SnapshotHow::kInitial;
      position_.pending.push_back(PendingTable{.schema = table.schema, .table = table.name, .how = table_how});
    } else if (policy.makes_tables) {
      NILUS_ASSIGN(TableTarget * target, targets_->TargetOf(table));
      NILUS_TRY(CurrentLoad().Open(*target));
    }
  }
  complete_ = position_.at;
  return Commit();
}

void Capture::BeginAgain(const CaptureStart& start) {
  const SnapshotPolicy& policy = job_->properties.snapshot;
  position_.identity = start.identity;
  // One that is captured no more is forgotten: should it come back, changes are missing, and it is read as a new one.
  std::set<std::string> captured;
  for (const CapturedTable& table : start.tables) captured.insert(NameOf(table));
  std::erase_if(position_.tables, [&](const std::string& name) { return !captured.contains(name); });
  const bool reads_all = policy.at_every_start && is_start_;
  for (const CapturedTable& table : start.tables) {
    const bool is_new = position_.tables.insert(NameOf(table)).second;
    if (!policy.reads_rows || !IsSnapshotted(table)) continue;
    PendingTable entry{.schema = table.schema, .table = table.name, .how = SnapshotHow::kInitial};
    if (reads_all) entry.how = SnapshotHow::kAnew;
    const bool is_wanted = is_new || reads_all;
    if (is_wanted && position_.FindPending(table.schema, table.name) == nullptr) position_.pending.push_back(entry);
  }
  DropVanished();
}

void Capture::DropVanished() {
  std::erase_if(position_.pending, [&](const PendingTable& pending) {
    if (targets_->Find(pending.schema, pending.table) != nullptr) return false;
    monitor_->Warn(fmt::format("table {} is captured no more: its snapshot is given up", pending.name()));
    return true;
  });
}

// ---- the stream ----

Result<std::optional<ChangeChunk>> Capture::NextChunk(Clock::time_point deadline) {
  if (leftover_) {
    std::optional<ChangeChunk> chunk = std::move(leftover_);
    leftover_.reset();
    return chunk;
  }
  if (feed_ == nullptr) {
    monitor_->SetPhase("extract");
    NILUS_ASSIGN(std::unique_ptr<ChangeReader> reader, source_->Stream(position_.at));
    FeedLimits limits{.chunk_rows = std::clamp<int64_t>(job_->flush_rows, 1, 8192),
                      .chunk_bytes = job_->memory.batch_bytes,
                      .queue_bytes = job_->properties.queue_bytes.value_or(job_->memory.queue_bytes)};
    feed_ = std::make_unique<ChangeFeed>(std::move(reader), limits);
    NILUS_FAULT_POINT("cdc.after_stream");
  }
  return feed_->Take(deadline, options_->stop);
}

Status Capture::StreamStep() {
  Clock::time_point deadline = Clock::now() + kIdleWait;
  if (HasStaged() && !is_inside_)
    deadline = std::min(deadline, load_->started() + std::max<Clock::duration>(job_->commit_interval, {}));
  NILUS_ASSIGN(const std::optional<ChangeChunk> chunk, NextChunk(deadline));
  if (chunk) NILUS_TRY(Apply(*chunk));
  if (!IsFlushDue()) return {};
  return Commit();
}

bool Capture::IsFlushDue() const {
  if (is_inside_) return false;
  const Clock::time_point now = Clock::now();
  if (!HasStaged()) return complete_ > position_.at && now - last_commit_ >= job_->idle_commit_interval;
  const int64_t most_bytes = job_->memory.total_bytes / 4;
  if (load_->rows() >= job_->flush_rows || load_->bytes() >= most_bytes) return true;
  const auto waited = now - load_->started();
  if (job_->commit_interval.count() > 0) return waited >= job_->commit_interval;
  return waited >= kLongestWait || (!leftover_ && (feed_ == nullptr || feed_->IsEmpty()));
}

Status Capture::StreamUntil(const LogPosition& until) {
  if (until < position_.at) {
    return Fail(ErrorKind::kInternal, "the source's view is of {}, before {}, which is loaded already",
                source_->Format(until), position_.shown);
  }
  while (complete_ < until || is_inside_) {
    if (IsStopped()) return {};
    NILUS_ASSIGN(std::optional<ChangeChunk> chunk, NextChunk(Clock::now() + kIdleWait));
    if (!chunk) continue;
    const bool is_behind = std::any_of(chunk->batches.begin(), chunk->batches.end(), [&](const ChangeBatch& batch) {
      return std::any_of(batch.positions.begin(), batch.positions.end(), [&](const auto& at) { return at > until; });
    });
    if (is_behind) {
      NILUS_TRY(Apply(TakeUntil(until, &*chunk)));
      leftover_ = std::move(chunk);
      break;
    }
    NILUS_TRY(Apply(*chunk));
    if (IsFlushDue() && complete_ < until) NILUS_TRY(Commit());
  }
  complete_ = std::max(complete_, until);
  if (!HasStaged() && complete_ == position_.at) return {};
  return Commit();
}

Status Capture::Apply(const ChangeChunk& chunk) {
  monitor_->SetPhase("normalize");
  for (const SchemaEvent& event : chunk.schemas) {
    NILUS_TRY(targets_->Learn(event.table));
    position_.tables.insert(NameOf(event.table));
    monitor_->SchemaSeen(source_->Format(event.at), event.table);
  }
  for (const ChangeBatch& batch : chunk.batches) NILUS_TRY(ApplyBatch(batch));
  is_inside_ = chunk.ends_inside;
  if (!is_inside_) complete_ = std::max(complete_, chunk.complete);
  monitor_->Show(position_, chunk.head, chunk.head_at);
  NILUS_FAULT_POINT("cdc.after_apply");
  return {};
}

Status Capture::ApplyBatch(const ChangeBatch& batch) {
  if (!job_->properties.signal_table.empty() && batch.schema + "." + batch.table == job_->properties.signal_table)
    return TakeSignals(batch);
  PendingTable* pending = position_.FindPending(batch.schema, batch.table);
  std::optional<ChangeBatch> kept;
  if (pending != nullptr && (pending->how == SnapshotHow::kInitial || pending->how == SnapshotHow::kLost)) {
    NILUS_ASSIGN(kept, LeaveOutUnread(batch, pending));
    if (!kept || kept->ops.empty()) return {};
  }
  const ChangeBatch& changes = kept ? *kept : batch;
  NILUS_ASSIGN(TableTarget * target, targets_->TargetOf(changes));
  const bool truncates = std::find(changes.ops.begin(), changes.ops.end(), ChangeOp::kTruncate) != changes.ops.end();
  if (truncates && job_->merges && targets_->IsShared(target->name())) {
    return FailWithFix(ErrorKind::kData, "send the tables apart, or leave truncates out with skipped.operations: t",
                       "table {}.{} was truncated, but rows of other tables are in {} too", batch.schema, batch.table,
                       target->name().ToString());
  }
  ChangeLoad& load = CurrentLoad();
  NILUS_ASSIGN(RecordBatch rows, target->FromChanges(changes, load.load_id()));
  monitor_->Read(target->name(), static_cast<int64_t>(batch.ops.size()), ByteSize(batch));
  monitor_->SetPhase("load");
  return load.Write(*target, std::move(rows));
}

Result<std::optional<ChangeBatch>> Capture::LeaveOutUnread(const ChangeBatch& batch, PendingTable* pending) {
  if (pending->how == SnapshotHow::kLost || pending->up_to.empty()) return std::optional<ChangeBatch>();
  const CapturedTable* table = targets_->Find(batch.schema, batch.table);
  const std::vector<std::string>& key = table != nullptr ? table->key : batch.key;
  bool restarts = false;
  NILUS_ASSIGN(const KeyBound bound, KeyBound::Parse(pending->up_to, key, *batch.rows.schema()));
  NILUS_ASSIGN(ChangeBatch kept, KeepBelow(bound, batch, &restarts));
  if (!restarts) return std::optional<ChangeBatch>(std::move(kept));
  LogInfo("{}: a row's key changed into the part of {} that is loaded: the table is read from its beginning",
          job_->name, pending->name());
  pending->up_to.clear();
  return std::optional<ChangeBatch>();
}

// ---- commits ----

ChangeLoad& Capture::CurrentLoad() {
  if (!load_) load_.emplace(sink_.get());
  return *load_;
}

Status Capture::Commit() {
  monitor_->SetPhase("load");
  ChangeLoad& load = CurrentLoad();
  NILUS_ASSIGN(const std::vector<Receipt> receipts, load.Finish());
  position_.at = complete_;
  position_.shown = source_->Format(complete_);
  CommitRequest request{.pipeline = job_->pipeline,
                        .load_id = load.load_id(),
                        .expected_version = version_,
                        .position = ToPosition(position_),
                        .interval = std::nullopt};
  monitor_->SetPhase("commit");
  Result<CommitResult> committed = sink_->Commit(request);
  Status status = committed ? PassCommitted() : Status(Failure(committed.error()));
  if (!status) return status;
  version_ = committed->version;
  ++commits_;
  last_commit_ = Clock::now();
  monitor_->Committed(load, receipts, *committed, request.position, *targets_);
  load_.reset();
  monitor_->Show(position_, {}, 0);
  NILUS_FAULT_POINT("cdc.before_acknowledge");
  Status heard = source_->Acknowledge(position_.at);
  if (!heard && !IsStopped()) return heard;
  NILUS_FAULT_POINT("cdc.after_acknowledge");
  return {};
}

// What is whole is committed. What ends inside a transaction is read again by the next start.
Status Capture::FlushAtStop() {
  if (is_inside_ || complete_ < position_.at) return {};
  if (!HasStaged() && complete_ == position_.at) return {};
  return Commit();
}

// ---- snapshots that are asked for ----

Status Capture::TakeRequests() {
  const Clock::time_point now = Clock::now();
  if (now - last_requests_ < kRequestsEvery) return {};
  last_requests_ = now;
  const std::vector<SnapshotRequest> requests = monitor_->folder().Requests();
  if (requests.empty()) return {};
  for (const SnapshotRequest& request : requests) AskFor(request.tables, request.anew, "nilus cdc snapshot");
  NILUS_TRY(Commit());
  for (const SnapshotRequest& request : requests) monitor_->folder().Remove(request);
  return {};
}

Status Capture::TakeSignals(const ChangeBatch& batch) {
  for (const Signal& signal : ReadSignals(batch)) {
    if (signal.problem.empty()) {
      AskFor(signal.tables, signal.anew, "signal " + signal.id);
    } else {
      monitor_->Warn(fmt::format("signal {}: {}", signal.id, signal.problem));
    }
  }
  return {};
}

void Capture::AskFor(const std::vector<std::string>& names, bool anew, std::string_view by) {
  for (const std::string& name : names) {
    bool is_known = false;
    for (const CapturedTable& table : targets_->tables()) {
      if (NameOf(table) != name && !IsMatch(NameOf(table), name)) continue;
      is_known = true;
      if (position_.FindPending(table.schema, table.name) != nullptr) continue;  // it is read anyhow
      position_.pending.push_back(PendingTable{
          .schema = table.schema, .table = table.name, .how = anew ? SnapshotHow::kAnew : SnapshotHow::kIncremental});
      LogInfo("{}: {} asks for a snapshot of {}", job_->name, by, NameOf(table));
    }
    if (!is_known) monitor_->Warn(fmt::format("{}: `{}` is no captured table", by, name));
  }
}

}  // namespace nilus
