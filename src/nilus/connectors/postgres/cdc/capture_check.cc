#include "nilus/connectors/postgres/cdc/capture_check.h"

#include "nilus/connectors/postgres/cdc/capture_tables.h"
#include "nilus/connectors/postgres/cdc/list_check.h"
#include "nilus/connectors/postgres/cdc/publication.h"
#include "nilus/connectors/postgres/cdc/slot.h"

namespace nilus::postgres {
namespace {

CheckItem Item(std::string what, const Status& status, std::string detail) {
  return {std::move(what), status.has_value(), status ? std::move(detail) : status.error().ToString()};
}

Result<CheckItem> CheckTables(Connection& connection, const CaptureSettings& settings,
                              const std::vector<FoundTable>& tables, const std::stop_token& stop) {
  const std::string role = PQuser(connection.raw());
  std::string troubles;
  int64_t count = 0;
  for (const FoundTable& table : tables) {
    ++count;
    Status status = CheckReadable(table, role);
    if (status) status = CheckIdentity(settings, table);
    if (!status) troubles += (troubles.empty() ? "" : "; ") + status.error().ToString();
  }
  if (count == 0) return CheckItem{"tables", false, NothingIsCaptured(connection, settings, stop).value().ToString()};
  if (!troubles.empty()) return CheckItem{"tables", false, troubles};
  NILUS_ASSIGN(const std::vector<std::string> unmatched, TellUnmatched(connection, settings, stop));
  return CheckItem{"tables", true,
                   fmt::format("{} captured{}{}", count, unmatched.empty() ? "" : "; ", fmt::join(unmatched, "; "))};
}

Result<CheckItem> CheckPublication(Connection& connection, const CaptureSettings& settings,
                                   const Publication& publication, const std::vector<FoundTable>& tables,
                                   const std::stop_token& stop) {
  const Result<std::string> statement = ForeseePublication(connection, settings, tables, publication, stop);
  if (!statement) {
    const ErrorKind kind = statement.error().kind;
    if (kind == ErrorKind::kTransient || kind == ErrorKind::kCancelled) return Failure(statement.error());
    return CheckItem{"publication", false, statement.error().ToString()};
  }
  if (!publication.exists) return CheckItem{"publication", true, settings.publication + " will be made"};
  return CheckItem{
      "publication", true,
      settings.publication + (statement->empty() ? "" : ", to which the tables that it lacks will be added")};
}

Result<CheckItem> CheckSlot(Connection& connection, const CaptureSettings& settings, const std::stop_token& stop) {
  NILUS_ASSIGN(std::optional<SlotState> slot, ReadSlot(connection, settings.slot, stop));
  if (slot) {
    if (slot->plugin != settings.plugin->name) {
      return CheckItem{
          "slot", false,
          fmt::format("{} was made for plugin {}, not for {}", settings.slot, slot->plugin, settings.plugin->name)};
    }
    const bool is_lost = slot->wal_status == "lost" || !slot->invalidation.empty();
    return CheckItem{"slot", !is_lost || settings.replaces_lost,
                     is_lost ? settings.slot + " was invalidated: the server has not kept its log" +
                                   (settings.replaces_lost ? "; it will be made anew" : "")
                             : settings.slot + (slot->is_active ? " (in use by server process " + slot->active_pid + ")"
                                                                : " (made already)")};
  }
  NILUS_ASSIGN(
      PgResult result,
      connection.Execute("SELECT pg_catalog.count(*), pg_catalog.current_setting('max_replication_slots') FROM "
                         "pg_catalog.pg_replication_slots",
                         stop));
  const int64_t used = ParseInteger(FieldText(result, 0, 0)).value_or(0);
  const int64_t most = ParseInteger(FieldText(result, 0, 1)).value_or(0);
  const bool has_room = used < most;
  return CheckItem{"slot", has_room,
                   has_room ? fmt::format("{} will be made ({} of {} in use)", settings.slot, used, most)
                            : fmt::format("all {} replication slots are in use: raise max_replication_slots", most)};
}

}  // namespace

Status CheckWalLevel(Connection& connection, const std::stop_token& stop) {
  NILUS_ASSIGN(PgResult result, connection.Execute("SELECT pg_catalog.current_setting('wal_level')", stop));
  const std::string_view level = FieldText(result, 0, 0);
  if (level == "logical") return {};
  return FailWithFix(ErrorKind::kUnsupported,
                     "ALTER SYSTEM SET wal_level = logical; then restart the server (on Amazon RDS: parameter "
                     "rds.logical_replication = 1)",
                     "the server's wal_level is {}: its log does not tell the rows' values", level);
}

Status CheckEncoding(Connection& connection, const CaptureSettings& settings) {
  const char* told = PQparameterStatus(connection.raw(), "server_encoding");
  const std::string_view encoding = told == nullptr ? "" : told;
  const OutputPlugin& plugin = *settings.plugin;
  if (plugin.converts_encoding || encoding == "UTF8" || (encoding == "SQL_ASCII" && plugin.takes_any_bytes)) return {};
  return FailWithFix(ErrorKind::kUnsupported, "use plugin.name: pgoutput, with a slot of its own",
                     "the database has encoding {}, and {} sends its texts as they are", encoding, plugin.name);
}

Result<std::unique_ptr<Connection>> OpenForReplication(const Address& address, Connection& connection,
                                                       const std::stop_token& stop) {
  auto session = Connection::OpenReplication(address, stop);
  if (session) return session;
  Error error = std::move(session).error();
  const std::string user = QuoteIdentifier(PQuser(connection.raw()));
  if (error.message.find("walsender") != std::string::npos || error.message.find("WAL sender") != std::string::npos ||
      error.message.find("replication") != std::string::npos) {
    error.kind = error.kind == ErrorKind::kTransient ? error.kind : ErrorKind::kAuth;
    error.fix = "ALTER ROLE " + user + " REPLICATION; (on Amazon RDS: GRANT rds_replication TO " + user + ";)";
  }
  if (error.message.find("max_wal_senders") != std::string::npos) {
    error.fix = "raise max_wal_senders in postgresql.conf and restart the server";
  }
  return Failure(InContext("connecting for replication", std::move(error)));
}

Result<std::vector<CheckItem>> CheckCapture(const Address& address, Connection& connection,
                                            const CaptureSettings& settings, const std::stop_token& stop) {
  std::vector<CheckItem> items;
  items.push_back({"connect", true, fmt::format("PostgreSQL {}", connection.server_version() / 10000)});
  items.push_back(Item("wal_level", CheckWalLevel(connection, stop), "logical"));
  if (Status encoding = CheckEncoding(connection, settings); !encoding) {
    items.push_back(Item("encoding", encoding, ""));
  }
  if (Status database = CheckDatabase(connection, settings); !database) {
    items.push_back(Item("database", database, ""));
  }
  auto replication = OpenForReplication(address, connection, stop);
  items.push_back(
      {"replication right", replication.has_value(), replication ? "granted" : replication.error().ToString()});
  const bool has_publication = settings.plugin->has_publication;
  Publication publication;
  if (has_publication) {
    NILUS_ASSIGN(publication, ReadPublication(connection, settings.publication, stop));
  }
  const bool via_root =
      has_publication && (publication.exists ? publication.via_partition_root : connection.server_version() >= 130000);
  NILUS_ASSIGN(std::vector<FoundTable> tables, FindCapturedTables(connection, settings, via_root, stop));
  std::erase_if(tables, [](const FoundTable& table) { return !table.is_logged; });
  NILUS_ASSIGN(CheckItem captured, CheckTables(connection, settings, tables, stop));
  items.push_back(std::move(captured));
  if (has_publication) {
    NILUS_ASSIGN(CheckItem item, CheckPublication(connection, settings, publication, tables, stop));
    items.push_back(std::move(item));
  }
  NILUS_ASSIGN(CheckItem slot, CheckSlot(connection, settings, stop));
  items.push_back(std::move(slot));
  return items;
}

}  // namespace nilus::postgres
