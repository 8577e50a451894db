#include "nilus/cdc/capture.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/base/idle_memory.h"
#include "nilus/base/log.h"
#include "nilus/cdc/key_bound.h"
#include "nilus/cdc/signals.h"

namespace nilus {
namespace {

constexpr auto kIdleWait = std::chrono::seconds(1);
constexpr auto kQuiet = std::chrono::seconds(5);  // after which a service gives back what it can do without
// Without an interval rows are committed once no more have come, but never later than this.
constexpr auto kRequestsEvery = std::chrono::seconds(1);
constexpr auto kLongestWait = std::chrono::milliseconds(500);

Status PassCommitted() {
  NILUS_FAULT_ACK("cdc.after_commit");
  return {};
}

// Of a row that somebody removed at the destination, a change says only what has changed.
std::string AnewFix(const CapturedTable& table) {
  return fmt::format(
      "somebody removed rows at the destination. Ask for the table: `nilus cdc snapshot FILE --table {} --anew`, then "
      "start the service again",
      NameOf(table));
}

}  // namespace

Status Capture::Run() {
  Status run = RunToTheEnd();
  if (run || run.error().fix != kRowIsGoneFix) return run;
  Error error = std::move(run).error();
  const CapturedTable* table = nullptr;
  if (targets_ != nullptr) {
    targets_->ForEachTarget([&](const TableTarget& target) {
      if (error.message.find(target.name().ToString()) != std::string::npos) table = &target.table();
    });
  }
  if (table == nullptr) return Failure(std::move(error));
  // Under discard_row it may be one that did not fit until now: what a change of it leaves out is at the source only.
  if (job_->contract == Contract::kDiscardRow && job_->properties.snapshot.reads_rows &&
      monitor_->folder().Ask({NameOf(*table)}, /*anew=*/true)) {
    return Fail(ErrorKind::kTransient, "table {} is read anew: a row fits again of which the log has not all values",
                NameOf(*table));
  }
  error.fix = AnewFix(*table);
  return Failure(std::move(error));
}

Status Capture::RunToTheEnd() {
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

Capture::Clock::time_point Capture::StepEnd() const {
  const Clock::time_point end = Clock::now() + kIdleWait;
  if (!HasStaged() || is_inside_) return end;
  return std::min(end, load_->started() + std::max<Clock::duration>(CommitInterval(), {}));
}

Status Capture::StreamStep() {
  NILUS_ASSIGN(std::optional<ChangeChunk> chunk, NextChunk(StepEnd()));
  if (chunk && !chunk->batches.empty()) last_work_ = Clock::now();
  if (chunk) NILUS_TRY(Apply(*std::move(chunk)));
  if (IsFlushDue()) return Commit();
  RestWhenQuiet();
  return {};
}

void Capture::RestWhenQuiet() {
  const Clock::time_point worked = std::max(last_work_, last_commit_);
  if (HasStaged() || rested_ > worked || Clock::now() - worked < kQuiet) return;
  GiveBackIdleMemory();
  rested_ = Clock::now();
}

bool Capture::IsFlushDue() const {
  if (is_inside_) return false;
  const Clock::time_point now = Clock::now();
  if (!HasStaged()) return complete_ > position_.at && now - last_commit_ >= job_->idle_commit_interval;
  const int64_t most_bytes = job_->memory.total_bytes / 4;
  const auto waited = now - load_->started();
  const bool is_full = load_->rows() >= job_->flush_rows && waited >= CommitInterval() - job_->commit_interval;
  if (is_full || load_->bytes() >= most_bytes) return true;
  if (CommitInterval().count() > 0) return waited >= CommitInterval();
  return waited >= kLongestWait || (!leftover_ && (feed_ == nullptr || feed_->IsEmpty()));
}

std::chrono::milliseconds Capture::CommitInterval() const {
  constexpr int64_t kNumberBytesPerMs = 4096;
  return std::max(job_->commit_interval, std::chrono::milliseconds(position_.NumberBytes() / kNumberBytesPerMs));
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
    const bool has_rows_behind = std::any_of(chunk->batches.begin(), chunk->batches.end(), [&](const auto& batch) {
      return std::any_of(batch.positions.begin(), batch.positions.end(), [&](const auto& at) { return at > until; });
    });
    // A table that has to be read anew for what is told behind the view's place is not read at that view.
    const bool is_behind = has_rows_behind || std::any_of(chunk->schemas.begin(), chunk->schemas.end(),
                                                          [&](const SchemaEvent& event) { return event.at > until; });
    if (is_behind) {
      NILUS_TRY(Apply(TakeUntil(until, &*chunk)));
      leftover_ = std::move(chunk);
      break;
    }
    NILUS_TRY(Apply(*std::move(chunk)));
    if (IsFlushDue() && complete_ < until) NILUS_TRY(Commit());
  }
  complete_ = std::max(complete_, until);
  if (!HasStaged() && complete_ == position_.at) return {};
  return Commit();
}

Status Capture::Apply(ChangeChunk chunk) {
  monitor_->SetPhase("normalize");
  NILUS_TRY(LearnShapes(&chunk));
  for (const ChangeBatch& batch : chunk.batches) NILUS_TRY(ApplyBatch(batch));
  ForgetMoved();
  is_inside_ = chunk.ends_inside;
  if (!is_inside_) complete_ = std::max(complete_, chunk.complete);
  monitor_->Show(position_, chunk.head, chunk.head_at);
  NILUS_FAULT_POINT("cdc.after_apply");
  return {};
}

Status Capture::ApplyBatch(const ChangeBatch& batch) {
  for (const LogPosition& at : batch.positions) last_at_ = std::max(last_at_, at);
  if (IsSignalTable(batch.schema, batch.table)) return TakeSignals(batch);
  const CapturedTable* known = targets_->Find(batch.schema, batch.table);
  if (known != nullptr && position_.Take(NameOf(*known))) MeetNewTable(*known);
  // A stream that was begun anew knows the table by its name, and has no news of it.
  if (known != nullptr && position_.IsAway(NameOf(*known)) && position_.TakesPlace(NameOf(*known), *known))
    ReadAgain(*known, "it has its name back, under which not all of its changes came");
  PendingTable* pending = position_.FindPending(batch.schema, batch.table);
  if (job_->merges && pending == nullptr && known != nullptr && known->key != batch.key) {
    CapturedTable now = *known;
    now.key = batch.key;
    NILUS_TRY(targets_->Learn(now));
    if (ReadAgain(now, "its key is another one than it was")) return {};
  }
  std::optional<ChangeBatch> kept;
  if (pending != nullptr && (pending->how == SnapshotHow::kInitial || pending->how == SnapshotHow::kLost)) {
    NILUS_ASSIGN(kept, LeaveOutUnread(batch, pending));
    if (!kept || kept->ops.empty()) return {};
  }
  const ChangeBatch& changes = kept ? *kept : batch;
  NILUS_ASSIGN(TableTarget * target, targets_->TargetOf(changes));
  if (!target->is_there() && MeetDropped(target->table())) return {};
  if (pending == nullptr && target->lacks_key()) {
    if (ReadAgain(target->table(), "its key has columns that the destination's rows do not have")) return {};
    target->ForgetOldRows();
  }
  if (pending == nullptr || pending->how != SnapshotHow::kAnew) TellUnfilled(target);
  const std::vector<ChangeOp>& skipped = job_->properties.skipped;
  const bool takes_truncates = std::find(skipped.begin(), skipped.end(), ChangeOp::kTruncate) == skipped.end();
  const bool truncates =
      takes_truncates && std::find(changes.ops.begin(), changes.ops.end(), ChangeOp::kTruncate) != changes.ops.end();
  if (truncates && job_->merges && targets_->IsShared(target->name())) {
    return FailWithFix(ErrorKind::kData, "send the tables apart, or leave truncates out with skipped.operations: t",
                       "table {}.{} was truncated, but rows of other tables are in {} too", batch.schema, batch.table,
                       target->name().ToString());
  }
  ChangeLoad& load = CurrentLoad();
  Result<RecordBatch> rows = target->FromChanges(changes, load.load_id());
  if (!rows && rows.error().kind == ErrorKind::kData && target->HasOtherKeyType() &&
      ReadAgain(target->table(), "its key is of another type than the destination's")) {
    return {};
  }
  if (!rows) return Failure(rows.error());
  monitor_->Read(target->name(), static_cast<int64_t>(batch.ops.size()), ByteSize(batch));
  return Load(target, *std::move(rows));
}

Status Capture::Load(TableTarget* target, RecordBatch rows) {
  monitor_->SetPhase("load");
  NILUS_TRY(CurrentLoad().Write(*target, std::move(rows)));
  std::optional<RecordBatch> letters = target->TakeLetters();
  if (!letters) return {};
  return CurrentLoad().WriteLetters(*target, *std::move(letters));
}

Result<std::optional<ChangeBatch>> Capture::LeaveOutUnread(const ChangeBatch& batch, PendingTable* pending) {
  if (pending->how == SnapshotHow::kLost || pending->up_to.empty()) return std::optional<ChangeBatch>();
  const CapturedTable* table = targets_->Find(batch.schema, batch.table);
  std::string_view why = "its key changes while it is being read";
  if (table == nullptr || !HasOtherBound(*pending, *table)) {
    const std::vector<std::string>& key = table != nullptr ? table->key : batch.key;
    bool restarts = false;
    NILUS_ASSIGN(const KeyBound bound, KeyBound::Parse(pending->up_to, key, *batch.rows.schema()));
    NILUS_ASSIGN(ChangeBatch kept, KeepBelow(bound, batch, &restarts));
    if (!restarts) return std::optional<ChangeBatch>(std::move(kept));
    why = "a row's key changed into the part that is loaded";
  }
  LogInfo("{}: table {} is read from its beginning: {}", job_->name, pending->name(), why);
  // Changes of what is loaded are left out from here on: it has to go, as with all that is read anew.
  *pending = PendingTable{.schema = batch.schema, .table = batch.table, .how = SnapshotHow::kLost};
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
  ForgetVanished();
  targets_->ForEachTarget([&](const TableTarget& target) {
    if (load.HasRows(target.name())) position_.unloaded.erase(NameOf(target.table()));
  });
  targets_->TellNumbers(&position_.numbers);
  CommitRequest request{.pipeline = job_->pipeline,
                        .load_id = load.load_id(),
                        .expected_version = version_,
                        .position = ToPosition(position_),
                        .interval = std::nullopt};
  monitor_->SetPhase("commit");
  has_sent_ = true;
  Result<CommitResult> committed = sink_->Commit(request);
  Status status = committed ? PassCommitted() : Status(Failure(committed.error()));
  if (!status) return status;
  version_ = committed->version;
  ++commits_;
  last_commit_ = Clock::now();
  monitor_->Committed(load, receipts, *committed, request.position, *targets_);
  targets_->Committed(load);
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
  // Before anything is streamed, changes need not be merged into rows that go: some may not find what they rely on.
  const bool is_before_stream = feed_ == nullptr && job_->merges;
  const SnapshotHow how = !anew              ? SnapshotHow::kIncremental
                          : is_before_stream ? SnapshotHow::kLost
                                             : SnapshotHow::kAnew;
  for (const std::string& name : names) {
    bool is_known = false;
    for (const CapturedTable& table : targets_->tables()) {
      if (!NamesTable(name, NameOf(table))) continue;
      is_known = true;
      if (PendingTable* pending = position_.FindPending(table.schema, table.name)) {  // it is read anyhow
        const bool is_better = how != SnapshotHow::kIncremental && pending->how != SnapshotHow::kInitial;
        if (is_better) *pending = PendingTable{.schema = table.schema, .table = table.name, .how = how, .up_to = {}};
        continue;
      }
      position_.pending.push_back(PendingTable{.schema = table.schema, .table = table.name, .how = how, .up_to = {}});
      LogInfo("{}: {} asks for a snapshot of {}", job_->name, by, NameOf(table));
    }
    if (!is_known) monitor_->Warn(fmt::format("{}: `{}` is no captured table", by, name));
  }
}

}  // namespace nilus
