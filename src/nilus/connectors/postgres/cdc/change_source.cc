#include "nilus/connectors/postgres/cdc/change_source.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/connectors/postgres/cdc/capture_check.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/cdc/capture_status.h"
#include "nilus/connectors/postgres/cdc/capture_tables.h"
#include "nilus/connectors/postgres/cdc/list_check.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/cdc/log_reader.h"
#include "nilus/connectors/postgres/cdc/pending_view.h"
#include "nilus/connectors/postgres/cdc/publication.h"
#include "nilus/connectors/postgres/cdc/slot.h"
#include "nilus/connectors/postgres/cdc/snapshot_view.h"
#include "nilus/connectors/postgres/cdc/wal2json.h"
#include "nilus/connectors/postgres/options.h"

namespace nilus::postgres {
namespace {

constexpr std::chrono::milliseconds kUsualWait{300};  // for a view, where nobody holds it up

// The log of this slot brings values that have no binary form here. For the process's life: each attempt opens a source
// of its own, and would ask for binary values again, and fail at the same place.
std::shared_ptr<std::atomic<bool>> WantsText(const std::string& slot) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<std::atomic<bool>>> flags;
  std::lock_guard lock(mutex);
  std::shared_ptr<std::atomic<bool>>& flag = flags[slot];
  if (flag == nullptr) flag = std::make_shared<std::atomic<bool>>(false);
  return flag;
}

class PostgresChangeSource : public ChangeSource {
 public:
  PostgresChangeSource(Address address, OpenContext context)
      : address_(std::move(address)), context_(std::move(context)) {}

  Result<CaptureStart> Start(const CaptureRequest& request, const std::optional<CommittedLog>& committed) override;
  Result<std::unique_ptr<SnapshotView>> View() override;
  Result<std::unique_ptr<ChangeReader>> Stream(const LogPosition& from) override;
  Status Acknowledge(const LogPosition& durable) override;
  Status Undo() override;
  Result<CaptureStatus> AskStatus(const CaptureRequest& request, const std::optional<CommittedLog>& committed) override;
  Result<std::vector<CapturedTable>> Tables(const CaptureRequest& request) override;
  Result<std::vector<CheckItem>> Check(const CaptureRequest& request) override;
  Status Drop(const CaptureRequest& request) override;
  std::string Format(const LogPosition& position) const override { return FormatLsn(position.major); }

 private:
  Status Connect() { return Connect(context_.stop); }
  Status Connect(const std::stop_token& stop);
  Result<std::vector<FoundTable>> FindTables(bool via_partition_root, std::vector<std::string>* notices);
  Status Prepare(const std::optional<CommittedLog>& committed, CaptureStart* start);
  Failure PartitionsAreNotNamed(const TableRef& root) const;
  Status CheckNumbers();
  Status Describe(const std::vector<FoundTable>& tables, CaptureStart* start);
  void FindVanished(const CommittedLog& committed, CaptureStart* start) const;
  void TellGenerated(const FoundTable& table, const TableLayout& layout, std::vector<std::string>* notices) const;
  Status TakeSlot(std::unique_ptr<Connection> replication, const LogIdentity& identity, uint64_t head,
                  const std::optional<CommittedLog>& committed, CaptureStart* start);
  Status CheckSlotFits(const SlotState& slot) const;
  Failure Lost(const std::string& lost) const;

  const Address address_;
  const OpenContext context_;
  std::unique_ptr<Connection> connection_;
  std::shared_ptr<const CaptureSettings> settings_;
  Publication publication_;
  bool made_publication_ = false;  // by the last Start
  bool made_slot_ = false;
  KnownTables known_;
  bool is_binary_ = true;
  bool has_exact_numbers_ = true;
  bool is_two_phase_ = false;
  std::string nullable_number_;  // a column where both NULL and NaN may stand
  std::shared_ptr<std::atomic<bool>> wants_text_;
  std::optional<NewSlot> new_slot_;            // until its snapshot is taken, or streaming begins
  std::unique_ptr<PendingView> pending_view_;  // that was asked for, and is not there yet
  std::shared_ptr<Confirmation> confirmation_;
};

Status PostgresChangeSource::Connect(const std::stop_token& stop) {
  if (connection_ != nullptr && connection_->is_usable()) return {};
  NILUS_FAULT_POINT("postgres.changes.connect");
  NILUS_ASSIGN(connection_, Connection::Open(address_, stop));
  connection_->HideRowValues();
  return {};
}

Result<CaptureStart> PostgresChangeSource::Start(const CaptureRequest& request,
                                                 const std::optional<CommittedLog>& committed) {
  NILUS_ASSIGN(CaptureSettings settings, CaptureSettings::Read(request));
  settings_ = std::make_shared<const CaptureSettings>(std::move(settings));
  wants_text_ = WantsText(address_.ToDisplay() + '\n' + settings_->slot);
  new_slot_.reset();
  pending_view_.reset();
  made_publication_ = made_slot_ = false;
  known_.clear();
  NILUS_TRY(Connect());
  NILUS_TRY(CheckWalLevel(*connection_, context_.stop));
  NILUS_TRY(CheckEncoding(*connection_, *settings_));
  NILUS_TRY(CheckDatabase(*connection_, *settings_));
  NILUS_ASSIGN(std::unique_ptr<Connection> replication, OpenForReplication(address_, *connection_, context_.stop));
  uint64_t head = 0;
  NILUS_ASSIGN(LogIdentity identity, IdentifyLog(*replication, settings_->slot, &head, context_.stop));
  CaptureStart start;
  start.identity = identity.ToString();
  start.database = PQdb(connection_->raw());
  NILUS_TRY(Prepare(committed, &start));
  if (committed) FindVanished(*committed, &start);
  NILUS_TRY(TakeSlot(std::move(replication), identity, head, committed, &start));
  NILUS_TRY(CheckNumbers());
  return start;
}

// Tables and publication.
Status PostgresChangeSource::Prepare(const std::optional<CommittedLog>& committed, CaptureStart* start) {
  if (!settings_->plugin->has_publication) {
    publication_ = {};
    NILUS_ASSIGN(std::vector<FoundTable> tables, FindTables(false, &start->notices));
    return Describe(tables, start);
  }
  NILUS_ASSIGN(publication_, ReadPublication(*connection_, settings_->publication, context_.stop));
  const bool is_missing = !publication_.exists;
  // Said before it is made again: the next start could not tell.
  if (is_missing && committed && !settings_->replaces_lost) return Lost(PublicationIsGone(*settings_));
  const bool via_root = publication_.exists ? publication_.via_partition_root : connection_->server_version() >= 130000;
  NILUS_ASSIGN(std::vector<FoundTable> tables, FindTables(via_root, &start->notices));
  NILUS_FAULT_POINT("postgres.changes.found_tables");
  NILUS_TRY(CheckFilters(*settings_, publication_, tables));  // first: what mends it leaves a gap
  if (committed) {
    NILUS_ASSIGN(start->gaps, FindGaps(*settings_, publication_, tables, *committed));
  }
  NILUS_ASSIGN(publication_, PreparePublication(*connection_, *settings_, tables, std::move(publication_),
                                                &start->notices, context_.stop));
  made_publication_ = is_missing;
  return Describe(tables, start);
}

Result<std::vector<FoundTable>> PostgresChangeSource::FindTables(bool via_partition_root,
                                                                 std::vector<std::string>* notices) {
  NILUS_ASSIGN(std::vector<FoundTable> tables,
               FindCapturedTables(*connection_, *settings_, via_partition_root, context_.stop));
  if (!via_partition_root) {
    NILUS_ASSIGN(std::vector<FoundTable> with_roots, FindCapturedTables(*connection_, *settings_, true, context_.stop));
    for (const FoundTable& table : with_roots) {
      if (table.kind != 'p') continue;
      NILUS_ASSIGN(std::vector<Partition> leaves, ReadPartitions(*connection_, table.oid, context_.stop));
      for (const Partition& leaf : leaves) {
        if (settings_->Captures(leaf.relation.ref.schema, leaf.relation.ref.name)) continue;
        return PartitionsAreNotNamed(table.ref);
      }
    }
  }
  std::vector<FoundTable> captured;
  for (FoundTable& table : tables) {
    if (!table.is_logged) {
      notices->push_back("table " + table.ref.ToString() +
                         " is UNLOGGED: the log knows nothing of it, and it is not captured");
      continue;
    }
    NILUS_TRY(CheckReadable(table, PQuser(connection_->raw())));
    if (table.is_row_secured) {
      notices->push_back(
          fmt::format("row-level security hides rows of table {} from this role, and the log brings their changes: a "
                      "snapshot of it is refused (ALTER ROLE {} BYPASSRLS;)",
                      table.ref.ToString(), QuoteIdentifier(PQuser(connection_->raw()))));
    }
    NILUS_TRY(CheckIdentity(*settings_, table));
    captured.push_back(std::move(table));
  }
  if (captured.empty()) return NothingIsCaptured(*connection_, *settings_, context_.stop);
  NILUS_ASSIGN(std::vector<std::string> unmatched, TellUnmatched(*connection_, *settings_, context_.stop));
  std::move(unmatched.begin(), unmatched.end(), std::back_inserter(*notices));
  return captured;
}

// Changes come under the partitions' names, and the properties capture the root only.
Failure PostgresChangeSource::PartitionsAreNotNamed(const TableRef& root) const {
  const std::string name_them = "name the partitions in table.include.list";
  if (!settings_->plugin->has_publication) {
    return FailWithFix(ErrorKind::kUnsupported, name_them + ", or use plugin.name: pgoutput with a slot of its own",
                       "table {} is partitioned, and {} sends changes under the partitions' names", root.ToString(),
                       settings_->plugin->name);
  }
  return FailWithFix(
      ErrorKind::kUnsupported,
      connection_->server_version() >= 130000
          ? "ALTER PUBLICATION " + QuoteIdentifier(settings_->publication) + " SET (publish_via_partition_root = true);"
          : name_them + " (before PostgreSQL 13 changes come under their names)",
      "table {} is partitioned, and publication {} sends changes under the partitions' names", root.ToString(),
      settings_->publication);
}

// Does the plugin tell NaN and the infinities from NULL? If it does not, columns where both may stand cannot be read
// through it.
Status PostgresChangeSource::CheckNumbers() {
  NILUS_ASSIGN(has_exact_numbers_, TellsNumbersApart(*connection_, *settings_, context_.stop));
  if (has_exact_numbers_ || nullable_number_.empty()) return {};
  if (new_slot_) {  // of no use now, and it would keep the log
    new_slot_.reset();
    NILUS_TRY(DropSlot(*connection_, settings_->slot, context_.stop));
  }
  return FailWithFix(
      ErrorKind::kUnsupported,
      fmt::format("install {0} 2.6 at the server, or use plugin.name: pgoutput with a slot of its own, or "
                  "leave the column out (column.exclude.list)",
                  settings_->plugin->name),
      "{} can be NULL, and the server's {} writes NULL, NaN and the infinities alike", nullable_number_,
      settings_->plugin->name);
}

void PostgresChangeSource::TellGenerated(const FoundTable& table, const TableLayout& layout,
                                         std::vector<std::string>* notices) const {
  if (!layout.offered.empty()) {
    notices->push_back(fmt::format(
        "table {}: generated columns are left out, as the publication does not send them: {}. To capture them: ALTER "
        "PUBLICATION {} SET (publish_generated_columns = stored);",
        table.ref.ToString(), fmt::join(layout.offered, ", "), QuoteIdentifier(settings_->publication)));
  }
  if (!layout.generated.empty()) {
    notices->push_back(fmt::format("table {}: generated columns are not in the log, and are left out: {}{}",
                                   table.ref.ToString(), fmt::join(layout.generated, ", "),
                                   !settings_->plugin->has_publication || connection_->server_version() >= 180000
                                       ? ""
                                       : " (PostgreSQL 18 can send those that are stored)"));
  }
}

Status PostgresChangeSource::Describe(const std::vector<FoundTable>& tables, CaptureStart* start) {
  is_binary_ = true;
  nullable_number_.clear();
  const std::string& signals = settings_->signal_table;
  const bool has_signals = std::any_of(tables.begin(), tables.end(), [&](const FoundTable& table) {
    return settings_->IsSignalTable(table.ref.schema, table.ref.name);
  });
  if (!signals.empty() && !has_signals) {
    start->notices.push_back("signal.data.collection: there is no table " + signals +
                             " (schema.table, as the database spells it): nobody can signal until it is made and the "
                             "service started again");
  }
  for (const FoundTable& table : tables) {
    auto listed = publication_.tables.find(table.Quoted());
    NILUS_ASSIGN(TableLayout layout,
                 DescribeCaptured(*connection_, table, *settings_,
                                  listed == publication_.tables.end() ? std::nullopt : listed->second, context_.stop));
    if (layout.catalog.empty()) {
      NILUS_ASSIGN(const bool is_there, IsThere(*connection_, table.oid, context_.stop));
      if (!is_there) continue;  // dropped since it was found
      return FailWithFix(ErrorKind::kInvalidInput, "leave a column in column.include.list / column.exclude.list",
                         "table {} has no column that is captured", table.ref.ToString());
    }
    is_binary_ = is_binary_ && layout.is_binary_safe;
    TellGenerated(table, layout, &start->notices);
    layout.table.sender = publication_.SenderOf(table.Quoted());
    for (const CatalogColumn& column : layout.catalog) {
      if (column.not_null || !IsLossyNumber(column.type.oid) || !nullable_number_.empty()) continue;
      nullable_number_ = "table " + table.ref.ToString() + ", column " + column.name;
    }
    known_[table.Quoted()] = layout.table;
    if (!settings_->IsSignalTable(table.ref.schema, table.ref.name)) start->tables.push_back(std::move(layout.table));
  }
  return {};
}

void PostgresChangeSource::FindVanished(const CommittedLog& committed, CaptureStart* start) const {
  for (const auto& [loaded, ids] : committed.tables) {
    const std::string& name = loaded;
    const auto has_name = [&](const CapturedTable& table) { return table.schema + "." + table.name == name; };
    if (std::any_of(start->tables.begin(), start->tables.end(), has_name)) continue;
    const size_t dot = name.find('.');
    if (dot == std::string::npos || !settings_->Captures(name.substr(0, dot), name.substr(dot + 1))) continue;
    start->vanished.insert(name);
  }
}

Status PostgresChangeSource::CheckSlotFits(const SlotState& slot) const {
  const std::string fix =
      "give the pipeline a slot.name of its own, or, if nobody needs that slot: SELECT "
      "pg_drop_replication_slot(" +
      QuoteLiteral(settings_->slot) + ");";
  if (!slot.is_logical) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "replication slot {} is a physical one", settings_->slot);
  }
  if (slot.plugin != settings_->plugin->name) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "replication slot {} was made for plugin {}, not for {}",
                       settings_->slot, slot.plugin, settings_->plugin->name);
  }
  if (slot.is_two_phase && !settings_->plugin->has_parameters) {
    return FailWithFix(ErrorKind::kInvalidInput, fix,
                       "replication slot {} is a two-phase one, which {} is not read with", settings_->slot,
                       slot.plugin);
  }
  if (slot.database != PQdb(connection_->raw())) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "replication slot {} is of database {}", settings_->slot,
                       slot.database);
  }
  return {};
}

Failure PostgresChangeSource::Lost(const std::string& lost) const {
  return FailWithFix(ErrorKind::kData,
                     "set snapshot.mode: when_needed to read the tables anew, which brings the destination to their "
                     "present state",
                     "the stream cannot be continued: {}", lost);
}

Status PostgresChangeSource::TakeSlot(std::unique_ptr<Connection> replication, const LogIdentity& identity,
                                      uint64_t head, const std::optional<CommittedLog>& committed,
                                      CaptureStart* start) {
  const std::stop_token& stop = context_.stop;
  NILUS_ASSIGN(std::optional<SlotState> slot, ReadSlot(*connection_, settings_->slot, stop));
  if (slot) {
    NILUS_TRY(CheckSlotFits(*slot));
    NILUS_TRY(WaitUntilFree(*connection_, settings_->slot, &slot, stop));
  }
  bool replaces = false;
  if (committed) {
    NILUS_ASSIGN(start->lost, WhatIsLost(*replication, identity, head, slot, *committed, stop));
    if (start->lost.empty() && made_publication_) start->lost = PublicationIsGone(*settings_);
    if (!start->lost.empty() && !settings_->replaces_lost) return Lost(start->lost);
    replaces = !start->lost.empty();
  } else if (slot) {
    // Nothing was loaded through it yet. One that was invalidated is of no use; and one that stands before the place
    // where the publication was made cannot be read past it.
    replaces = slot->wal_status == "lost" || !slot->invalidation.empty() || made_publication_;
  }
  if (slot && replaces) {
    NILUS_TRY(DropSlot(*connection_, settings_->slot, stop));
    start->notices.push_back("replication slot " + settings_->slot + " is made anew");
    slot.reset();
  }
  if (slot && !committed && slot->confirmed != 0) {
    start->notices.push_back(
        fmt::format("replication slot {} was there already, and is taken over: nothing is committed of this pipeline. "
                    "If another one "
                    "reads it, give this one a slot.name of its own",
                    settings_->slot));
  }
  is_two_phase_ = settings_->is_two_phase || (slot && slot->is_two_phase);
  if (slot) {
    start->from = committed ? committed->at : LogPosition{slot->confirmed, 0};
    start->vanished_before = {slot->head, 0};
    confirmation_ = std::make_shared<Confirmation>(slot->confirmed);
    return {};
  }
  constexpr int kLongSeconds = 5;
  if (const std::string oldest = OldestWriter(*connection_, kLongSeconds, stop); !oldest.empty()) {
    LogWarning(
        "replication slot {} is there once the transactions have ended that write anywhere in the server now; "
        "the oldest: {}",
        settings_->slot, oldest);
  }
  NILUS_FAULT_POINT("postgres.changes.make_slot");
  NILUS_ASSIGN(new_slot_, MakeSlot(std::move(replication), *settings_, settings_->slot, false, stop));
  made_slot_ = true;
  start->from = {new_slot_->at, 0};
  confirmation_ = std::make_shared<Confirmation>(new_slot_->at);
  return {};
}

Result<std::unique_ptr<SnapshotView>> PostgresChangeSource::View() {
  if (settings_ == nullptr) return Fail(ErrorKind::kInternal, "a view was asked for before Start");
  NILUS_TRY(Connect());
  std::optional<NewSlot> slot = std::exchange(new_slot_, std::nullopt);
  if (slot && slot->session->is_usable()) return MakeView(address_, *std::move(slot), settings_, {}, context_.stop);
  std::chrono::milliseconds patience{0};
  if (pending_view_ == nullptr) {
    NILUS_ASSIGN(std::unique_ptr<Connection> replication, OpenForReplication(address_, *connection_, context_.stop));
    pending_view_ = std::make_unique<PendingView>(address_, std::move(replication), settings_, context_.stop);
    patience = kUsualWait;
  }
  if (!pending_view_->WaitFor(patience)) {
    NILUS_ASSIGN(const bool has_place, pending_view_->HasPlace(*connection_, context_.stop));
    if (!has_place) {
      pending_view_->TellOfWait(*connection_, context_.stop);
      return std::unique_ptr<SnapshotView>();
    }
  }
  const std::unique_ptr<PendingView> pending = std::move(pending_view_);
  return pending->Take();
}

Result<std::unique_ptr<ChangeReader>> PostgresChangeSource::Stream(const LogPosition& from) {
  if (settings_ == nullptr) return Fail(ErrorKind::kInternal, "a stream was asked for before Start");
  new_slot_.reset();  // its session keeps a transaction open
  StreamRequest request;
  request.address = address_;
  request.settings = settings_;
  request.known = known_;
  for (const auto& [name, table] : known_) request.watched.push_back({{table.schema, table.name}, table.id});
  request.from = from;
  request.is_binary = is_binary_ && !wants_text_->load();
  request.has_exact_numbers = has_exact_numbers_;
  request.is_two_phase = is_two_phase_;
  request.confirmation = confirmation_;
  request.wants_text = wants_text_;
  request.stop = context_.stop;
  return StartStream(std::move(request));
}

Status PostgresChangeSource::Acknowledge(const LogPosition& durable) {
  if (confirmation_ == nullptr) return Fail(ErrorKind::kInternal, "a position was confirmed before Start");
  confirmation_->Confirm(durable.major);
  return {};
}

Result<CaptureStatus> PostgresChangeSource::AskStatus(const CaptureRequest& request,
                                                      const std::optional<CommittedLog>& committed) {
  NILUS_ASSIGN(CaptureSettings settings, CaptureSettings::Read(request));
  NILUS_TRY(Connect());
  return AskCaptureStatus(address_, *connection_, settings, committed, context_.stop);
}

Result<std::vector<CapturedTable>> PostgresChangeSource::Tables(const CaptureRequest& request) {
  NILUS_ASSIGN(CaptureSettings settings, CaptureSettings::Read(request));
  settings_ = std::make_shared<const CaptureSettings>(std::move(settings));
  NILUS_TRY(Connect());
  publication_ = {};
  bool via_root = false;
  if (settings_->plugin->has_publication) {
    NILUS_ASSIGN(publication_, ReadPublication(*connection_, settings_->publication, context_.stop));
    via_root = publication_.exists ? publication_.via_partition_root : connection_->server_version() >= 130000;
  }
  CaptureStart start;
  NILUS_ASSIGN(const std::vector<FoundTable> tables, FindTables(via_root, &start.notices));
  if (settings_->plugin->has_publication) {
    NILUS_TRY(ForeseePublication(*connection_, *settings_, tables, publication_, context_.stop));
  }
  NILUS_TRY(Describe(tables, &start));
  return std::move(start.tables);
}

Status PostgresChangeSource::Undo() {
  new_slot_.reset();
  if (made_slot_) {
    NILUS_TRY(Connect());
    NILUS_ASSIGN(std::optional<SlotState> slot, ReadSlot(*connection_, settings_->slot, context_.stop));
    NILUS_TRY(WaitUntilFree(*connection_, settings_->slot, &slot, context_.stop));
    NILUS_TRY(DropSlot(*connection_, settings_->slot, context_.stop));
    made_slot_ = false;
  }
  if (!made_publication_) return {};
  NILUS_TRY(Connect());
  NILUS_TRY(
      connection_->Execute("DROP PUBLICATION IF EXISTS " + QuoteIdentifier(settings_->publication), context_.stop));
  made_publication_ = false;
  return {};
}

Result<std::vector<CheckItem>> PostgresChangeSource::Check(const CaptureRequest& request) {
  NILUS_ASSIGN(CaptureSettings settings, CaptureSettings::Read(request));
  if (Status connected = Connect(); !connected) {
    if (connected.error().kind == ErrorKind::kCancelled) return Failure(connected.error());
    return std::vector<CheckItem>{{"connect", false, connected.error().ToString()}};
  }
  return CheckCapture(address_, *connection_, settings, context_.stop);
}

Status PostgresChangeSource::Drop(const CaptureRequest& request) {
  NILUS_ASSIGN(CaptureSettings settings, CaptureSettings::Read(request));
  new_slot_.reset();
  pending_view_.reset();
  // At the end of a service the stop that it was asked for is why the slot goes.
  const std::stop_token stop = context_.stop.stop_requested() ? std::stop_token() : context_.stop;
  NILUS_TRY(Connect(stop));
  NILUS_ASSIGN(std::optional<SlotState> slot, ReadSlot(*connection_, settings.slot, stop));
  NILUS_TRY(WaitUntilFree(*connection_, settings.slot, &slot, stop));
  NILUS_TRY(DropSlot(*connection_, settings.slot, stop));
  // A publication of another name is somebody's own.
  if (!settings.plugin->has_publication || !settings.owns_publication ||
      settings.autocreate == CaptureSettings::Autocreate::kDisabled)
    return {};
  return connection_->Execute("DROP PUBLICATION IF EXISTS " + QuoteIdentifier(settings.publication), stop)
      .map([](const PgResult&) {});
}

}  // namespace

Result<std::unique_ptr<ChangeSource>> OpenPostgresChanges(const Address& address, const OpenContext& context) {
  NILUS_TRY(PlanConnection(address));  // a wrong parameter is told before anything is connected
  return std::make_unique<PostgresChangeSource>(address, context);
}

}  // namespace nilus::postgres
