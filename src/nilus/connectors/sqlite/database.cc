#include "nilus/connectors/sqlite/database.h"

#include <sys/stat.h>

#include <filesystem>

#include "nilus/base/option_spec.h"
#include "nilus/base/retry.h"
#include "nilus/connectors/sqlite/functions.h"

namespace nilus::sqlite {
namespace {

static_assert(SQLITE_VERSION_NUMBER >= 3'037'000, "UPDATE … FROM, pragma_table_list and sqlite3_changes64 are needed");

constexpr int kProgressSteps = 20'000;  // virtual machine steps between two looks at the stop token: well under 10 ms
constexpr std::chrono::milliseconds kBusyWait{5};

std::string_view FileOf(sqlite3* db) {
  const char* name = sqlite3_db_filename(db, "main");
  return name == nullptr ? "" : name;
}

}  // namespace

Error ErrorOf(sqlite3* db, int code, std::string_view path) {
  const std::string_view message = sqlite3_errmsg(db);
  const std::string_view file = path.empty() ? FileOf(db) : path;
  const auto error = [&](ErrorKind kind, std::string text, std::string fix = {}) {
    return Error{kind, std::move(text), std::move(fix)};
  };
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(ErrorKind::kTransient,
                   fmt::format("SQLite file {} is in use by another program or run ({})", file, message),
                   "wait for it to end, or raise ?busy_timeout=<milliseconds> in the address");
    case SQLITE_INTERRUPT:
      return error(ErrorKind::kCancelled, "stopped");
    case SQLITE_FULL:
      return error(ErrorKind::kExhausted, fmt::format("no space left for SQLite file {} or its temporary files", file),
                   "free disk space (temporary files lie where SQLITE_TMPDIR says)");
    case SQLITE_NOMEM:
      return error(ErrorKind::kExhausted, "SQLite ran out of memory");
    case SQLITE_IOERR:
      return error(ErrorKind::kExhausted,
                   fmt::format("input/output error on SQLite file {} ({}, code {})", file, message, code),
                   "check the disk and its limits");
    case SQLITE_CORRUPT:
      return error(ErrorKind::kData, fmt::format("SQLite file {} is damaged ({})", file, message),
                   "run PRAGMA integrity_check on it, and restore it from a backup");
    case SQLITE_NOTADB:
      return error(ErrorKind::kData, fmt::format("{} is not a SQLite database", file), "check the address's path");
    case SQLITE_CANTOPEN:
      return error(ErrorKind::kAuth, fmt::format("cannot open SQLite file {} ({})", file, message),
                   "check the rights on the file and its folder");
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return error(ErrorKind::kAuth, fmt::format("SQLite file {} cannot be written ({})", file, message),
                   "check the rights on the file and its folder");
    case SQLITE_TOOBIG:
      return error(ErrorKind::kData, fmt::format("a value or statement exceeds SQLite's limit of {} bytes",
                                                 sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1)));
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return error(ErrorKind::kData, fmt::format("the destination refused a row: {}", message));
    case SQLITE_SCHEMA:
      return error(ErrorKind::kTransient, fmt::format("the tables of {} changed meanwhile ({})", file, message));
    case SQLITE_ERROR:
      if (message.find("no such table") != std::string_view::npos ||
          message.find("no such column") != std::string_view::npos) {
        return error(ErrorKind::kNotFound, std::string(message));
      }
      return error(ErrorKind::kInvalidInput, fmt::format("SQLite refused a statement: {}", message));
    default:
      return error(ErrorKind::kInternal, fmt::format("SQLite: {} (code {})", message, code));
  }
}

void Statement::BindText(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Statement::BindInt(int index, int64_t value) { sqlite3_bind_int64(statement_, index, value); }

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return Failure(ErrorOf(db_, sqlite3_extended_errcode(db_)));
}

std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return {text == nullptr ? "" : text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, const DatabaseOptions& options) {
  if (!FileExists(path)) {
    if (!options.create)
      return FailWithFix(ErrorKind::kNotFound, "check the address's path", "SQLite file {} does not exist", path);
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (!folder.empty() && !FileExists(folder.string())) {
      return FailWithFix(ErrorKind::kNotFound, "create the folder first", "folder {} of SQLite file {} does not exist",
                         folder.string(), path);
    }
  }
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return Fail(ErrorKind::kInvalidInput, "{} is not a file", path);
  }
  sqlite3* db = nullptr;
  // Reading, too, opens for writing where the rights allow it (SQLite falls back by itself): only so can it roll back
  // what a killed writer left behind. query_only keeps it from changing anything else.
  const int access = SQLITE_OPEN_READWRITE | (options.create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &db, access | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) {
    Error error =
        db == nullptr ? Error{ErrorKind::kExhausted, "SQLite ran out of memory", {}} : ErrorOf(db, code, path);
    sqlite3_close_v2(db);
    return Failure(std::move(error));
  }
  std::unique_ptr<Database> database(new Database(db, path, options.busy_timeout));
  sqlite3_busy_handler(db, &Database::OnBusy, database.get());
  sqlite3_progress_handler(db, kProgressSteps, &Database::OnProgress, database.get());
  NILUS_TRY(RegisterFunctions(db));
  // trusted_schema=OFF: no function in a view or trigger of a hostile file has side effects.
  for (const char* pragma : {"PRAGMA trusted_schema = OFF", "PRAGMA legacy_alter_table = ON",
                             "PRAGMA synchronous = EXTRA", "PRAGMA foreign_keys = OFF"}) {
    NILUS_TRY(database->Execute(pragma));
  }
  if (options.read_only) NILUS_TRY(database->Execute("PRAGMA query_only = ON"));
  if (options.cache_bytes > 0) {
    NILUS_TRY(database->Execute(fmt::format("PRAGMA cache_size = -{}", options.cache_bytes / 1024)));
    NILUS_TRY(database->Execute(fmt::format("PRAGMA temp.cache_size = -{}", options.cache_bytes / 1024)));
  }
  return database;
}

int Database::OnBusy(void* self, int attempt) {
  auto* database = static_cast<Database*>(self);
  const auto now = std::chrono::steady_clock::now();
  if (attempt == 0) database->busy_since_ = now;
  if (now - database->busy_since_ >= database->busy_timeout_) return 0;
  return SleepUnlessStopped(kBusyWait, database->stop_) ? 1 : 0;
}

int Database::OnProgress(void* self) { return static_cast<Database*>(self)->stop_.stop_requested() ? 1 : 0; }

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  if (sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &statement, &tail) != SQLITE_OK) {
    return Failure(ErrorOf(db_, sqlite3_extended_errcode(db_)));
  }
  return Statement(db_, statement);
}

Result<int64_t> Database::Execute(std::string_view sql) {
  if (stop_.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  NILUS_ASSIGN(Statement statement, Prepare(sql));
  const int64_t before = sqlite3_total_changes64(db_);
  while (true) {
    NILUS_ASSIGN(const bool row, statement.Step());
    if (!row) break;
  }
  return sqlite3_total_changes64(db_) - before;
}

void Database::Rollback() {
  stop_ = {};
  if (in_transaction()) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<std::string> AddressPath(const Address& address) {
  if (!address.host.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "write sqlite:///relative.db or sqlite:////absolute.db",
                       "a SQLite address has no host (`{}`)", address.host);
  }
  if (address.path.empty() || address.path == ":memory:") {
    return FailWithFix(ErrorKind::kInvalidInput, "write sqlite:///relative.db or sqlite:////absolute.db",
                       "the SQLite address names no file");
  }
  if (address.path.find('\0') != std::string::npos)
    return Fail(ErrorKind::kInvalidInput, "the SQLite address holds a NUL character");
  // "./" keeps SQLite from reading `file:…` as a URI with options of its own.
  return address.path.front() == '/' ? address.path : "./" + address.path;
}

Result<DatabaseOptions> AddressOptions(const Address& address) {
  DatabaseOptions options;
  const std::string text = address.Param("busy_timeout");
  if (text.empty()) return options;
  std::optional<int64_t> value = ParseInteger(text);
  if (!value || *value < 0 || *value > 86'400'000) {
    return Fail(ErrorKind::kInvalidInput, "busy_timeout={} is no number of milliseconds up to a day", text);
  }
  options.busy_timeout = std::chrono::milliseconds(*value);
  return options;
}

bool FileExists(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

}  // namespace nilus::sqlite
