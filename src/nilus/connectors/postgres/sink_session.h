// The one connection of a sink and the one transaction of a load: its lock, its COPY, its end. What happens between
// BeginLoad and CommitLoad leaves nothing behind unless the COMMIT succeeds: every other way out, this process's death
// included, rolls back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connector/connector.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

class SinkSession {
 public:
  SinkSession(Address address, const OpenContext& context);

  // A connection outside of any load's transaction or inside the present one; a COPY that was under way is ended.
  Result<Connection*> Idle(const std::stop_token& stop);

  // Starts the load's transaction and takes the pipeline's lock in it. Nothing to do when it has begun already.
  // kConflict names who holds the lock.
  Status BeginLoad(const PipelineId& pipeline, const std::stop_token& stop);
  bool is_loading() const { return is_loading_; }
  // Changes whenever a load begins or ends: writers of an earlier load know by it that theirs is over.
  int64_t load_number() const { return load_number_; }
  // Rolls back. What the server does not hear of (lost connection) it does by itself.
  void AbandonLoad();
  // kUnknownOutcome when COMMIT was sent and nothing came back; the session then remembers the transaction's id.
  Status CommitLoad(const std::stop_token& stop);

  // Statements of the load.
  Result<PgResult> Execute(const std::string& sql, const std::stop_token& stop);
  Result<PgResult> Query(const std::string& sql, std::span<const Connection::Parameter> parameters,
                         const std::stop_token& stop);
  // A step of the shared SQL, whose rows are added to `counts` when that is not null. CREATE SCHEMA IF NOT EXISTS is
  // left out where `schema` exists: PostgreSQL asks for the right to create even where nothing is to be created.
  Status ExecuteStep(const SqlStep& step, std::string_view schema, CommitResult* counts, const std::stop_token& stop);
  Result<bool> SchemaExists(std::string_view schema, const std::stop_token& stop);
  // What was there in the present load is not asked for again.
  Result<bool> TableExists(const TableName& table, const std::stop_token& stop);

  // COPY … FROM STDIN (FORMAT binary): header and trailer are sent here, PutCopy sends whole rows. One COPY at a time:
  // whatever else is executed ends it, and its rows are added to its counter.
  Status StartCopy(const std::string& sql, int64_t* rows, const std::stop_token& stop);
  bool is_copying(const int64_t* rows) const { return copy_rows_ == rows; }
  Status PutCopy(std::string_view bytes, const std::stop_token& stop);
  Status EndCopy(const std::stop_token& stop);

  // Staging tables of changes stay with the connection, empty between loads. The shape is the maker's description of
  // the columns; nothing: there is no such table.
  std::optional<std::string> StagingShape(const std::string& name) const;
  // Made, or changed, in the present load.
  void NoteStaging(const std::string& name, std::string shape) { changed_staging_[name] = std::move(shape); }
  void NoteDropped(const std::string& name) { changed_staging_[name] = std::nullopt; }

  // After an unknown outcome: waits until the transaction has ended at the server, over a new connection.
  Status AwaitOutcome(const PipelineId& pipeline, const std::stop_token& stop);

  const OpenContext& context() const { return context_; }
  // Seconds to wait for what other sessions hold.
  int64_t lock_timeout_seconds() const { return lock_timeout_seconds_; }
  // Sinks are used by one thread, their writers perhaps by several: each operation holds this.
  std::mutex& mutex() { return mutex_; }

 private:
  void Disconnect();
  Status NoticeOurEnd(const std::stop_token& stop);
  Status StartTransaction(const std::stop_token& stop);
  Status TakeLock(Connection* connection, const PipelineId& pipeline, const std::stop_token& stop);
  Result<std::string> LockHolder(Connection* connection, int64_t key, const std::stop_token& stop);

  const Address address_;
  const OpenContext context_;
  const int64_t lock_timeout_seconds_;
  std::mutex mutex_;
  std::unique_ptr<Connection> connection_;
  bool is_loading_ = false;
  int64_t load_number_ = 0;
  int64_t* copy_rows_ = nullptr;                                       // null: no COPY under way
  std::map<std::string, std::string> staging_;                         // shapes of this connection's tables, by name
  std::map<std::string, std::optional<std::string>> changed_staging_;  // by the present load
  std::set<std::string> seen_tables_;                                  // by TableExists in the present load
  std::string transaction_id_;                                         // of the load that is being committed
  std::string unknown_transaction_id_;                                 // its outcome is not known
};

// The advisory lock of a pipeline: the first 8 bytes of a hash.
int64_t PipelineLockKey(const PipelineId& pipeline);

// The server's error code is this one.
bool HasSqlState(const Error& error, std::string_view code);

}  // namespace nilus::postgres
