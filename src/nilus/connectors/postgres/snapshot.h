// One consistent view of the database, shared by several sessions.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// Sessions that see one state of the database. Thread-safe.
class Sessions {
 public:
  virtual ~Sessions() = default;
  // One in a transaction that sees that state. kTransient when it is no longer to be had.
  virtual Result<std::unique_ptr<Connection>> Take(const std::stop_token& stop) = 0;
  // Of a split that was read to its end.
  virtual void GiveBack(std::unique_ptr<Connection> connection, const std::string& split,
                        const std::stop_token& stop) = 0;
};

// The keeper is the session whose transaction holds the snapshot (and the lock on the table). A plan of one split reads
// through the keeper itself; further sessions import the snapshot. When every split has been read to its end the
// snapshot ends too, and with it the locks: a sink may be about to exchange the very table that was read.
// Thread-safe after Export.
class Snapshot : public Sessions {
 public:
  // `keeper` is in its transaction already. `splits` are the payloads of the plan's splits, each with how often it will
  // be read. `setup`: statements that further sessions begin their transaction with.
  Snapshot(Address address, std::unique_ptr<Connection> keeper, std::unordered_map<std::string, int> splits,
           std::string setup = "")
      : address_(std::move(address)),
        setup_(std::move(setup)),
        keeper_(std::move(keeper)),
        unread_(std::move(splits)) {}

  Connection& keeper() { return *keeper_; }
  // From now on Take gives sessions of their own.
  Status Export(const std::stop_token& stop);

  // A session in a transaction that sees this snapshot: one that was given back, the keeper when nothing was exported,
  // or a new one. kTransient when the keeper is gone or everything was read: the snapshot has gone with it, and a new
  // Plan is needed.
  Result<std::unique_ptr<Connection>> Take(const std::stop_token& stop) override;
  // Of a split that was read to its end. The session is for the next Take. After the last split the transactions of all
  // sessions have ended when this returns.
  void GiveBack(std::unique_ptr<Connection> connection, const std::string& split, const std::stop_token& stop) override;

 private:
  const Address address_;
  const std::string setup_;
  std::mutex mutex_;
  std::unique_ptr<Connection> keeper_;
  std::string exported_id_;  // empty: not exported
  std::vector<std::unique_ptr<Connection>> idle_;
  std::unordered_map<std::string, int> unread_;  // readings to come; empty: the snapshot has ended
};

}  // namespace nilus::postgres
