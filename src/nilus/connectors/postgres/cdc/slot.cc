#include "nilus/connectors/postgres/cdc/slot.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "nilus/base/log.h"
#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"

namespace nilus::postgres {
namespace {

constexpr const char* kHead =
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE "
    "pg_catalog.pg_current_wal_flush_lsn() END";
constexpr std::chrono::seconds kLongestWait{15};  // a killed process's session may linger for a moment
constexpr std::chrono::seconds kQuietWait{1};
constexpr std::chrono::milliseconds kBetweenLooks{200};

uint64_t LsnField(const PgResult& result, int row, int column) {
  uint64_t lsn = 0;
  static_cast<void>(ParseLsn(FieldText(result, row, column), &lsn));
  return lsn;
}

// False: a stop came first.
bool Pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

// Where the timeline left `timeline`, by the history file ("1\t0/16B3748\treason" a line); nothing: it never was on it.
std::optional<uint64_t> SwitchedAt(std::string_view history, uint32_t timeline) {
  while (!history.empty()) {
    const size_t end = history.find('\n');
    std::string_view line = history.substr(0, end);
    history = end == std::string_view::npos ? std::string_view() : history.substr(end + 1);
    uint32_t number = 0;
    auto [at, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc() || number != timeline) continue;
    line.remove_prefix(static_cast<size_t>(at - line.data()));
    const size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) continue;
    line.remove_prefix(start);
    uint64_t lsn = 0;
    if (ParseLsn(line.substr(0, line.find_first_of(" \t")), &lsn)) return lsn;
  }
  return std::nullopt;
}

Result<std::string> LostByTimeline(Connection& replication, const LogIdentity& now, uint32_t before, uint64_t committed,
                                   const std::stop_token& stop) {
  if (now.timeline < before) {
    return fmt::format(
        "the server is on timeline {}, and the committed position {} is of timeline {}: it was restored "
        "to a time before it",
        now.timeline, FormatLsn(committed), before);
  }
  NILUS_ASSIGN(PgResult result, replication.Execute("TIMELINE_HISTORY " + std::to_string(now.timeline), stop));
  const std::string_view history =
      PQntuples(result.get()) > 0 && PQnfields(result.get()) > 1 ? FieldText(result, 0, 1) : std::string_view();
  const std::optional<uint64_t> switched = SwitchedAt(history, before);
  if (!switched) {
    return fmt::format("the server's timeline {} does not come from timeline {}, which the committed position {} is of",
                       now.timeline, before, FormatLsn(committed));
  }
  if (committed <= *switched) return std::string();
  return fmt::format(
      "the server left timeline {} at {} (failover or restore), before the committed position {}: what "
      "was loaded from the {} bytes between them does not exist there",
      before, FormatLsn(*switched), FormatLsn(committed), committed - *switched);
}

// Who holds the slot: the session's application name and where it comes from, as far as this role may see them.
std::string HolderOf(Connection& connection, const std::string& pid, const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {pid};
  auto found = connection.Query(
      "SELECT coalesce(application_name, ''), coalesce(pg_catalog.host(client_addr), 'a local socket') FROM "
      "pg_catalog.pg_stat_activity WHERE pid = $1::pg_catalog.int4",
      parameters, stop);
  if (!found || PQntuples(found->get()) == 0 || FieldText(*found, 0, 0).empty()) return "server process " + pid;
  return fmt::format("`{}` from {}, server process {}", FieldText(*found, 0, 0), FieldText(*found, 0, 1), pid);
}

}  // namespace

Result<std::optional<SlotState>> ReadSlot(Connection& connection, const std::string& name,
                                          const std::stop_token& stop) {
  const int version = connection.server_version();
  std::string sql =
      "SELECT coalesce(plugin, ''), coalesce(database, ''), slot_type = 'logical', active, coalesce(active_pid, 0), "
      "confirmed_flush_lsn, restart_lsn, ";
  sql += version >= 130000 ? "coalesce(wal_status, ''), safe_wal_size, " : "'', NULL, ";
  sql += version >= 170000 ? "coalesce(invalidation_reason, ''), " : "'', ";
  sql += version >= 140000 ? "two_phase, " : "false, ";
  sql += kHead;
  sql += " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1";
  std::array<Connection::Parameter, 1> parameters = {name};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  if (PQntuples(result.get()) == 0) return std::nullopt;
  SlotState slot;
  slot.plugin = FieldText(result, 0, 0);
  slot.database = FieldText(result, 0, 1);
  slot.is_logical = FieldText(result, 0, 2) == "t";
  slot.is_active = FieldText(result, 0, 3) == "t";
  slot.active_pid = FieldText(result, 0, 4);
  slot.confirmed = LsnField(result, 0, 5);
  slot.restart = LsnField(result, 0, 6);
  slot.wal_status = FieldText(result, 0, 7);
  if (!FieldIsNull(result, 0, 8)) slot.safe_bytes = ParseInteger(FieldText(result, 0, 8));
  slot.invalidation = FieldText(result, 0, 9);
  slot.is_two_phase = FieldText(result, 0, 10) == "t";
  slot.head = LsnField(result, 0, 11);
  return slot;
}

std::string LogIdentity::ToString() const {
  return fmt::format("{}/{}/{}/{}", system, timeline, slot, database);  // a database's name may hold anything
}

std::optional<LogIdentity> LogIdentity::Parse(const std::string& text) {
  LogIdentity identity;
  const size_t first = text.find('/');
  const size_t second = first == std::string::npos ? first : text.find('/', first + 1);
  const size_t third = second == std::string::npos ? second : text.find('/', second + 1);
  if (third == std::string::npos) return std::nullopt;
  identity.system = text.substr(0, first);
  identity.timeline =
      static_cast<uint32_t>(ParseInteger(std::string_view(text).substr(first + 1, second - first - 1)).value_or(0));
  identity.slot = text.substr(second + 1, third - second - 1);
  identity.database = text.substr(third + 1);
  return identity;
}

Result<LogIdentity> IdentifyLog(Connection& replication, const std::string& slot, uint64_t* head,
                                const std::stop_token& stop) {
  NILUS_ASSIGN(PgResult result, replication.Execute("IDENTIFY_SYSTEM", stop));
  if (PQntuples(result.get()) != 1 || PQnfields(result.get()) < 4) {
    return Fail(ErrorKind::kInternal, "the server answers IDENTIFY_SYSTEM with {} columns", PQnfields(result.get()));
  }
  LogIdentity identity;
  identity.system = FieldText(result, 0, 0);
  identity.timeline = static_cast<uint32_t>(ParseInteger(FieldText(result, 0, 1)).value_or(0));
  *head = LsnField(result, 0, 2);
  identity.database = FieldText(result, 0, 3);
  identity.slot = slot;
  return identity;
}

Result<std::string> WhatIsLost(Connection& replication, const LogIdentity& now, uint64_t head,
                               const std::optional<SlotState>& slot, const CommittedLog& committed,
                               const std::stop_token& stop) {
  const uint64_t at = committed.at.major;
  const std::optional<LogIdentity> before = LogIdentity::Parse(committed.identity);
  if (before && before->system != now.system) {
    return fmt::format("the committed position {} is of another database cluster (system identifier {}, here {})",
                       FormatLsn(at), before->system, now.system);
  }
  if (before && before->database != now.database) {
    return fmt::format("the committed position {} is of database {}, and this is {}", FormatLsn(at), before->database,
                       now.database);
  }
  if (before && before->timeline != now.timeline) {
    NILUS_ASSIGN(std::string lost, LostByTimeline(replication, now, before->timeline, at, stop));
    if (!lost.empty()) return lost;
  }
  if (!slot) {
    return fmt::format(
        "replication slot {} does not exist (any more): the server has not kept its log behind the "
        "committed position {}, and every change since is lost",
        now.slot, FormatLsn(at));
  }
  if (slot->wal_status == "lost" || !slot->invalidation.empty()) {
    return fmt::format(
        "replication slot {} was invalidated by the server{}: its log behind the committed position {} "
        "is gone (see max_slot_wal_keep_size)",
        now.slot, slot->invalidation.empty() ? "" : " (" + slot->invalidation + ")", FormatLsn(at));
  }
  if (slot->confirmed > at) {
    return fmt::format(
        "replication slot {} was moved on to {}, beyond the committed position {}, by somebody else: "
        "the changes of these {} bytes are lost",
        now.slot, FormatLsn(slot->confirmed), FormatLsn(at), slot->confirmed - at);
  }
  if (at > head) {
    return fmt::format(
        "the server's log ends at {}, before the committed position {}: it was restored to a time "
        "before it",
        FormatLsn(head), FormatLsn(at));
  }
  return std::string();
}

Result<NewSlot> MakeSlot(std::unique_ptr<Connection> replication, const CaptureSettings& settings,
                         const std::string& name, bool is_temporary, const std::stop_token& stop) {
  const int version = replication->server_version();
  std::string sql = "CREATE_REPLICATION_SLOT " + QuoteIdentifier(name) + (is_temporary ? " TEMPORARY" : "") +
                    " LOGICAL " + QuoteIdentifier(settings.plugin->name);
  if (settings.is_failover && !is_temporary) {
    if (version < 170000) {
      return FailWithFix(ErrorKind::kUnsupported, "leave slot.failover out",
                         "slot.failover: slots that follow a failover are there since PostgreSQL 17");
    }
    sql += " (SNAPSHOT 'export', FAILOVER true)";
  } else {
    sql += " EXPORT_SNAPSHOT";
  }
  auto made = replication->Execute(sql, stop);
  if (!made) {
    Error error = std::move(made).error();
    if (error.kind == ErrorKind::kExhausted && error.message.find("53400") != std::string::npos) {
      error.fix =
          "drop a slot that nobody uses (SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
          "NOT "
          "active AND slot_name = '…';) or raise max_replication_slots in postgresql.conf and restart the server";
    }
    if (error.message.find("58P01") != std::string::npos) {  // its library
      error.fix = fmt::format(
          "install output plugin {} at the server (Debian: postgresql-<version>-{}; test_decoding is "
          "in PostgreSQL's contrib), or leave plugin.name out",
          settings.plugin->name, settings.plugin->name);
    }
    if (error.message.find("wal_level") != std::string::npos)
      error.fix = "ALTER SYSTEM SET wal_level = logical; and restart the server";
    return Failure(InContext("making replication slot " + name, std::move(error)));
  }
  NewSlot slot;
  if (PQntuples(made->get()) != 1 || PQnfields(made->get()) < 3) {
    return Fail(ErrorKind::kInternal, "the server answers CREATE_REPLICATION_SLOT with {} columns",
                PQnfields(made->get()));
  }
  slot.at = LsnField(*made, 0, 1);
  slot.snapshot = FieldText(*made, 0, 2);
  slot.session = std::move(replication);
  return slot;
}

std::string OldestWriter(Connection& connection, int seconds, const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {std::to_string(seconds)};
  const auto oldest = connection.Query(
      "SELECT pid, usename, pg_catalog.date_trunc('second', xact_start) FROM pg_catalog.pg_stat_activity WHERE "
      "backend_xid IS NOT NULL AND xact_start <= pg_catalog.now() - pg_catalog.make_interval(secs => "
      "$1::pg_catalog.float8) ORDER BY pg_catalog.age(backend_xid) DESC LIMIT 1",
      parameters, stop);
  if (!oldest || PQntuples(oldest->get()) != 1) return {};
  return fmt::format("process {}, role {}, since {}", FieldText(*oldest, 0, 0), FieldText(*oldest, 0, 1),
                     FieldText(*oldest, 0, 2));
}

Result<uint64_t> ReadHead(Connection& connection, const std::stop_token& stop) {
  NILUS_ASSIGN(PgResult result, connection.Execute(std::string("SELECT ") + kHead, stop));
  return LsnField(result, 0, 0);
}

Status WaitUntilFree(Connection& connection, const std::string& name, std::optional<SlotState>* slot,
                     const std::stop_token& stop) {
  const auto started = std::chrono::steady_clock::now();
  bool is_told = false;
  while (*slot && (*slot)->is_active) {
    const auto waited = std::chrono::steady_clock::now() - started;
    const std::string fix = fmt::format(
        "stop the other pipeline, or give this one a slot.name of its own; if that process is dead: SELECT "
        "pg_terminate_backend({});",
        (*slot)->active_pid);
    if (waited >= kLongestWait) {
      return FailWithFix(ErrorKind::kTransient, fix, "replication slot {} is in use by another session ({})", name,
                         HolderOf(connection, (*slot)->active_pid, stop));
    }
    if (waited >= kQuietWait && !std::exchange(is_told, true)) {
      LogWarning("replication slot {} is in use by another session ({}): waiting. If it stays: {}", name,
                 HolderOf(connection, (*slot)->active_pid, stop), fix);
    }
    if (!Pause(kBetweenLooks, stop)) return Fail(ErrorKind::kCancelled, "stopped");
    NILUS_ASSIGN(*slot, ReadSlot(connection, name, stop));
  }
  return {};
}

Result<bool> TellsNumbersApart(Connection& connection, const CaptureSettings& settings, const std::stop_token& stop) {
  if (settings.plugin->tells_numbers_apart) return true;
  // Reads one record of the log, and takes nothing from the slot.
  std::array<Connection::Parameter, 2> parameters = {settings.slot, std::string(kExactNumbersOption)};
  auto peeked = connection.Query(
      "SELECT pg_catalog.count(*) FROM pg_catalog.pg_logical_slot_peek_changes($1, '0/1', NULL, 'format-version', '2', "
      "$2, 'true')",
      parameters, stop);
  if (peeked) return true;
  if (peeked.error().message.find("22023") != std::string::npos) return false;  // no such option
  return Failure(InContext("asking plugin " + std::string(settings.plugin->name), peeked.error()));
}

Status DropSlot(Connection& connection, const std::string& name, const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {name};
  NILUS_TRY(
      connection.Query("SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM "
                       "pg_catalog.pg_replication_slots WHERE slot_name = $1",
                       parameters, stop));
  return {};
}

}  // namespace nilus::postgres
