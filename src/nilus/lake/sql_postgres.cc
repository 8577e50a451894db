#include <libpq-fe.h>

#include "nilus/base/redact.h"
#include "nilus/lake/sql_drivers.h"

namespace nilus::lake {
namespace {

class PostgresConnection final : public SqlConnection {
 public:
  explicit PostgresConnection(std::string uri) : uri_(std::move(uri)) {}
  ~PostgresConnection() override { PQfinish(connection_); }

  Status Connect() {
    PQfinish(connection_);
    // Time limits stand before the URI's own parameters, which win.
    const char* const names[] = {"connect_timeout",  "application_name", "keepalives_idle",
                                 "tcp_user_timeout", "dbname",           nullptr};
    const char* const values[] = {"15", "nilus", "30", "60000", uri_.c_str(), nullptr};
    connection_ = PQconnectdbParams(names, values, /*expand_dbname=*/1);
    // By default they go to stderr, in the midst of a command's answer.
    PQsetNoticeReceiver(
        connection_, [](void*, const PGresult*) {}, nullptr);
    if (PQstatus(connection_) == CONNECTION_OK) return {};
    const std::string message = PQerrorMessage(connection_);
    const bool auth =
        message.find("authentication") != std::string::npos || message.find("password") != std::string::npos;
    return Fail(auth ? ErrorKind::kAuth : ErrorKind::kTransient, "PostgreSQL catalog: {}", Redact(message));
  }

  Result<SqlResult> Run(const std::string& sql, std::span<const std::string> parameters) override {
    if (PQstatus(connection_) != CONNECTION_OK) {
      if (in_transaction_) {
        in_transaction_ = false;
        return Fail(ErrorKind::kTransient, "PostgreSQL catalog: the connection was lost within a transaction");
      }
      NILUS_TRY(Connect());
    }
    std::vector<const char*> values;
    for (const std::string& parameter : parameters) {
      if (parameter.find('\0') != std::string::npos) {
        return Fail(ErrorKind::kInvalidInput, "PostgreSQL catalog: a name has a NUL character");
      }
      values.push_back(parameter.c_str());
    }
    knows_outcome_ = true;
    const std::unique_ptr<PGresult, void (*)(PGresult*)> answer(
        PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                     nullptr, 0),
        PQclear);
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return Problem(answer.get());
    if (sql == "BEGIN") in_transaction_ = true;
    if (sql == "COMMIT" || sql == "ROLLBACK") in_transaction_ = false;
    // COMMIT of a transaction that had failed says ROLLBACK, and is no error to the protocol.
    if (sql == "COMMIT" && std::string_view(PQcmdStatus(answer.get())) != "COMMIT") {
      return Fail(ErrorKind::kConflict, "PostgreSQL catalog: the transaction was rolled back");
    }
    SqlResult result;
    for (int row = 0; row < PQntuples(answer.get()); ++row) {
      auto& values_of_row = result.rows.emplace_back();
      for (int column = 0; column < PQnfields(answer.get()); ++column) {
        if (PQgetisnull(answer.get(), row, column) != 0) {
          values_of_row.emplace_back();
        } else {
          values_of_row.emplace_back(std::string(PQgetvalue(answer.get(), row, column)));
        }
      }
    }
    const std::string affected = PQcmdTuples(answer.get());
    for (const char c : affected) result.affected = result.affected * 10 + (c - '0');
    return result;
  }

  bool knows_outcome() const override { return knows_outcome_; }

 private:
  Failure Problem(const PGresult* answer) {
    const char* code = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    const std::string state = code == nullptr ? "" : code;
    if (state.empty() || PQstatus(connection_) != CONNECTION_OK) {
      knows_outcome_ = false;
      return Fail(ErrorKind::kTransient, "PostgreSQL catalog: the connection was lost: {}",
                  Redact(PQerrorMessage(connection_)));
    }
    ErrorKind kind = ErrorKind::kInternal;
    if (state.starts_with("40") || state.starts_with("55") || state.starts_with("57")) kind = ErrorKind::kTransient;
    if (state.starts_with("23")) kind = ErrorKind::kConflict;
    if (state.starts_with("28") || state == "42501") kind = ErrorKind::kAuth;
    if (state.starts_with("53")) kind = ErrorKind::kExhausted;
    if (state == "42P01" || state == "42P07") kind = state == "42P01" ? ErrorKind::kNotFound : ErrorKind::kConflict;
    return Fail(kind, "PostgreSQL catalog: {}", Redact(PQresultErrorMessage(answer)));
  }

  std::string uri_;
  PGconn* connection_ = nullptr;
  bool in_transaction_ = false;
  bool knows_outcome_ = true;
};

}  // namespace

Result<std::unique_ptr<SqlConnection>> OpenPostgresConnection(const std::string& uri) {
  auto connection = std::make_unique<PostgresConnection>(uri);
  NILUS_TRY(connection->Connect());
  return std::unique_ptr<SqlConnection>(std::move(connection));
}

Result<std::unique_ptr<SqlConnection>> OpenSql(const std::string& uri) {
  constexpr std::string_view kSqlite = "sqlite:///";
  if (uri.starts_with(kSqlite)) return OpenSqliteConnection(uri.substr(kSqlite.size()));
  if (uri.starts_with("postgresql://") || uri.starts_with("postgres://")) return OpenPostgresConnection(uri);
  return FailWithFix(ErrorKind::kInvalidInput, "write sqlite:///path or postgresql://user:password@host/database",
                     "{} is no database that holds a catalog", Redact(uri));
}

}  // namespace nilus::lake
