// Shapes that the log shows: new tables, other ones under a known name, keys that change, columns that come up.
#include <algorithm>
#include <utility>

#include "nilus/base/log.h"
#include "nilus/cdc/capture.h"
#include "nilus/cdc/start_notices.h"

namespace nilus {

bool Capture::IsSignalTable(const std::string& schema, const std::string& table) const {
  const std::string& signals = job_->properties.signal_table;
  return !signals.empty() && schema + "." + table == signals;
}

Status Capture::LearnShapes(ChangeChunk* chunk) {
  for (const SchemaEvent& event : std::exchange(chunk->schemas, {})) {
    if (IsSignalTable(event.table.schema, event.table.name)) continue;
    if (event.lacks != Lack::kNothing) {
      NILUS_TRY(MeetLack(event));
      continue;
    }
    if (job_->merges && targets_->ChangesKey(event.table)) NILUS_TRY(EndOldKey(event, chunk));
    NILUS_TRY(Meet(event));
  }
  return {};
}

// A load merges a table by one key: what came under the old one is committed before a row under the new one is staged.
Status Capture::EndOldKey(const SchemaEvent& event, ChangeChunk* chunk) {
  LogPosition before = complete_;  // behind the last transaction before the event's
  if (last_at_ < event.at) before = std::max(before, last_at_);
  for (const ChangeBatch& batch : chunk->batches) {
    for (const LogPosition& at : batch.positions) {
      if (at < event.at) before = std::max(before, at);
    }
  }
  const ChangeChunk earlier = TakeUntil(before, chunk);
  for (const ChangeBatch& batch : earlier.batches) NILUS_TRY(ApplyBatch(batch));

  const CapturedTable old = *targets_->Find(event.table.schema, event.table.name);
  bool is_mixed = std::any_of(chunk->batches.begin(), chunk->batches.end(), [&](const ChangeBatch& batch) {
    return batch.schema == old.schema && batch.table == old.name && batch.key == old.key &&
           batch.positions.front() == event.at;
  });
  const bool is_its_transaction = is_inside_ && last_at_ >= event.at;
  if (is_its_transaction) {
    NILUS_ASSIGN(TableTarget * target, targets_->TargetOf(old));
    is_mixed = is_mixed || (load_ && load_->Holds(target->name()));
  } else {
    is_inside_ = false;
    complete_ = std::max(complete_, before);
    if (HasStaged()) NILUS_TRY(Commit());
  }
  PendingTable* pending = position_.FindPending(old.schema, old.name);
  const bool is_half_read = pending != nullptr && !pending->up_to.empty();
  if (is_mixed) {
    if (!ReadAgain(event.table, "its key changes in a transaction that changes rows before, too")) {
      return FailWithFix(ErrorKind::kUnsupported,
                         fmt::format("ask for the table: `nilus cdc snapshot FILE --table {} --anew`, then start the "
                                     "service again",
                                     NameOf(old)),
                         "the key of table {} changes inside a transaction, and snapshot.mode {} reads no rows",
                         NameOf(old), job_->properties.snapshot.mode);
    }
  } else if (is_half_read) {
    ReadAgain(event.table, "its key changes while it is being read");
  }
  return {};
}

Status Capture::Meet(const SchemaEvent& event) {
  const CapturedTable& table = event.table;
  const std::string name = NameOf(table);
  const bool is_new = position_.Take(name);
  const bool is_other = position_.TakesPlace(name, table);
  NILUS_TRY(targets_->Learn(table));
  monitor_->SchemaSeen(source_->Format(event.at), table);
  const auto moved = moved_.extract(name);
  if (is_new || is_other) vanished_.erase(name);
  if (is_new) {
    MeetNewTable(table);
  } else if (is_other) {
    ReadAgain(table, "it is another table than before under the same name");
  } else if (!moved.empty()) {
    ReadAgain(table, moved.mapped());
  }
  return {};
}

// The stream leaves changes of the table out.
Status Capture::MeetLack(const SchemaEvent& event) {
  const CapturedTable& table = event.table;
  const std::string name = NameOf(table);
  if (event.lacks == Lack::kForGood) {
    monitor_->Warn(fmt::format("table {}: {}. They are left out", name, event.why));
    return {};
  }
  const bool is_elsewhere = event.lacks == Lack::kMoved || event.lacks == Lack::kWasAway;
  if (is_elsewhere && (!position_.tables.contains(name) || position_.IsAway(name)))
    return {};  // read should it be back
  const bool is_new = position_.Take(name);
  if (targets_->Find(table.schema, table.name) == nullptr) NILUS_TRY(targets_->Learn(table));
  if (is_new) MeetNewTable(table);
  PendingTable* pending = position_.FindPending(table.schema, table.name);
  // Asked for already: what is there cannot be gone on with until then.
  if (pending != nullptr && pending->how == SnapshotHow::kAnew) pending->how = SnapshotHow::kLost;
  const bool is_unread = pending != nullptr && pending->how == SnapshotHow::kInitial && pending->up_to.empty();
  if (is_unread || (pending != nullptr && pending->how == SnapshotHow::kLost)) return {};
  if (event.lacks == Lack::kMoved) {
    moved_.emplace(name, event.why);
    return {};
  }
  if (ReadAgain(table, event.why) || is_elsewhere) return {};
  return FailWithFix(ErrorKind::kUnsupported,
                     fmt::format("ask for the table: `nilus cdc snapshot FILE --table {} --anew`, then start the "
                                 "service again",
                                 name),
                     "table {}: {}, and snapshot.mode {} reads no rows", name, event.why,
                     job_->properties.snapshot.mode);
}

// Those that have not come back in the chunk: what comes under their names later is of tables that lack changes.
void Capture::ForgetMoved() {
  for (const auto& [name, why] : std::exchange(moved_, {})) {
    monitor_->Warn(fmt::format("table {}: {}, and are not loaded as its own. Should it get its name back, {}", name,
                               why,
                               job_->properties.snapshot.reads_rows
                                   ? std::string("it is read anew")
                                   : fmt::format("`nilus cdc snapshot FILE --table {} --anew` brings them", name)));
    position_.MovesAway(name);
  }
}

// Also one that only its name is new of, whose rows from before the log does not have.
void Capture::MeetNewTable(const CapturedTable& table) {
  if (std::string notice = NameNotice(*job_, table); !notice.empty()) monitor_->Warn(std::move(notice));
  if (!job_->properties.ReadsRowsOf(NameOf(table))) return;
  if (position_.FindPending(table.schema, table.name) != nullptr) return;
  position_.pending.push_back(
      PendingTable{.schema = table.schema, .table = table.name, .how = SnapshotHow::kInitial, .up_to = {}});
  LogInfo("{}: table {} is captured from now on, and read as a whole first", job_->name, NameOf(table));
}

bool Capture::ReadAgain(const CapturedTable& table, std::string_view why, std::string_view before) {
  const bool reads = job_->properties.ReadsRowsOf(NameOf(table));
  monitor_->Warn(fmt::format("table {}: {}. {}", NameOf(table), why,
                             reads
                                 ? std::string("It is read anew")
                                 : fmt::format("Rows from before {} at the destination, until `nilus cdc snapshot FILE "
                                               "--table {} --anew` brings them anew",
                                               before, NameOf(table))));
  if (!reads) return false;
  PendingTable* pending = position_.FindPending(table.schema, table.name);
  if (pending != nullptr && pending->how == SnapshotHow::kInitial && pending->up_to.empty()) return true;
  const PendingTable lost{.schema = table.schema, .table = table.name, .how = SnapshotHow::kLost, .up_to = {}};
  if (pending != nullptr) {
    *pending = lost;
  } else {
    position_.pending.push_back(lost);
  }
  return true;
}

bool Capture::MeetDropped(const CapturedTable& table) {
  for (const CapturedTable& other : targets_->LandingWith(table)) {
    if (!position_.HasRows(NameOf(other))) continue;
    const bool is_read = ReadAgain(other, "its table was dropped at the destination", "are missing");
    if (!is_read) position_.unloaded.insert(NameOf(other));  // what comes from now on makes the table again
  }
  const PendingTable* pending = position_.FindPending(table.schema, table.name);
  return pending != nullptr && pending->how == SnapshotHow::kLost;
}

bool Capture::HasOtherBound(const PendingTable& pending, const CapturedTable& table) {
  return !pending.up_to.empty() && !pending.key.empty() && pending.key != KeyShape(table);
}

void Capture::TellUnfilled(TableTarget* target) {
  for (const std::string& column : target->TakeUnfilled()) {
    if (targets_->IsShared(target->name())) continue;  // it may be a column of another table there
    monitor_->Warn(fmt::format(
        "table {0}: column `{1}` has come up, by a rename or with a DEFAULT, which the log does not tell the values "
        "of: "
        "rows from before have none at the destination until they change. `nilus cdc snapshot FILE --table {0} --anew` "
        "brings them",
        NameOf(target->table()), column));
  }
}

}  // namespace nilus
