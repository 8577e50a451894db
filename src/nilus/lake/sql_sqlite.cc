#include <sqlite3.h>

#include "nilus/lake/sql_drivers.h"

namespace nilus::lake {
namespace {

constexpr int kBusyWaitMs = 30'000;

class SqliteConnection final : public SqlConnection {
 public:
  SqliteConnection(sqlite3* database, std::string path) : database_(database), path_(std::move(path)) {}
  ~SqliteConnection() override { sqlite3_close(database_); }

  Result<SqlResult> Run(const std::string& sql, std::span<const std::string> parameters) override {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(database_, sql.data(), static_cast<int>(sql.size()), &raw, nullptr) != SQLITE_OK) {
      return Problem();
    }
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (sqlite3_bind_text(raw, static_cast<int>(i) + 1, parameters[i].data(), static_cast<int>(parameters[i].size()),
                            SQLITE_TRANSIENT) != SQLITE_OK) {
        return Problem();
      }
    }
    SqlResult result;
    for (;;) {
      const int step = sqlite3_step(raw);
      if (step == SQLITE_DONE) break;
      if (step != SQLITE_ROW) return Problem();
      auto& row = result.rows.emplace_back();
      for (int column = 0; column < sqlite3_column_count(raw); ++column) {
        if (sqlite3_column_type(raw, column) == SQLITE_NULL) {
          row.emplace_back();
        } else {
          const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, column));
          row.emplace_back(std::string(text, static_cast<size_t>(sqlite3_column_bytes(raw, column))));
        }
      }
    }
    result.affected = sqlite3_changes(database_);
    return result;
  }

  bool knows_outcome() const override { return true; }

 private:
  Failure Problem() const {
    const int code = sqlite3_errcode(database_) & 0xFF;
    ErrorKind kind = ErrorKind::kInternal;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) kind = ErrorKind::kTransient;
    if (code == SQLITE_CONSTRAINT) kind = ErrorKind::kConflict;
    if (code == SQLITE_FULL || code == SQLITE_NOMEM || code == SQLITE_IOERR) kind = ErrorKind::kExhausted;
    if (code == SQLITE_CANTOPEN) kind = ErrorKind::kNotFound;
    if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_AUTH) kind = ErrorKind::kAuth;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = ErrorKind::kData;
    return Fail(kind, "SQLite catalog {}: {}", path_, sqlite3_errmsg(database_));
  }

  sqlite3* database_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<SqlConnection>> OpenSqliteConnection(const std::string& path) {
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &database,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto connection = std::make_unique<SqliteConnection>(database, path);
  if (code != SQLITE_OK) {
    return Fail(ErrorKind::kNotFound, "SQLite catalog {} cannot be opened: {}", path, sqlite3_errstr(code));
  }
  sqlite3_busy_timeout(database, kBusyWaitMs);
  sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  return std::unique_ptr<SqlConnection>(std::move(connection));
}

}  // namespace nilus::lake
