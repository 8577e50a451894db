#include "nilus/connectors/postgres/cdc/capture_status.h"

#include "nilus/connectors/postgres/cdc/capture_check.h"
#include "nilus/connectors/postgres/cdc/capture_tables.h"
#include "nilus/connectors/postgres/cdc/publication.h"
#include "nilus/connectors/postgres/cdc/slot.h"

namespace nilus::postgres {
namespace {

CaptureStatus OfSlot(const SlotState& slot) {
  CaptureStatus status;
  status.head = {slot.head, 0};
  status.confirmed = {slot.confirmed, 0};
  if (slot.restart != 0 && slot.head > slot.restart) {
    status.retained_bytes = static_cast<int64_t>(slot.head - slot.restart);
  }
  status.bytes_until_lost = slot.safe_bytes;
  const bool is_lost = slot.wal_status == "lost" || !slot.invalidation.empty();
  status.state = is_lost ? "lost" : slot.is_active ? "streaming" : "not connected";
  if (slot.wal_status == "unreserved") status.state += ", about to be lost";
  return status;
}

// What the publication does not send of the tables that are loaded; empty: it sends all.
Result<std::string> LostOfTables(Connection& connection, const CaptureSettings& settings, const CommittedLog& committed,
                                 const std::stop_token& stop) {
  if (!settings.plugin->has_publication) return std::string();
  NILUS_ASSIGN(const Publication publication, ReadPublication(connection, settings.publication, stop));
  if (!publication.exists) return PublicationIsGone(settings);
  NILUS_ASSIGN(const std::vector<FoundTable> tables,
               FindCapturedTables(connection, settings, publication.via_partition_root, stop));
  const Result<std::set<std::string>> gaps = FindGaps(settings, publication, tables, committed);
  if (gaps) return std::string();
  return gaps.error().message;
}

}  // namespace

std::string PublicationIsGone(const CaptureSettings& settings) {
  return fmt::format("publication {} was dropped, and the log cannot be read past that place", settings.publication);
}

Result<CaptureStatus> AskCaptureStatus(const Address& address, Connection& connection, const CaptureSettings& settings,
                                       const std::optional<CommittedLog>& committed, const std::stop_token& stop) {
  NILUS_ASSIGN(const std::optional<SlotState> slot, ReadSlot(connection, settings.slot, stop));
  CaptureStatus status;
  status.state = "no slot";
  if (slot) {
    status = OfSlot(*slot);
  } else {
    NILUS_ASSIGN(status.head.major, ReadHead(connection, stop));
  }
  if (!committed || (slot && slot->is_active)) return status;  // whoever reads it moves on meanwhile
  NILUS_ASSIGN(const std::unique_ptr<Connection> replication, OpenForReplication(address, connection, stop));
  uint64_t head = 0;
  NILUS_ASSIGN(const LogIdentity identity, IdentifyLog(*replication, settings.slot, &head, stop));
  NILUS_ASSIGN(status.lost, WhatIsLost(*replication, identity, head, slot, *committed, stop));
  if (status.lost.empty()) {
    NILUS_ASSIGN(status.lost, LostOfTables(connection, settings, *committed, stop));
  }
  return status;
}

}  // namespace nilus::postgres
