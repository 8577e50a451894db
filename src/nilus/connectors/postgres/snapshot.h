// One consistent view of the database, shared by several sessions.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// The keeper is the session whose transaction holds the snapshot (and the lock on the table). A plan of one split reads
// through the keeper itself; further sessions import the snapshot. Thread-safe after Export.
class Snapshot {
 public:
  // `keeper` is in its transaction already.
  Snapshot(Address address, std::unique_ptr<Connection> keeper)
      : address_(std::move(address)), keeper_(std::move(keeper)) {}

  Connection& keeper() { return *keeper_; }
  // From now on Take gives sessions of their own.
  Status Export(const std::stop_token& stop);

  // A session in a transaction that sees this snapshot: one that was given back, the keeper when nothing was exported,
  // or a new one. kTransient when the keeper is gone: the snapshot has gone with it, and a new Plan is needed.
  Result<std::unique_ptr<Connection>> Take(const std::stop_token& stop);
  // For the next Take. Unusable ones are closed.
  void GiveBack(std::unique_ptr<Connection> connection);

 private:
  const Address address_;
  std::mutex mutex_;
  std::unique_ptr<Connection> keeper_;
  std::string exported_id_;  // empty: not exported
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace nilus::postgres
