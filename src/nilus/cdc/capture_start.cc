// The start of an attempt: what the sink has committed meets what the source has.
#include <algorithm>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/cdc/capture.h"
#include "nilus/cdc/signals.h"
#include "nilus/cdc/start_notices.h"

namespace nilus {

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
  Status begun = [&]() -> Status {
    NILUS_ASSIGN(const CaptureStart start, StartSource(committed, &is_fresh, &how));
    NILUS_FAULT_POINT("cdc.after_start");
    return BeginWith(start, std::move(committed), is_fresh, how);
  }();
  // Once a commit was sent, what the start made may be what it relies on.
  if (!begun && !has_sent_) {
    if (Status undone = source_->Undo(); !undone && !IsStopped()) monitor_->Warn(undone.error().message);
  }
  return begun;
}

Status Capture::BeginWith(const CaptureStart& start, std::optional<CdcPosition> committed, bool is_fresh,
                          SnapshotHow how) {
  for (const std::string& notice : start.notices) monitor_->Warn(notice);
  targets_ = std::make_unique<CaptureTargets>(*job_, sink_.get(), start.database);
  NILUS_TRY(targets_->Begin(start.tables));
  for (const std::string& notice : StartNotices(*job_, start.tables)) monitor_->Warn(notice);
  got_through_ = true;
  for (const CapturedTable& table : start.tables) monitor_->KeepShape(source_->Format(start.from), table);
  if (committed) position_ = *std::move(committed);
  NILUS_TRY(targets_->TakeNumbers(position_.numbers));
  return Begin(start, is_fresh, how);
}

CommittedLog Capture::LogOf(const CdcPosition& committed) const {
  CommittedLog log{.at = committed.at, .identity = committed.identity, .tables = committed.Loaded(), .replaceable = {}};
  for (const PendingTable& pending : committed.pending) {
    if (pending.how == SnapshotHow::kAnew) log.replaceable.insert(pending.name());
  }
  const std::vector<SnapshotRequest> requests = monitor_->folder().Requests();
  for (const auto& [name, ids] : log.tables) {
    const std::string& table = name;
    const bool is_asked_for = std::any_of(requests.begin(), requests.end(), [&](const SnapshotRequest& request) {
      return request.anew && std::any_of(request.tables.begin(), request.tables.end(),
                                         [&](const std::string& asked) { return NamesTable(asked, table); });
    });
    if (is_asked_for || job_->properties.snapshot.when_lost) log.replaceable.insert(table);
  }
  return log;
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
  NILUS_ASSIGN(CaptureStart start, source_->Start(job_->capture, LogOf(*committed)));
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
    NILUS_TRY(BeginAgain(start));
  }
  complete_ = position_.at;
  last_commit_ = Clock::now();
  monitor_->Show(position_, {}, 0);
  return {};
}

// The position is committed before anything is read: from here on a slot that was made is known.
Status Capture::BeginFresh(const CaptureStart& start, SnapshotHow how) {
  const SnapshotPolicy& policy = job_->properties.snapshot;
  // What a table cannot be captured for is told now, while the start can still be taken back.
  for (const CapturedTable& table : start.tables) NILUS_TRY(targets_->TargetOf(table).map([](TableTarget*) {}));
  const std::set<std::string> known = std::move(position_.tables);
  position_ = CdcPosition{.at = start.from, .shown = source_->Format(start.from), .identity = start.identity};
  for (const CapturedTable& table : start.tables) {
    position_.Take(NameOf(table));
    position_.TakesPlace(NameOf(table), table);
    if (job_->properties.ReadsRowsOf(NameOf(table))) {
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

Status Capture::BeginAgain(const CaptureStart& start) {
  const SnapshotPolicy& policy = job_->properties.snapshot;
  position_.identity = start.identity;
  // One that is captured no more is forgotten: should it come back, changes are missing, and it is read as a new one.
  std::set<std::string> captured;
  for (const CapturedTable& table : start.tables) captured.insert(NameOf(table));
  const std::set<std::string> known = position_.tables;
  const auto is_half_read = [&](const std::string& name) {
    return std::any_of(position_.pending.begin(), position_.pending.end(), [&](const PendingTable& pending) {
      return pending.name() == name && pending.how == SnapshotHow::kInitial;
    });
  };
  vanished_before_ = start.vanished_before;
  for (const std::string& name : known) {
    if (captured.contains(name) || position_.IsAway(name)) continue;
    if (start.vanished.contains(name) && !is_half_read(name)) {
      vanished_.insert(name);  // the log may have its last changes
    } else {
      position_.Forget(name);
    }
  }
  for (const CapturedTable& table : start.tables) {
    BeginTableAgain(table, policy.at_every_start && is_start_);
    if (start.gaps.contains(NameOf(table)))
      ReadAgain(table, "the publication has not sent all of its changes, and some are missing");
    // Of a table without changes nothing else would tell.
    if (!is_start_ || !position_.HasRows(NameOf(table))) continue;
    NILUS_ASSIGN(const bool is_there, targets_->IsThere(table));
    if (!is_there) MeetDropped(table);
  }
  DropVanished();
  return {};
}

void Capture::BeginTableAgain(const CapturedTable& table, bool reads_all) {
  const bool is_new = position_.Take(NameOf(table));
  const bool is_other = position_.TakesPlace(NameOf(table), table);
  if (is_new) return MeetNewTable(table);
  if (is_other) {
    ReadAgain(table, "it is another table than before under the same name");
    return;
  }
  if (!reads_all || !job_->properties.ReadsRowsOf(NameOf(table))) return;
  if (position_.FindPending(table.schema, table.name) != nullptr) return;
  position_.pending.push_back(
      PendingTable{.schema = table.schema, .table = table.name, .how = SnapshotHow::kAnew, .up_to = {}});
}

void Capture::ForgetVanished() {
  if (complete_ < vanished_before_) return;
  for (const std::string& name : std::exchange(vanished_, {})) position_.Forget(name);
}

void Capture::DropVanished() {
  std::erase_if(position_.pending, [&](const PendingTable& pending) {
    if (targets_->Find(pending.schema, pending.table) != nullptr) return false;
    monitor_->Warn(fmt::format("table {} is captured no more: its snapshot is given up", pending.name()));
    return true;
  });
}

}  // namespace nilus
