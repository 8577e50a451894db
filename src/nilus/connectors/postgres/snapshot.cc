#include "nilus/connectors/postgres/snapshot.h"

#include <utility>

namespace nilus::postgres {

Status Snapshot::Export(const std::stop_token& stop) {
  NILUS_ASSIGN(PgResult result, keeper_->Execute("SELECT pg_catalog.pg_export_snapshot()", stop));
  exported_id_ = FieldText(result, 0, 0);
  return {};
}

Result<std::unique_ptr<Connection>> Snapshot::Take(const std::stop_token& stop) {
  {
    std::lock_guard lock(mutex_);
    if (unread_.empty()) {
      return Fail(
          ErrorKind::kTransient,
          "every split of this plan has been read, and its snapshot has ended: the read has to be planned anew");
    }
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    if (exported_id_.empty()) {
      if (keeper_ == nullptr) {
        return Fail(ErrorKind::kTransient,
                    "the session that held the snapshot is in use or was lost: the read has to be planned anew");
      }
      return std::move(keeper_);
    }
  }
  NILUS_ASSIGN(std::unique_ptr<Connection> connection, Connection::Open(address_, stop));
  // A worker that waits for its table lock stands behind whoever asked for an exclusive one meanwhile (DROP, ALTER),
  // who waits for the keeper, who waits for the worker: a deadlock that the server cannot see. So workers wait briefly
  // only.
  auto imported = connection->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
                                          QuoteLiteral(exported_id_) + "; SET LOCAL lock_timeout = '2s'" + setup_,
                                      stop);
  if (imported) return connection;
  Error error = std::move(imported).error();
  if (error.kind == ErrorKind::kCancelled || !connection->is_usable()) return Failure(std::move(error));
  return Failure(Error{
      ErrorKind::kTransient,
      "the snapshot of this read is no longer there, because the session that held it has ended (" + error.message +
          ")",
      "the read is planned anew; if this happens again, look for a server restart, a failover or an administrator's "
      "pg_terminate_backend in the server's log"});
}

void Snapshot::GiveBack(std::unique_ptr<Connection> connection, const std::string& split, const std::stop_token& stop) {
  std::vector<std::unique_ptr<Connection>> ended;
  {
    std::lock_guard lock(mutex_);
    if (connection->is_usable() && connection->is_in_transaction()) idle_.push_back(std::move(connection));
    if (auto left = unread_.find(split); left != unread_.end() && --left->second == 0) unread_.erase(left);
    if (!unread_.empty()) return;
    ended = std::exchange(idle_, {});
    if (keeper_ != nullptr) ended.push_back(std::move(keeper_));
  }
  // Closing alone would leave the locks until the server notices. Everything has been read: what fails here is no
  // error.
  for (const auto& session : ended) static_cast<void>(session->Execute("ROLLBACK", stop));
}

}  // namespace nilus::postgres
