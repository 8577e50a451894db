// One session with a PostgreSQL server over libpq: connecting by an Address with the TLS rules of spec 02, statements,
// COPY both ways, and errors turned into the kinds of base/result.h.
//
// All waiting is done in poll(): a stop request wakes it, cancels the running statement at the server and returns
// kCancelled within moments (resolving a host name is the one thing that cannot be interrupted). One thread at a time.
//
// A wait without an end (a statement may take hours) is watched: silence.h.
//
// A session is set up so that texts are always the same: client_encoding UTF8 (but SQL_ASCII, that is no conversion and
// no check, where the database has no encoding: text may then be no UTF-8), TimeZone UTC, DateStyle ISO,
// IntervalStyle postgres, extra_float_digits 3, bytea_output hex, jit off. search_path stays the role's own, because
// views, triggers and users' queries may rely on it: so every name in our own SQL is qualified.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connectors/postgres/options.h"

namespace nilus::postgres {

struct ResultCloser {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, ResultCloser>;  // never null

// A CopyData message; owns libpq's memory.
class CopyData {
 public:
  CopyData() = default;
  CopyData(const CopyData&) = delete;
  CopyData& operator=(const CopyData&) = delete;
  ~CopyData() { PQfreemem(bytes_); }
  std::string_view bytes() const { return {bytes_, size_}; }
  void Clear() { Set(nullptr, 0); }

 private:
  friend class Connection;
  void Set(char* bytes, size_t size) {
    PQfreemem(bytes_);
    bytes_ = bytes;
    size_ = size;
  }
  char* bytes_ = nullptr;
  size_t size_ = 0;
};

class SilenceWatch;
enum class ServerWord;

class Connection {
 public:
  using Parameter = std::optional<std::string>;  // nothing: NULL

  // Connects and sets the session up. Several hosts are tried in order. kAuth, kNotFound (host, database), kTransient
  // (unreachable, starting, too many clients), kInvalidInput (parameters, TLS not to be had).
  static Result<std::unique_ptr<Connection>> Open(const Address& address, const std::stop_token& stop);
  // A session of the replication protocol (replication=database), which takes its commands beside SQL. Needs the role's
  // REPLICATION right, and one of max_wal_senders. Silence is not asked about.
  static Result<std::unique_ptr<Connection>> OpenReplication(const Address& address, const std::stop_token& stop);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs one statement, or several separated by ';' (then all or none, unless they hold transaction commands), without
  // parameters. The last statement's result; the first error ends it.
  Result<PgResult> Execute(const std::string& sql, const std::stop_token& stop = {});
  // Runs one statement with $1, $2, … bound as text; results in text form.
  Result<PgResult> Query(const std::string& sql, std::span<const Parameter> parameters,
                         const std::stop_token& stop = {});
  // Prepares one statement without running it and tells its result's columns: PQnfields, PQfname, PQftype, PQfmod.
  Result<PgResult> DescribeStatement(const std::string& sql, const std::stop_token& stop = {});

  // COPY … TO STDOUT. Then NextCopyData until it returns false; only that end says that the statement succeeded.
  Status StartCopyOut(const std::string& sql, const std::stop_token& stop = {});
  Result<bool> NextCopyData(CopyData* data, const std::stop_token& stop = {});

  // START_REPLICATION. What follows is raw()'s, asynchronously (cdc/log_receiver.h); EndCopy tells how it ended.
  Status StartCopyBoth(const std::string& sql, const std::stop_token& stop = {});
  Status EndCopy(const std::stop_token& stop = {});

  // COPY … FROM STDIN. PutCopyData returns when the kernel has the bytes (back-pressure); pieces may be cut anywhere.
  // EndCopyIn returns the rows the server counted. AbortCopyIn makes the COPY fail with this reason at the server.
  Status StartCopyIn(const std::string& sql, const std::stop_token& stop = {});
  Status PutCopyData(std::string_view bytes, const std::stop_token& stop = {});
  Result<int64_t> EndCopyIn(const std::stop_token& stop = {});
  Status AbortCopyIn(const std::string& reason);

  int server_version() const { return PQserverVersion(connection_); }  // 150020 for 15.20, 90624 for 9.6.24
  PGconn* raw() const { return connection_; }  // for libpq calls that do no I/O, and after StartCopyBoth
  // False after the connection was lost or a statement was cancelled: close it, and open another.
  bool is_usable() const { return !broken_ && PQstatus(connection_) == CONNECTION_OK; }
  bool is_in_transaction() const;
  // Grows libpq's receive buffer (it starts at 16 KiB and never shrinks): fewer system calls for a long COPY out.
  // Nothing to do the second time.
  Status GrowReceiveBuffer(int64_t bytes, const std::stop_token& stop = {});

  // Asks the server to cancel what runs on this session, and marks it unusable. The request travels over a session of
  // its own with the same TLS rules (libpq 15's PQcancel blocks without limit, in clear text), for kCancelSeconds at
  // most: where it is not delivered in time, the end of the socket has to do.
  void Cancel();
  static constexpr int kCancelSeconds = 3;

  // From now on errors tell no values of rows: what the server says about data (SQLSTATE class 22) loses what it
  // quotes. For sessions whose statements are ours; an error in a user's own query is of no use without its words.
  void HideRowValues() { hides_row_values_ = true; }

 private:
  explicit Connection(std::string display, bool had_percent_sequences);
  static Result<std::unique_ptr<Connection>> Open(const Address& address, bool for_replication,
                                                  const std::stop_token& stop);

  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  Status Connect(const ConnectParams& params, int timeout_seconds, const std::stop_token& stop);
  Status SetUpSession(const std::stop_token& stop);
  // Waits until the socket is readable (or writable, when asked). kCancelled on a stop, kTransient on the deadline or
  // the session's own.
  Status Wait(bool for_write, const Deadline& deadline, const std::stop_token& stop);
  // Asks the server over a session of its own, when the watch's time has come, whether it still works on what runs
  // here. kTransient, and the session is marked unusable: it does not, or nobody answers.
  Status CheckSilence(SilenceWatch* silence, const std::stop_token& stop);
  ServerWord AskServer(const std::stop_token& stop);
  // A session with the very server that `other` is connected to, for `seconds` in all and without further set-up.
  Status ConnectBeside(const Connection& other, int seconds, const std::stop_token& stop);
  Status Flush(const std::stop_token& stop);
  // The next result of the running statement, waiting for it; null at the end.
  Result<PGresult*> NextResult(const std::stop_token& stop);
  // The last result of the running statement, or its first error.
  Result<PgResult> Collect(const std::stop_token& stop);
  Status ExpectCopy(const std::string& sql, ExecStatusType expected, const std::stop_token& stop);
  Error LostError();                        // from PQerrorMessage; marks the session broken when it is
  Error ErrorFrom(const PGresult* result);  // from the server's error report

  PGconn* connection_ = nullptr;
  int wake_fd_ = -1;  // eventfd that a stop request writes to
  bool broken_ = false;
  bool hides_row_values_ = false;
  Deadline session_deadline_;  // of all its waits; nothing: none
  ConnectParams params_;       // as connected
  std::string server_pid_;     // of the server's process, which a pooler's protocol may call by another number
  std::string server_start_;   // when the server was started: tells it from others behind one address
  int connect_seconds_ = 15;
  int silence_seconds_ = 0;
  int64_t receive_buffer_bytes_ = 0;  // asked for by GrowReceiveBuffer
  std::string display_;               // the address without secrets
  bool had_percent_sequences_ = false;
};

// "name" with quotes inside doubled: safe in SQL whatever it holds (NUL cannot be in a name).
std::string QuoteIdentifier(std::string_view name);
// "schema"."name"
std::string QuoteName(std::string_view schema, std::string_view name);
// 'text' with quotes doubled and, where it holds a backslash, as E'…': safe under either standard_conforming_strings.
std::string QuoteLiteral(std::string_view text);

// Text of a field, and whether it is NULL.
inline std::string_view FieldText(const PgResult& result, int row, int column) {
  return {PQgetvalue(result.get(), row, column), static_cast<size_t>(PQgetlength(result.get(), row, column))};
}
inline bool FieldIsNull(const PgResult& result, int row, int column) {
  return PQgetisnull(result.get(), row, column) != 0;
}

}  // namespace nilus::postgres
