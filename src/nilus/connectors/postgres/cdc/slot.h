// The replication slot: what the server keeps for this pipeline, and whether a committed position can be continued from
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

struct SlotState {
  std::string plugin;
  std::string database;
  bool is_logical = true;
  bool is_active = false;
  bool is_two_phase = false;  // PostgreSQL 14: transactions come when they are prepared
  std::string active_pid;
  uint64_t confirmed = 0;             // confirmed_flush_lsn; 0: none yet
  uint64_t restart = 0;               // restart_lsn: log from here on is kept
  std::string wal_status;             // reserved, extended, unreserved, lost; empty before PostgreSQL 13
  std::optional<int64_t> safe_bytes;  // until it may be lost; nothing: no limit
  std::string invalidation;           // PostgreSQL 17: why it was invalidated
  uint64_t head = 0;                  // of the server's log
};
// Nothing: there is no slot of that name.
Result<std::optional<SlotState>> ReadSlot(Connection& connection, const std::string& name, const std::stop_token& stop);

// Which log this is. The text is CaptureStart::identity: "system/timeline/database/slot".
struct LogIdentity {
  std::string system;
  uint32_t timeline = 0;
  std::string database;
  std::string slot;

  std::string ToString() const;
  static std::optional<LogIdentity> Parse(const std::string& text);
};
// IDENTIFY_SYSTEM over a session of the replication protocol; `head` gets the log's end.
Result<LogIdentity> IdentifyLog(Connection& replication, const std::string& slot, uint64_t* head,
                                const std::stop_token& stop);

// Why `committed` cannot be continued with this slot; empty: it can. Asks the server for its timeline's history where
// that has changed since.
Result<std::string> WhatIsLost(Connection& replication, const LogIdentity& now, uint64_t head,
                               const std::optional<SlotState>& slot, const CommittedLog& committed,
                               const std::stop_token& stop);

// A slot that was just made, and the session that holds its snapshot: as long as it does nothing else.
struct NewSlot {
  std::unique_ptr<Connection> session;
  uint64_t at = 0;
  std::string snapshot;
};
Result<NewSlot> MakeSlot(std::unique_ptr<Connection> replication, const CaptureSettings& settings,
                         const std::string& name, bool is_temporary, const std::stop_token& stop);

// The oldest transaction that writes in the server, with its process, for people: "process 123, role app, since …".
// Empty: none has for so many seconds, or this role may not see it.
std::string OldestWriter(Connection& connection, int seconds, const std::stop_token& stop);

// The end of the server's log.
Result<uint64_t> ReadHead(Connection& connection, const std::stop_token& stop);

// Waits a bounded time until nobody uses the slot. kTransient names the process that does.
Status WaitUntilFree(Connection& connection, const std::string& name, std::optional<SlotState>* slot,
                     const std::stop_token& stop);

// Does the slot's plugin tell NaN and the infinities from NULL? Asked of the plugin itself where its version matters.
Result<bool> TellsNumbersApart(Connection& connection, const CaptureSettings& settings, const std::stop_token& stop);

Status DropSlot(Connection& connection, const std::string& name, const std::stop_token& stop);

}  // namespace nilus::postgres
