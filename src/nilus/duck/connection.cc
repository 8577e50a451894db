#include "nilus/duck/connection.h"

#include <utility>

#include "nilus/duck/error.h"
#include "nilus/duck/statement.h"
#include "nilus/duck/stream_feed.h"

namespace nilus::duck {

Result<Connection> Connection::Open(std::shared_ptr<Database> database) {
  Connection connection;
  if (duckdb_connect(database->handle(), &connection.handle_) == DuckDBError) {
    return Fail(ErrorKind::kInternal, "DuckDB opened no connection to {}", database->config().path);
  }
  connection.database_ = std::move(database);
  // Instants are UTC here, in text too.
  NILUS_TRY(connection.Execute("SET TimeZone = 'UTC'"));
  return connection;
}

Connection::~Connection() {
  if (handle_ != nullptr) duckdb_disconnect(&handle_);
}

Connection::Connection(Connection&& other) noexcept
    : database_(std::move(other.database_)), handle_(std::exchange(other.handle_, nullptr)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(handle_, other.handle_);
  return *this;
}

Result<int64_t> Connection::Execute(const std::string& sql, TextParams params, std::stop_token stop) {
  NILUS_ASSIGN(PreparedHandle statement, Prepare(*this, sql, params));
  NILUS_ASSIGN(ResultHandle result, Run(*this, statement.get(), ResultMode::kMaterialized, stop));
  return static_cast<int64_t>(duckdb_rows_changed(result.get()));
}

Result<std::vector<TextRow>> Connection::Query(const std::string& sql, TextParams params, std::stop_token stop) {
  NILUS_ASSIGN(PreparedHandle statement, Prepare(*this, sql, params));
  NILUS_ASSIGN(ResultHandle result, Run(*this, statement.get(), ResultMode::kMaterialized, stop));
  return TextRowsOf(result);
}

Result<TextValue> Connection::QueryValue(const std::string& sql, TextParams params, std::stop_token stop) {
  NILUS_ASSIGN(std::vector<TextRow> rows, Query(sql, params, std::move(stop)));
  if (rows.empty() || rows[0].empty()) return TextValue();
  return rows[0][0];
}

Status Connection::UseThreads(int threads) {
  const int now = database_->threads_in_use();
  if (threads == now || (threads < now && !database_->streams().empty())) return {};
  NILUS_TRY(Execute(fmt::format("SET threads = {}", threads)));
  database_->threads_in_use() = threads;
  return {};
}

Result<std::string> Connection::CurrentCatalog() {
  NILUS_ASSIGN(TextValue name, QueryValue("SELECT current_database()"));
  return std::move(name).value_or("");
}

}  // namespace nilus::duck
