// A connection to a SQLite file and its prepared statements: handles that close themselves, errors as values.
// Sources: sqlite.org/c3ref (result codes, busy and progress handlers).
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "nilus/base/address.h"
#include "nilus/base/result.h"

namespace nilus::sqlite {

// One prepared statement. Not thread-safe. Outlived by its Database.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(Statement&& other) noexcept : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(db_, other.db_);
    std::swap(statement_, other.statement_);
    return *this;
  }

  sqlite3_stmt* handle() const { return statement_; }
  void BindText(int index, std::string_view text);  // copies
  void BindInt(int index, int64_t value);
  // True: a row is there. False: done.
  Result<bool> Step();

  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string_view Text(int column) const;  // until the next Step
  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_;
};

struct DatabaseOptions {
  bool read_only = false;
  bool create = false;
  std::chrono::milliseconds busy_timeout{5000};
  int64_t cache_bytes = 0;  // page cache; 0: SQLite's default
};

// Not thread-safe, but for `set_stop`'s token being requested elsewhere.
class Database {
 public:
  // `path` as AddressPath gives it. kNotFound when there is no such file (unless `create`) or folder; kData when it is
  // no SQLite database. Functions of functions.h are registered.
  static Result<std::unique_ptr<Database>> Open(const std::string& path, const DatabaseOptions& options);
  ~Database() { sqlite3_close_v2(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* handle() const { return db_; }
  const std::string& path() const { return path_; }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

  // From now on statements end with kCancelled soon after a stop is requested.
  void set_stop(std::stop_token stop) { stop_ = std::move(stop); }

  Result<Statement> Prepare(std::string_view sql);
  // One statement to its end; rows that were changed.
  Result<int64_t> Execute(std::string_view sql);
  // Undoes the open transaction, if any. Cannot fail in a way that matters: closing does the same.
  void Rollback();

 private:
  Database(sqlite3* db, std::string path, std::chrono::milliseconds busy_timeout)
      : db_(db), path_(std::move(path)), busy_timeout_(busy_timeout) {}
  static int OnBusy(void* self, int attempt);
  static int OnProgress(void* self);

  sqlite3* db_;
  std::string path_;
  std::chrono::milliseconds busy_timeout_;
  std::chrono::steady_clock::time_point busy_since_{};
  std::stop_token stop_;
};

// The error of the last call on `db`, by its extended result code. `path`: of a file that could not be opened, whose
// name SQLite does not keep.
Error ErrorOf(sqlite3* db, int code, std::string_view path = {});

// The file of a sqlite:// address. kInvalidInput when it names none, or one of SQLite's special names (:memory:).
Result<std::string> AddressPath(const Address& address);
// The address's parameters as options; kInvalidInput for a bad value.
Result<DatabaseOptions> AddressOptions(const Address& address);

// The file exists (whatever is in it).
bool FileExists(const std::string& path);

}  // namespace nilus::sqlite
