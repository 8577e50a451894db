#include "nilus/connectors/postgres/connection.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "nilus/base/log.h"
#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/options.h"
#include "nilus/connectors/postgres/silence.h"
#include "nilus/connectors/postgres/sqlstate.h"

namespace nilus::postgres {
namespace {

constexpr int kLongestPollMs = 3'600'000;
constexpr std::string_view kReplication = "replication";  // libpq's parameter

Failure Cancelled() { return Fail(ErrorKind::kCancelled, "stopped"); }

std::string_view TrimmedMessage(const char* message) {
  std::string_view text(message == nullptr ? "" : message);
  while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

void DropNotice(void*, const PGresult* result) {
  LogDebug("postgres: {}", TrimmedMessage(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
}

}  // namespace

Connection::Connection(std::string display, bool had_percent_sequences)
    : display_(std::move(display)), had_percent_sequences_(had_percent_sequences) {}

Connection::~Connection() {
  if (connection_ != nullptr) PQfinish(connection_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

Result<std::unique_ptr<Connection>> Connection::Open(const Address& address, const std::stop_token& stop) {
  return Open(address, false, stop);
}

Result<std::unique_ptr<Connection>> Connection::OpenReplication(const Address& address, const std::stop_token& stop) {
  return Open(address, true, stop);
}

Result<std::unique_ptr<Connection>> Connection::Open(const Address& address, bool for_replication,
                                                     const std::stop_token& stop) {
  NILUS_ASSIGN(ConnectPlan plan, PlanConnection(address));
  std::optional<Error> first_error;
  for (ConnectParams& params : plan.servers) {
    if (for_replication) params.emplace_back(kReplication, "database");
    std::unique_ptr<Connection> connection(new Connection(address.ToDisplay(), address.had_percent_sequences));
    Status connected = connection->Connect(params, plan.timeout_seconds, stop);
    connection->connect_seconds_ = plan.timeout_seconds;
    // What a session of the replication protocol does is not shown the same by all versions.
    connection->silence_seconds_ = for_replication ? 0 : plan.silence_seconds;
    if (connected) connected = connection->SetUpSession(stop);
    if (connected) return connection;
    if (connected.error().kind == ErrorKind::kCancelled) return Failure(connected.error());
    // The others may work; what is reported is the first one's trouble.
    if (!first_error) first_error = connected.error();
  }
  return Failure(*first_error);
}

Status Connection::Connect(const ConnectParams& params, int timeout_seconds, const std::stop_token& stop) {
  if (stop.stop_requested()) return Cancelled();
  params_ = params;
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : params_) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return Fail(ErrorKind::kExhausted, "no file descriptor is left for a connection");
  connection_ = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (connection_ == nullptr) return Fail(ErrorKind::kExhausted, "no memory is left for a connection");
  PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);  // the only way to the SQLSTATE of a refused login
  PQsetNoticeReceiver(connection_, DropNotice, nullptr);
  Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_seconds);
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(connection_) != CONNECTION_BAD && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    Status waited = Wait(state == PGRES_POLLING_WRITING, deadline, stop);
    if (!waited && waited.error().kind == ErrorKind::kTransient) {
      return FailWithFix(ErrorKind::kTransient,
                         "check host, port and firewall, or raise connect_timeout in the address",
                         "cannot connect to {}: no answer within {} seconds", display_, timeout_seconds);
    }
    NILUS_TRY(waited);
    state = PQconnectPoll(connection_);
  }
  if (state != PGRES_POLLING_OK)
    return Failure(ConnectError(display_, PQerrorMessage(connection_), had_percent_sequences_));
  PQsetErrorVerbosity(connection_, PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection_, 1) != 0) return Failure(LostError());
  return {};
}

Status Connection::SetUpSession(const std::stop_token& stop) {
  if (server_version() < 100000) {
    return FailWithFix(ErrorKind::kUnsupported, "upgrade the server",
                       "{} runs PostgreSQL {}; 10 and later are supported", display_, server_version() / 10000);
  }
  std::string sql =
      "SET TimeZone='UTC';SET DateStyle='ISO, MDY';SET IntervalStyle='postgres';SET extra_float_digits=3;"
      "SET bytea_output='hex';SET standard_conforming_strings=on;SET array_nulls=on;"
      // A session that keeps a snapshot waits for slow readers and sinks.
      "SET idle_in_transaction_session_timeout=0";
  if (server_version() >= 110000) sql += ";SET jit=off";
  // A database without encoding may hold any bytes: asked for UTF8, the server would refuse to send them.
  const char* encoding = PQparameterStatus(connection_, "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) == "SQL_ASCII") sql += ";SET client_encoding='SQL_ASCII'";
  sql += ";SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_postmaster_start_time()";
  NILUS_ASSIGN(PgResult server, Execute(sql, stop));
  server_pid_ = FieldText(server, 0, 0);
  server_start_ = FieldText(server, 0, 1);
  return {};
}

Status Connection::Wait(bool for_write, const Deadline& deadline, const std::stop_token& stop) {
  std::stop_callback wake(stop, [fd = wake_fd_] { static_cast<void>(eventfd_write(fd, 1)); });
  SilenceWatch silence(silence_seconds_);
  while (true) {
    if (stop.stop_requested()) {
      Cancel();
      return Cancelled();
    }
    // While writing, also watch for what the server says: it may have failed and wait for us to read that.
    std::array<pollfd, 2> fds = {
        {{PQsocket(connection_), static_cast<short>(for_write ? POLLOUT | POLLIN : POLLIN), 0}, {wake_fd_, POLLIN, 0}}};
    int timeout_ms = -1;
    const Deadline& end = deadline ? deadline : session_deadline_;
    if (const Deadline& nearest = end ? end : silence.next_question(); nearest) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*nearest - std::chrono::steady_clock::now());
      if (left.count() <= 0 && end) return Fail(ErrorKind::kTransient, "timed out");
      if (left.count() <= 0) {
        NILUS_TRY(CheckSilence(&silence, stop));
        continue;
      }
      timeout_ms = static_cast<int>(std::min<int64_t>(left.count(), kLongestPollMs)) + 1;
    }
    int ready = poll(fds.data(), fds.size(), timeout_ms);
    if (ready < 0 && errno != EINTR) return Fail(ErrorKind::kInternal, "poll failed with error {}", errno);
    // Of this call's token, which is looked at above, or left by an earlier call that had its answer by then.
    eventfd_t ignored = 0;
    if (ready > 0 && fds[1].revents != 0) static_cast<void>(eventfd_read(wake_fd_, &ignored));
    if (ready > 0 && fds[0].revents != 0) return {};
  }
}

Status Connection::ConnectBeside(const Connection& other, int seconds, const std::stop_token& stop) {
  ConnectParams params = other.params_;
  // To the very same server; its name is known already, and would be looked up without a time limit.
  std::erase_if(params, [](const auto& param) {
    return param.first == "hostaddr" || param.first == "target_session_attrs" || param.first == kReplication;
  });
  const char* hostaddr = PQhostaddr(other.connection_);
  if (hostaddr != nullptr && *hostaddr != '\0' && *hostaddr != '/') params.emplace_back("hostaddr", hostaddr);
  session_deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  return Connect(params, seconds, stop);
}

void Connection::Cancel() {
  if (std::exchange(broken_, true) || connection_ == nullptr || PQstatus(connection_) != CONNECTION_OK) return;
  if (PQtransactionStatus(connection_) != PQTRANS_ACTIVE || server_pid_.empty()) return;  // nothing runs
  Connection messenger(display_, had_percent_sequences_);
  Status sent = messenger.ConnectBeside(*this, kCancelSeconds, {});
  if (sent) {
    sent = messenger.Execute("SELECT pg_catalog.pg_cancel_backend(" + server_pid_ + ")").map([](const PgResult&) {});
  }
  if (!sent) LogDebug("postgres: a statement could not be cancelled at the server: {}", sent.error().message);
}

Status Connection::Flush(const std::stop_token& stop) {
  while (true) {
    int left = PQflush(connection_);
    if (left == 0) return {};
    if (left < 0) return Failure(LostError());
    NILUS_TRY(Wait(true, std::nullopt, stop));
    if (PQconsumeInput(connection_) == 0) return Failure(LostError());
  }
}

Result<PGresult*> Connection::NextResult(const std::stop_token& stop) {
  NILUS_TRY(Flush(stop));
  while (PQisBusy(connection_) != 0) {
    NILUS_TRY(Wait(false, std::nullopt, stop));
    if (PQconsumeInput(connection_) == 0) return Failure(LostError());
  }
  return PQgetResult(connection_);
}

Result<PgResult> Connection::Collect(const std::stop_token& stop) {
  PgResult last;
  std::optional<Error> error;
  while (true) {
    NILUS_ASSIGN(PGresult * next, NextResult(stop));
    if (next == nullptr) break;
    last.reset(next);
    switch (PQresultStatus(next)) {
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return last;
      case PGRES_BAD_RESPONSE:
      case PGRES_FATAL_ERROR:
        if (!error) error = ErrorFrom(next);
        break;
      default:
        break;
    }
    if (PQstatus(connection_) == CONNECTION_BAD) break;
  }
  if (error) return Failure(*std::move(error));
  if (!last) return Failure(LostError());
  return last;
}

Result<PgResult> Connection::Execute(const std::string& sql, const std::stop_token& stop) {
  if (sql.find('\0') != std::string::npos) return Fail(ErrorKind::kInvalidInput, "the SQL holds a NUL character");
  if (PQsendQuery(connection_, sql.c_str()) == 0) return Failure(LostError());
  return Collect(stop);
}

Result<PgResult> Connection::Query(const std::string& sql, std::span<const Parameter> parameters,
                                   const std::stop_token& stop) {
  std::vector<const char*> values;
  for (const Parameter& parameter : parameters) {
    if (parameter && parameter->find('\0') != std::string::npos) {
      return Fail(ErrorKind::kInvalidInput, "a value holds a NUL character, which PostgreSQL has no room for");
    }
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                        nullptr, 0) == 0) {
    return Failure(LostError());
  }
  return Collect(stop);
}

Result<PgResult> Connection::DescribeStatement(const std::string& sql, const std::stop_token& stop) {
  if (sql.find('\0') != std::string::npos) return Fail(ErrorKind::kInvalidInput, "the SQL holds a NUL character");
  if (PQsendPrepare(connection_, "", sql.c_str(), 0, nullptr) == 0) return Failure(LostError());
  NILUS_TRY(Collect(stop));
  if (PQsendDescribePrepared(connection_, "") == 0) return Failure(LostError());
  return Collect(stop);
}

Status Connection::ExpectCopy(const std::string& sql, ExecStatusType expected, const std::stop_token& stop) {
  NILUS_ASSIGN(PgResult result, Execute(sql, stop));
  if (PQresultStatus(result.get()) == expected) return {};
  broken_ = true;
  return Fail(ErrorKind::kInternal, "{} answered a COPY with {}", display_, PQresStatus(PQresultStatus(result.get())));
}

Status Connection::StartCopyOut(const std::string& sql, const std::stop_token& stop) {
  return ExpectCopy(sql, PGRES_COPY_OUT, stop);
}

Result<bool> Connection::NextCopyData(CopyData* data, const std::stop_token& stop) {
  data->Clear();  // before the next one is there: either may be a row of 100 MB
  while (true) {
    char* bytes = nullptr;
    int size = PQgetCopyData(connection_, &bytes, 1);
    if (size > 0) {
      data->Set(bytes, static_cast<size_t>(size));
      return true;
    }
    if (size == 0) {
      NILUS_TRY(Wait(false, std::nullopt, stop));
      if (PQconsumeInput(connection_) == 0) return Failure(LostError());
      continue;
    }
    if (size == -2) return Failure(LostError());
    NILUS_TRY(Collect(stop));
    return false;
  }
}

Status Connection::StartCopyBoth(const std::string& sql, const std::stop_token& stop) {
  return ExpectCopy(sql, PGRES_COPY_BOTH, stop);
}

Status Connection::EndCopy(const std::stop_token& stop) {
  NILUS_TRY(Collect(stop));
  return {};
}

Status Connection::StartCopyIn(const std::string& sql, const std::stop_token& stop) {
  return ExpectCopy(sql, PGRES_COPY_IN, stop);
}

Status Connection::PutCopyData(std::string_view bytes, const std::stop_token& stop) {
  constexpr size_t kMostAtOnce = 1 << 20;  // libpq copies what it is given
  while (!bytes.empty()) {
    size_t size = std::min(bytes.size(), kMostAtOnce);
    int put = ::PQputCopyData(connection_, bytes.data(), static_cast<int>(size));
    if (put < 0) {
      // The server may have ended the COPY with an error, which says more than libpq does.
      auto ended = Collect(stop);
      return Failure(ended ? LostError() : ended.error());
    }
    if (put == 0) {
      NILUS_TRY(Wait(true, std::nullopt, stop));
      continue;
    }
    bytes.remove_prefix(size);
    NILUS_TRY(Flush(stop));
  }
  return {};
}

Result<int64_t> Connection::EndCopyIn(const std::stop_token& stop) {
  int put = PQputCopyEnd(connection_, nullptr);
  while (put == 0) {
    NILUS_TRY(Wait(true, std::nullopt, stop));
    put = PQputCopyEnd(connection_, nullptr);
  }
  if (put < 0 && PQstatus(connection_) == CONNECTION_BAD) return Failure(LostError());
  NILUS_ASSIGN(PgResult result, Collect(stop));
  return ParseInteger(PQcmdTuples(result.get())).value_or(0);
}

Status Connection::AbortCopyIn(const std::string& reason) {
  if (PQputCopyEnd(connection_, reason.c_str()) < 0) return Failure(LostError());
  auto ended = Collect({});  // fails by design; what matters is whether the session is still there
  if (!ended && !is_usable()) return Failure(ended.error());
  return {};
}

bool Connection::is_in_transaction() const {
  PGTransactionStatusType status = PQtransactionStatus(connection_);
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

Status Connection::GrowReceiveBuffer(int64_t bytes, const std::stop_token& stop) {
  if (bytes <= receive_buffer_bytes_) return {};
  NILUS_TRY(Execute("SELECT pg_catalog.repeat(' ', " + std::to_string(bytes) + ")", stop));
  receive_buffer_bytes_ = bytes;
  return {};
}

Error Connection::LostError() {
  broken_ = true;
  std::string message = OnOneLine(TrimmedMessage(PQerrorMessage(connection_)));
  return Error{ErrorKind::kTransient, fmt::format("the connection to {} was lost: {}", display_, message), {}};
}

// DETAIL and CONTEXT are left out: they quote rows.
Error Connection::ErrorFrom(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr) return LostError();
  std::string_view code(state);
  std::string message(TrimmedMessage(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
  const bool hides = hides_row_values_ && code.starts_with("22");
  if (hides) message = WithoutQuotedValues(message);
  const char* table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
  const char* schema = PQresultErrorField(result, PG_DIAG_SCHEMA_NAME);
  const char* column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
  if (hides && column == nullptr) {
    const char* context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    std::string name = ColumnInCopyContext(context != nullptr ? context : "");
    if (!name.empty()) message += fmt::format(" (column {})", name);
  }
  if (table != nullptr && schema != nullptr) {
    message += fmt::format(" (table {}.{}{}{})", schema, table, column != nullptr ? ", column " : "",
                           column != nullptr ? column : "");
  }
  Error error{KindOfSqlState(code), fmt::format("{} [SQLSTATE {}]", message, code), std::string(FixOfSqlState(code))};
  const char* hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
  if (error.fix.empty() && hint != nullptr && !hides) error.fix = TrimmedMessage(hint);
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity != nullptr && std::string_view(severity) != "ERROR")
    broken_ = true;  // FATAL, PANIC: the session has ended
  if (error.kind == ErrorKind::kAuth && had_percent_sequences_ && code.starts_with("28")) {
    error.fix +=
        "; a value filled into the address holds %XX sequences: use the filter urldecode if it is percent-encoded";
  }
  return error;
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    if (c != '\0') quoted += c;
  }
  return quoted + "\"";
}

std::string QuoteName(std::string_view schema, std::string_view name) {
  return QuoteIdentifier(schema) + "." + QuoteIdentifier(name);
}

std::string QuoteLiteral(std::string_view text) {
  bool has_backslash = text.find('\\') != std::string_view::npos;
  std::string quoted = has_backslash ? " E'" : "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    if (c != '\0') quoted += c;
  }
  return quoted + "'";
}

}  // namespace nilus::postgres
