#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "nilus/lake/sql_drivers.h"

namespace nilus::lake {
namespace {

constexpr int kBusyWaitMs = 30'000;
constexpr std::string_view kInMemory = ":memory:";

class SqliteConnection final : public SqlConnection {
 public:
  explicit SqliteConnection(std::string path) : path_(std::move(path)) {}
  ~SqliteConnection() override { sqlite3_close(database_); }

  // Readers make no file: a mistyped path would become an empty catalog.
  Status Open() {
    if (path_ == kInMemory) return OpenAs(SQLITE_OPEN_CREATE);
    struct stat info {};
    if (stat(path_.c_str(), &info) == 0 || errno != ENOENT) return OpenAs(0);
    const size_t slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    if (stat(folder.c_str(), &info) == 0) return {};
    return FailWithFix(ErrorKind::kNotFound, "check catalog_uri, or make the folder",
                       "SQLite catalog {} cannot be opened: its folder does not exist", path_);
  }

  Status Create() override { return database_ != nullptr ? Status() : OpenAs(SQLITE_OPEN_CREATE); }

  Result<SqlResult> Run(const std::string& sql, std::span<const std::string> parameters) override {
    if (database_ == nullptr) NILUS_TRY(Open());  // somebody may have made it since
    if (database_ == nullptr) return Fail(ErrorKind::kNotFound, "SQLite catalog {} does not exist", path_);
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
  Status OpenAs(int more_flags) {
    const int code =
        sqlite3_open_v2(path_.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | more_flags, nullptr);
    if (code != SQLITE_OK) {
      sqlite3_close(std::exchange(database_, nullptr));
      return Fail(ErrorKind::kNotFound, "SQLite catalog {} cannot be opened: {}", path_, sqlite3_errstr(code));
    }
    sqlite3_busy_timeout(database_, kBusyWaitMs);
    sqlite3_limit(database_, SQLITE_LIMIT_ATTACHED, 0);
    return {};
  }

  Failure Problem() const {
    const int code = sqlite3_errcode(database_) & 0xFF;
    ErrorKind kind = ErrorKind::kInternal;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) kind = ErrorKind::kTransient;
    if (code == SQLITE_CONSTRAINT) kind = ErrorKind::kConflict;
    if (code == SQLITE_FULL || code == SQLITE_NOMEM || code == SQLITE_IOERR) kind = ErrorKind::kExhausted;
    const std::string_view message = sqlite3_errmsg(database_);
    if (code == SQLITE_CANTOPEN || message.starts_with("no such table")) kind = ErrorKind::kNotFound;
    if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_AUTH) kind = ErrorKind::kAuth;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) kind = ErrorKind::kData;
    return Fail(kind, "SQLite catalog {}: {}", path_, message);
  }

  sqlite3* database_ = nullptr;  // null: the file is not there
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<SqlConnection>> OpenSqliteConnection(const std::string& path) {
  auto connection = std::make_unique<SqliteConnection>(path);
  NILUS_TRY(connection->Open());
  return std::unique_ptr<SqlConnection>(std::move(connection));
}

}  // namespace nilus::lake
