#include "nilus/connectors/postgres/sink_session.h"

#include <algorithm>
#include <chrono>

#include "nilus/base/encoding.h"
#include "nilus/base/fault.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/retry.h"
#include "nilus/connectors/postgres/copy_encoder.h"

namespace nilus::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int64_t kDefaultLockTimeoutSeconds = 10;
constexpr milliseconds kLockPollInterval{50};
constexpr seconds kOutcomeTimeout{60};  // a COMMIT that is still on its way (synchronous replication, slow disk)

}  // namespace

int64_t PipelineLockKey(const PipelineId& pipeline) {
  std::string hex = Sha256Hex("nilus pipeline\n" + pipeline.state_schema + "\n" + pipeline.value);
  uint64_t key = 0;
  for (char c : hex.substr(0, 16)) key = key << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return static_cast<int64_t>(key);
}

bool HasSqlState(const Error& error, std::string_view code) {
  return error.message.find(fmt::format("[SQLSTATE {}]", code)) != std::string::npos;
}

SinkSession::SinkSession(Address address, const OpenContext& context)
    : address_(std::move(address)),
      context_(context),
      lock_timeout_seconds_(
          std::clamp<int64_t>(context.options.Integer("lock_timeout", kDefaultLockTimeoutSeconds), 0, 86'400)) {}

void SinkSession::Disconnect() {
  connection_.reset();
  staging_.clear();
  changed_staging_.clear();
}

std::optional<std::string> SinkSession::StagingShape(const std::string& name) const {
  if (const auto changed = changed_staging_.find(name); changed != changed_staging_.end()) return changed->second;
  const auto found = staging_.find(name);
  return found == staging_.end() ? std::nullopt : std::optional(found->second);
}

Result<Connection*> SinkSession::Idle(const std::stop_token& stop) {
  if (is_loading_) {
    // Never another connection: what follows would run outside of the load's transaction, without its rows.
    if (!connection_->is_usable()) return Fail(ErrorKind::kTransient, "the connection was lost during the load");
    NILUS_TRY(EndCopy(stop));
    return connection_.get();
  }
  if (connection_ == nullptr || !connection_->is_usable()) {
    Disconnect();
    NILUS_ASSIGN(connection_, Connection::Open(address_, stop));
    connection_->HideRowValues();
    NILUS_TRY(NoticeOurEnd(stop));
  }
  return connection_.get();
}

// The server ends the session within seconds of this process, whatever it is doing. Some cannot: on Windows, and for
// PostgreSQL 14 on anything but Linux, they refuse the setting.
Status SinkSession::NoticeOurEnd(const std::stop_token& stop) {
  if (connection_->server_version() < 140000) return {};
  Result<PgResult> set = connection_->Execute("SET client_connection_check_interval = '2s'", stop);
  if (set || HasSqlState(set.error(), "22023")) return {};
  return Failure(std::move(set).error());
}

Status SinkSession::StartTransaction(const std::stop_token& stop) {
  // Times out on what others hold, never on our own work. Deferrable
  // constraints are checked at COMMIT: rows that are updated are deleted and inserted. What is read after a lock was
  // taken must be what its last holder committed, whatever default_transaction_isolation says: two merges would double
  // keys.
  std::string sql = fmt::format(
      "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{}ms'; SET LOCAL statement_timeout = 0; "
      "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL client_min_messages = error; SET CONSTRAINTS ALL "
      "DEFERRED",
      std::max<int64_t>(lock_timeout_seconds_ * 1000, 1));
  if (connection_->server_version() >= 170000) sql += "; SET LOCAL transaction_timeout = 0";
  return connection_->Execute(sql, stop).map([](const PgResult&) {});
}

Status SinkSession::BeginLoad(const PipelineId& pipeline, const std::stop_token& stop) {
  if (is_loading_) return {};
  NILUS_FAULT_POINT("postgres.sink.begin");
  NILUS_ASSIGN(Connection * connection, Idle(stop));
  if (Status started = StartTransaction(stop); !started) {
    Disconnect();  // it may have begun
    return started;
  }
  is_loading_ = true;
  ++load_number_;
  if (Status locked = TakeLock(connection, pipeline, stop); !locked) {
    AbandonLoad();
    return locked;
  }
  NILUS_FAULT_POINT("postgres.sink.locked");
  return {};
}

Status SinkSession::TakeLock(Connection* connection, const PipelineId& pipeline, const std::stop_token& stop) {
  const int64_t key = PipelineLockKey(pipeline);
  const Connection::Parameter parameters[] = {std::to_string(key)};
  const auto deadline = std::chrono::steady_clock::now() + seconds(lock_timeout_seconds_);
  while (true) {
    NILUS_ASSIGN(PgResult taken,
                 connection->Query("SELECT pg_catalog.pg_try_advisory_xact_lock($1::bigint)", parameters, stop));
    if (FieldText(taken, 0, 0) == "t") return {};
    if (std::chrono::steady_clock::now() >= deadline) break;
    if (!SleepUnlessStopped(kLockPollInterval, stop))
      return Fail(ErrorKind::kCancelled, "stopped while waiting for another load");
  }
  NILUS_ASSIGN(std::string holder, LockHolder(connection, key, stop));
  return FailWithFix(ErrorKind::kConflict,
                     "wait until it ends, or stop it: two loads of one pipeline would overwrite each other",
                     "pipeline {} is being loaded by another session{}; waited {} s for it", pipeline.value, holder,
                     lock_timeout_seconds_);
}

Result<std::string> SinkSession::LockHolder(Connection* connection, int64_t key, const std::stop_token& stop) {
  // pg_locks shows a 64-bit key as two halves, with objsubid 1.
  auto bits = static_cast<uint64_t>(key);
  const Connection::Parameter halves[] = {std::to_string(bits >> 32), std::to_string(bits & 0xFFFFFFFF)};
  NILUS_ASSIGN(
      PgResult found,
      connection->Query(
          "SELECT l.pid, a.usename, a.client_addr, date_trunc('second', a.xact_start) FROM pg_catalog.pg_locks l "
          "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND "
          "l.objsubid = 1 AND l.classid = $1::oid AND l.objid = $2::oid AND l.database = "
          "(SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())",
          halves, stop));
  if (PQntuples(found.get()) == 0) return std::string();  // it has just ended
  std::string text = fmt::format(" (server process {}", FieldText(found, 0, 0));
  if (!FieldIsNull(found, 0, 1)) text += fmt::format(", user {}", FieldText(found, 0, 1));
  if (!FieldIsNull(found, 0, 2)) text += fmt::format(", from {}", FieldText(found, 0, 2));
  if (!FieldIsNull(found, 0, 3)) text += fmt::format(", since {}", FieldText(found, 0, 3));
  return text + ")";
}

void SinkSession::AbandonLoad() {
  if (!is_loading_) return;
  is_loading_ = false;
  ++load_number_;
  bool was_copying = copy_rows_ != nullptr;
  copy_rows_ = nullptr;
  transaction_id_.clear();
  seen_tables_.clear();
  changed_staging_.clear();                                               // made undone
  if (connection_ != nullptr && !connection_->is_usable()) Disconnect();  // closing it ends the transaction
  if (connection_ == nullptr) return;
  if (was_copying && !connection_->AbortCopyIn("the load was given up")) {
    Disconnect();
    return;
  }
  if (!connection_->Execute("ROLLBACK")) Disconnect();
}

Status SinkSession::CommitLoad(const std::stop_token& stop) {
  NILUS_ASSIGN(PgResult id, Execute("SELECT pg_catalog.txid_current()", stop));
  transaction_id_ = FieldText(id, 0, 0);
  NILUS_FAULT_POINT("postgres.sink.before_commit");
  auto committed = connection_->Execute("COMMIT", stop);
  if (!committed) {
    if (connection_->is_usable()) {  // the server said no (a deferred constraint, a serialization failure)
      return Failure(InContext("while committing", committed.error()));
    }
    unknown_transaction_id_ = transaction_id_;
    return Fail(ErrorKind::kUnknownOutcome, "COMMIT was sent and no answer came: {}", committed.error().message);
  }
  // An aborted transaction answers COMMIT with ROLLBACK.
  if (std::string_view(PQcmdStatus(committed->get())) != "COMMIT") {
    return Fail(ErrorKind::kTransient, "the server rolled the load back instead of committing it");
  }
  is_loading_ = false;
  ++load_number_;
  seen_tables_.clear();
  for (auto& [name, shape] : changed_staging_) {
    staging_.erase(name);
    if (shape) staging_.emplace(name, *std::move(shape));
  }
  changed_staging_.clear();
  unknown_transaction_id_ = transaction_id_;  // in case the acknowledgement is lost on its way up
  NILUS_FAULT_ACK("postgres.sink.committed");
  unknown_transaction_id_.clear();
  return {};
}

Status SinkSession::AwaitOutcome(const PipelineId& pipeline, const std::stop_token& stop) {
  AbandonLoad();
  NILUS_ASSIGN(Connection * connection, Idle(stop));
  if (unknown_transaction_id_.empty()) {
    // Another process's load, perhaps. While it may still commit it holds the pipeline's lock.
    NILUS_TRY(connection->Execute("BEGIN", stop));
    Status locked = TakeLock(connection, pipeline, stop);
    NILUS_TRY(connection->Execute("ROLLBACK", stop));
    return locked;
  }
  const Connection::Parameter parameters[] = {unknown_transaction_id_};
  const auto deadline = std::chrono::steady_clock::now() + kOutcomeTimeout;
  while (true) {
    // NULL: so long ago that the server has forgotten; in any case it has ended.
    NILUS_ASSIGN(PgResult status, connection->Query("SELECT pg_catalog.txid_status($1::bigint)", parameters, stop));
    if (FieldText(status, 0, 0) != "in progress") break;
    if (std::chrono::steady_clock::now() >= deadline) {
      return Fail(ErrorKind::kUnknownOutcome,
                  "transaction {} has been in progress at the server for {} s: neither committed nor "
                  "rolled back yet",
                  unknown_transaction_id_, kOutcomeTimeout.count());
    }
    if (!SleepUnlessStopped(kLockPollInterval, stop))
      return Fail(ErrorKind::kCancelled, "stopped while waiting for a commit");
  }
  unknown_transaction_id_.clear();
  return {};
}

Result<PgResult> SinkSession::Execute(const std::string& sql, const std::stop_token& stop) {
  NILUS_TRY(EndCopy(stop));
  return connection_->Execute(sql, stop);
}

Result<PgResult> SinkSession::Query(const std::string& sql, std::span<const Connection::Parameter> parameters,
                                    const std::stop_token& stop) {
  NILUS_TRY(EndCopy(stop));
  return connection_->Query(sql, parameters, stop);
}

Status SinkSession::ExecuteStep(const SqlStep& step, std::string_view schema, CommitResult* counts,
                                const std::stop_token& stop) {
  if (step.sql.starts_with("CREATE SCHEMA IF NOT EXISTS ")) {
    NILUS_ASSIGN(bool exists, SchemaExists(schema, stop));
    if (exists) return {};
  }
  Result<PgResult> done = Execute(step.sql, stop);
  if (!done) {
    Error error = std::move(done).error();
    if (HasSqlState(error, "55P03") && error.fix.empty()) {
      error.fix =
          "another session holds or is making the table or its schema: run again when it has ended, or raise "
          "lock_timeout";
    }
    // Of two sessions that make the same thing at once, one finds it in the catalog's unique index.
    if (step.sql.starts_with("CREATE ") && HasSqlState(error, "23505")) error.kind = ErrorKind::kConflict;
    return Failure(std::move(error));
  }
  if (step.effect == SqlEffect::kUpserted) {
    counts->rows_inserted += ParseInteger(FieldText(*done, 0, 0)).value_or(0);
    counts->rows_updated += ParseInteger(FieldText(*done, 0, 1)).value_or(0);
    return {};
  }
  const int64_t rows = ParseInteger(PQcmdTuples(done->get())).value_or(0);
  NILUS_TRY(CheckStep(step, rows, counts));
  if (counts != nullptr) CountRows(step.effect, rows, counts);
  return {};
}

Result<bool> SinkSession::SchemaExists(std::string_view schema, const std::stop_token& stop) {
  const Connection::Parameter parameters[] = {std::string(schema)};
  NILUS_ASSIGN(PgResult found, Query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", parameters, stop));
  return PQntuples(found.get()) > 0;
}

Result<bool> SinkSession::TableExists(const TableName& table, const std::stop_token& stop) {
  if (seen_tables_.contains(table.ToString())) return true;
  const Connection::Parameter parameters[] = {table.schema, table.name};
  NILUS_ASSIGN(PgResult found, Query("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                                     "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                                     parameters, stop));
  const bool exists = PQntuples(found.get()) > 0;
  if (exists && is_loading_) seen_tables_.insert(table.ToString());
  return exists;
}

Status SinkSession::StartCopy(const std::string& sql, int64_t* rows, const std::stop_token& stop) {
  NILUS_TRY(EndCopy(stop));
  NILUS_FAULT_POINT("postgres.sink.copy_start");
  NILUS_TRY(connection_->StartCopyIn(sql, stop));
  copy_rows_ = rows;
  BufferBuilder header;
  AppendCopyHeader(&header);
  return PutCopy(std::string_view(reinterpret_cast<const char*>(header.data()), header.size()), stop);
}

Status SinkSession::PutCopy(std::string_view bytes, const std::stop_token& stop) {
  Status put = connection_->PutCopyData(bytes, stop);
  if (!put) copy_rows_ = nullptr;  // the server has ended it
  return put;
}

Status SinkSession::EndCopy(const std::stop_token& stop) {
  if (copy_rows_ == nullptr) return {};
  int64_t* rows = copy_rows_;
  NILUS_FAULT_POINT("postgres.sink.copy_end");
  BufferBuilder trailer;
  AppendCopyTrailer(&trailer);
  NILUS_TRY(PutCopy(std::string_view(reinterpret_cast<const char*>(trailer.data()), trailer.size()), stop));
  copy_rows_ = nullptr;
  NILUS_ASSIGN(int64_t count, connection_->EndCopyIn(stop));
  *rows += count;
  return {};
}

}  // namespace nilus::postgres
