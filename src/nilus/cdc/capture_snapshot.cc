// Tables that are read as a whole: at the beginning, when the log is lost, and when somebody asks.
#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/cdc/capture.h"
#include "nilus/cdc/chunk_readers.h"

namespace nilus {
namespace {

constexpr size_t kChunksOfARound = 8;  // at least; what a commit brings

// Rows that are read in the place of others go into the table as it is.
Failure WithWayOut(Error error, const TableTarget& target) {
  if (target.HasOtherKeyType())
    error.fix =
        fmt::format("`nilus cdc snapshot FILE --table {} --anew`, which makes {} anew, then start the service again",
                    NameOf(target.table()), target.name().ToString());
  return Failure(std::move(error));
}

}  // namespace

Status Capture::ReadPending() {
  monitor_->SetPhase("extract");
  NILUS_ASSIGN(const std::unique_ptr<SnapshotView> view, NextView());
  if (view == nullptr) return {};
  NILUS_TRY(StreamUntil(view->at()));
  if (IsStopped() || complete_ < view->at()) return {};
  DropVanished();
  if (position_.pending.empty()) return {};
  if (position_.pending.front().how == SnapshotHow::kIncremental) return ReadIncrement(*view);
  // The stream ends while tables are read, which may take hours, and begins again at the view's place.
  feed_.reset();
  leftover_.reset();
  while (!IsStopped() && !position_.pending.empty()) {
    const SnapshotHow how = position_.pending.front().how;
    if (how == SnapshotHow::kIncremental) return {};
    if (how == SnapshotHow::kInitial) {
      NILUS_TRY(ReadInitial(*view));
    } else {
      NILUS_TRY(ReadAnew(*view));
    }
  }
  return {};
}

Result<std::unique_ptr<SnapshotView>> Capture::NextView() {
  // A sink's open transaction could be what the source waits for before it gives a view: both may be one server.
  if (HasStaged() && !awaits_view_) NILUS_TRY(Commit());
  NILUS_ASSIGN(std::unique_ptr<SnapshotView> view, source_->View());
  awaits_view_ = view == nullptr;
  if (view != nullptr) {
    NILUS_FAULT_POINT("cdc.after_view");
    if (view->at() >= complete_) return view;
    LogInfo("the view of the tables that was made is of {}, and the stream has come to {}: another one is asked for",
            source_->Format(view->at()), source_->Format(complete_));
    view.reset();
    return view;
  }
  // What comes from the stream is held until the source has been asked once more: then no view lies before it.
  if (leftover_) {
    NILUS_ASSIGN(std::optional<ChangeChunk> held, NextChunk(Clock::now()));
    NILUS_TRY(Apply(*std::move(held)));
  } else {
    NILUS_ASSIGN(leftover_, NextChunk(StepEnd()));
  }
  if (IsFlushDue()) NILUS_TRY(Commit());
  return view;
}

// Before the first chunk of a table: what is there goes, in the same commit.
Status Capture::StartTable(const PendingTable& pending, const LogPosition& at) {
  NILUS_ASSIGN(TableTarget * target, targets_->TargetOf(*targets_->Find(pending.schema, pending.table)));
  target->ForgetOldRows();
  ChangeLoad& load = CurrentLoad();
  const bool is_initial = pending.how == SnapshotHow::kInitial;
  if (targets_->IsShared(target->name())) {
    if (job_->merges && !is_initial) {
      monitor_->Warn(fmt::format(
          "table {}: rows of other tables are in {} too, so that nothing is taken out of it: rows that the table has "
          "no more stay there",
          pending.name(), target->name().ToString()));
    }
    return {};
  }
  // An append log keeps what it has; `t` says that nothing before it counts where changes are missing in between.
  if (is_initial && (!job_->merges || !targets_->WasThere(target->name()))) return {};
  NILUS_ASSIGN(RecordBatch row, target->Truncation(at, load.load_id()));
  return load.Write(*target, std::move(row));
}

// Under a mode that reads nothing by itself, what somebody asked for begins again.
void Capture::ReadFromItsBeginning(const CapturedTable& table, std::string_view why) {
  if (!ReadAgain(table, why)) position_.FindPending(table.schema, table.name)->up_to.clear();
}

// What was done to the table since its shape was last told is seen by the view, and need not be in the log behind it.
// A table without rows, too, gets its columns. False: what is loaded of the table cannot be gone on with.
Result<bool> Capture::LearnFrom(const LogPosition& at, const PendingTable& pending, const CapturedTable& table) {
  const bool has_loaded_rows = !pending.up_to.empty() || pending.how == SnapshotHow::kIncremental;
  const bool is_other = position_.TakesPlace(pending.name(), table);
  const bool merges_otherwise = job_->merges && targets_->ChangesKey(table);
  if (merges_otherwise && HasStaged()) NILUS_TRY(Commit());  // a load merges a table by one key
  NILUS_TRY(targets_->Learn(table));
  monitor_->KeepShape(source_->Format(at), table);
  const bool changes_key = merges_otherwise || HasOtherBound(pending, table);
  if (has_loaded_rows && (is_other || changes_key)) {
    ReadFromItsBeginning(table, is_other ? "it is another table than before under the same name"
                                         : "its key changes while it is being read");
    return false;
  }
  NILUS_ASSIGN(TableTarget * target, targets_->TargetOf(table));
  if (has_loaded_rows && !target->is_there() && position_.HasRows(pending.name())) {
    ReadFromItsBeginning(table, "its table was dropped at the destination while it was being read");
    return false;
  }
  const bool is_replaced = pending.how != SnapshotHow::kIncremental && pending.up_to.empty();
  if (is_replaced && target->HasOtherKeyType() && !targets_->IsShared(target->name())) {
    if (HasStaged()) NILUS_TRY(Commit());
    NILUS_ASSIGN(target, targets_->MakeAnew(table));
    monitor_->Warn(fmt::format("table {}: its key is of another type than in {}, which is made anew", pending.name(),
                               target->name().ToString()));
  }
  NILUS_TRY(target->TakeColumns());
  NILUS_TRY(CurrentLoad().Open(*target));
  return true;
}

Result<std::optional<std::vector<SnapshotChunk>>> Capture::PlanChunks(SnapshotView& view, const PendingTable& pending,
                                                                      int64_t rows) {
  std::optional<std::vector<SnapshotChunk>> none;
  const auto give_up = [&] {
    monitor_->Warn(fmt::format("table {} is not there any more: its snapshot is given up", pending.name()));
    position_.Forget(pending.name());
    Finish(SnapshotChunk{.schema = pending.schema, .table = pending.table, .above = {}, .up_to = {}}, true);
    return none;
  };
  const Result<CapturedTable> table = view.Describe(pending.schema, pending.table);
  if (!table && table.error().kind == ErrorKind::kNotFound) return give_up();
  if (!table) return Failure(table.error());
  NILUS_ASSIGN(const bool goes_on, LearnFrom(view.at(), pending, *table));
  if (!goes_on) return none;
  auto chunks = view.Plan(*table, pending.up_to, rows);
  if (!chunks && chunks.error().kind == ErrorKind::kNotFound) return give_up();
  if (!chunks && chunks.error().kind == ErrorKind::kInvalidInput && !pending.up_to.empty()) {
    ReadFromItsBeginning(*table, "it cannot be read on from where its snapshot was cut short");
    return none;
  }
  if (!chunks) return Failure(chunks.error());
  return std::optional(*std::move(chunks));
}

Status Capture::ReadRound(SnapshotView& view, const std::vector<SnapshotChunk>& chunks) {
  monitor_->SetPhase("extract");
  const int threads = job_->properties.snapshot_threads;
  return ReadChunks(view, chunks, threads, job_->memory.queue_bytes, options_->stop,
                    [&](size_t index, RecordBatch rows) -> Status {
                      const SnapshotChunk& chunk = chunks[index];
                      const CapturedTable* table = targets_->Find(chunk.schema, chunk.table);
                      NILUS_ASSIGN(TableTarget * target, targets_->TargetOf(*table));
                      monitor_->Read(target->name(), rows.num_rows(), rows.ByteSize());
                      ChangeLoad& load = CurrentLoad();
                      Result<RecordBatch> batch = target->FromSnapshot(rows, view.at(), load.load_id());
                      if (!batch) return WithWayOut(batch.error(), *target);
                      NILUS_FAULT_POINT("cdc.after_chunk_batch");
                      return Load(target, *std::move(batch));
                    });
}

void Capture::Finish(const SnapshotChunk& last, bool is_end) {
  PendingTable* pending = position_.FindPending(last.schema, last.table);
  if (pending == nullptr) return;
  if (!is_end && !last.up_to.empty()) {
    pending->up_to = last.up_to;
    if (const CapturedTable* table = targets_->Find(last.schema, last.table)) pending->key = KeyShape(*table);
    return;
  }
  const std::string name = pending->name();
  std::erase_if(position_.pending, [&](const PendingTable& p) { return p.name() == name; });
}

// Rounds of chunks, each of one commit, over all tables that wait for their first snapshot.
Status Capture::ReadInitial(SnapshotView& view) {
  struct Planned {
    PendingTable table;
    std::vector<SnapshotChunk> chunks;
    size_t next = 0;
  };
  const size_t round_chunks = std::max(kChunksOfARound, static_cast<size_t>(2 * job_->properties.snapshot_threads));
  std::optional<Planned> planned;
  while (!IsStopped()) {
    std::vector<SnapshotChunk> round;
    std::vector<std::pair<SnapshotChunk, bool>> ends;  // the last chunk of each table in the round; it ends the table
    size_t table_index = 0;
    while (round.size() < round_chunks && table_index < position_.pending.size()) {
      const PendingTable& pending = position_.pending[table_index];
      if (pending.how != SnapshotHow::kInitial) break;
      if (!planned || planned->table.name() != pending.name()) {
        NILUS_ASSIGN(std::optional<std::vector<SnapshotChunk>> chunks,
                     PlanChunks(view, PendingTable(pending), job_->chunk_rows));
        if (!chunks) continue;
        planned = Planned{.table = pending, .chunks = *std::move(chunks)};
        if (pending.up_to.empty()) NILUS_TRY(StartTable(pending, view.at()));
      }
      const size_t from = planned->next;
      const size_t to = std::min(planned->chunks.size(), from + round_chunks - round.size());
      round.insert(round.end(), planned->chunks.begin() + static_cast<std::ptrdiff_t>(from),
                   planned->chunks.begin() + static_cast<std::ptrdiff_t>(to));
      planned->next = to;
      const bool is_end = to == planned->chunks.size();
      SnapshotChunk last{.schema = pending.schema, .table = pending.table, .above = {}, .up_to = {}};
      if (to > 0 && !is_end) last = planned->chunks[to - 1];
      ends.emplace_back(std::move(last), is_end);
      if (!is_end) break;
      ++table_index;
    }
    if (ends.empty()) return {};
    NILUS_TRY(ReadRound(view, round));
    for (const auto& [last, is_end] : ends) Finish(last, is_end);
    NILUS_TRY(Commit());
    NILUS_FAULT_POINT("cdc.after_round");
  }
  return {};
}

// One table in one commit, so that nobody sees it half empty.
Status Capture::ReadAnew(SnapshotView& view) {
  const PendingTable pending = position_.pending.front();
  NILUS_ASSIGN(const std::optional<std::vector<SnapshotChunk>> chunks, PlanChunks(view, pending, job_->chunk_rows));
  if (!chunks) return Commit();
  NILUS_TRY(StartTable(pending, view.at()));
  NILUS_TRY(ReadRound(view, *chunks));
  Finish(SnapshotChunk{.schema = pending.schema, .table = pending.table, .above = {}, .up_to = {}}, true);
  return Commit();
}

// A few chunks between two stretches of the stream, which is not held up for longer.
Status Capture::ReadIncrement(SnapshotView& view) {
  const PendingTable pending = position_.pending.front();
  NILUS_ASSIGN(std::optional<std::vector<SnapshotChunk>> planned, PlanChunks(view, pending, job_->increment_rows));
  if (!planned) return Commit();
  std::vector<SnapshotChunk>& chunks = *planned;
  const size_t most = static_cast<size_t>(job_->properties.snapshot_threads);
  const bool is_end = chunks.size() <= most;
  if (!is_end) chunks.resize(most);
  NILUS_TRY(ReadRound(view, chunks));
  SnapshotChunk last{.schema = pending.schema, .table = pending.table, .above = {}, .up_to = {}};
  if (!is_end) last = chunks.back();
  Finish(last, is_end);
  return Commit();
}

}  // namespace nilus
