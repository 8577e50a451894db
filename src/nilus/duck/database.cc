#include "nilus/duck/database.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "nilus/base/private_folder.h"
#include "nilus/duck/error.h"
#include "nilus/duck/row_filter.h"
#include "nilus/duck/stream_feed.h"
#include "nilus/duck/stream_function.h"

namespace nilus::duck {
namespace {

// Files open in this process, by their real path. DuckDB's lock on a file is between processes only: a second instance
// on the same file here would damage it, so both users share one instance.
struct OpenFiles {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<std::string, std::weak_ptr<Database>, std::less<>> by_path;
};
OpenFiles& TheOpenFiles() {
  static OpenFiles files;
  return files;
}

class Config {
 public:
  Config() { duckdb_create_config(&config_); }
  ~Config() { duckdb_destroy_config(&config_); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  void Set(const char* name, const std::string& value) {
    if (duckdb_set_config(config_, name, value.c_str()) == DuckDBError && bad_.empty()) bad_ = name;
  }
  const std::string& bad() const { return bad_; }
  duckdb_config get() const { return config_; }

 private:
  duckdb_config config_ = nullptr;
  std::string bad_;
};

// The file's real path, or its folder's real path and its name while it does not exist yet.
Result<std::string> RealPath(const std::string& path) {
  std::error_code error;
  // Made absolute first: weakly_canonical leaves a relative name that does not exist yet without its folder.
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  std::filesystem::path real = error ? absolute : std::filesystem::weakly_canonical(absolute, error);
  if (error) return Fail(ErrorKind::kInvalidInput, "the path {} cannot be followed: {}", path, error.message());
  std::filesystem::path folder = real.parent_path();
  if (!std::filesystem::is_directory(folder, error)) {
    return FailWithFix(ErrorKind::kNotFound, "create it, or correct the address",
                       "the folder {} of the database {} does not exist", folder.string(), path);
  }
  return real.string();
}

// A process that is killed while DuckDB makes a file leaves one that nobody can open, and two that make it at once find
// each other's half. So it is made in a folder beside, and gets its place when it is whole. Where that cannot be,
// DuckDB makes it in its place, or says why not.
void MakeWhole(const std::string& path) {
  constexpr std::string_view kPrefix = ".nilus-new-";
  std::error_code error;
  // The error is not looked at: libstdc++ sets it for a file that is not there, too.
  if (std::filesystem::symlink_status(path, error).type() != std::filesystem::file_type::not_found) return;
  const std::filesystem::path place(path);
  SweepPrivateFolders(place.parent_path().string(), kPrefix);  // of killed processes
  Result<PrivateFolder> folder = PrivateFolder::Make(place.parent_path().string(), kPrefix);
  if (!folder) return;
  const std::string fresh = folder->path() + "/" + place.filename().string();
  duckdb_database made = nullptr;
  if (duckdb_open(fresh.c_str(), &made) != DuckDBSuccess) return;
  duckdb_close(&made);
  // Neither takes the place of a file that another process put there. Some file systems know only one of them.
  if (link(fresh.c_str(), path.c_str()) == 0 || errno == EEXIST) return;
  renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE);
}

}  // namespace

Result<std::shared_ptr<Database>> Database::Open(const DatabaseConfig& config) {
  if (config.path.find('\0') != std::string::npos) {
    return Fail(ErrorKind::kInvalidInput, "the path of a database holds a NUL character");
  }
  if (config.path.empty()) return OpenNew(config);

  NILUS_ASSIGN(std::string real_path, RealPath(config.path));
  OpenFiles& files = TheOpenFiles();
  std::unique_lock lock(files.mutex);
  for (auto found = files.by_path.find(real_path); found != files.by_path.end();
       found = files.by_path.find(real_path)) {
    std::shared_ptr<Database> open = found->second.lock();
    if (open == nullptr) {  // its last user is closing it and removes the entry when done
      files.closed.wait(lock);
      continue;
    }
    if (open->config_.read_only && !config.read_only) {
      lock.unlock();  // `open` may be the last user by now: its destructor takes the lock
      return FailWithFix(ErrorKind::kUnsupported, "let source and sink be different files",
                         "the database {} is being read by this process and cannot be opened for writing as well",
                         config.path);
    }
    return open;
  }
  DatabaseConfig real = config;
  real.path = real_path;
  if (!config.read_only) MakeWhole(real_path);
  NILUS_ASSIGN(std::shared_ptr<Database> opened, OpenNew(real));
  files.by_path[real_path] = opened;
  opened->listed_ = true;
  return opened;
}

Result<std::shared_ptr<Database>> Database::OpenNew(const DatabaseConfig& config) {
  std::shared_ptr<Database> database(new Database);
  database->config_ = config;
  database->threads_in_use_ = config.threads;
  NILUS_ASSIGN(database->spill_folder_, MakeTemporaryFolder("nilus-spill-"));

  Config settings;
  settings.Set("access_mode", config.read_only ? "READ_ONLY" : "READ_WRITE");
  settings.Set("memory_limit", fmt::format("{}B", config.memory_bytes));
  settings.Set("threads", fmt::format("{}", config.threads));
  settings.Set("temp_directory", database->spill_folder_.path());
  settings.Set("max_temp_directory_size", fmt::format("{}B", config.spill_bytes));
  settings.Set("preserve_insertion_order", config.preserve_insertion_order ? "true" : "false");
  settings.Set("autoinstall_known_extensions", "false");
  settings.Set("autoload_known_extensions", "false");
  if (!settings.bad().empty()) {
    return Fail(ErrorKind::kInternal, "this DuckDB library ({}) does not know the setting {}", duckdb_library_version(),
                settings.bad());
  }

  char* message = nullptr;
  const char* path = config.path.empty() ? nullptr : config.path.c_str();
  if (duckdb_open_ext(path, &database->handle_, settings.get(), &message) == DuckDBError) {
    Error error = MapError(DUCKDB_ERROR_INVALID, message == nullptr ? "the database cannot be opened" : message);
    duckdb_free(message);
    return Failure(
        InContext("opening " + (config.path.empty() ? "a database in memory" : config.path), std::move(error)));
  }
  database->streams_ = std::make_unique<StreamRegistry>();
  NILUS_TRY(RegisterStreamFunction(database->handle_, database->streams_.get()));
  database->row_sets_ = std::make_unique<RowSetRegistry>();
  NILUS_TRY(RegisterRowFilterFunction(database->handle_, database->row_sets_.get()));
  return database;
}

Database::~Database() {
  if (handle_ != nullptr) duckdb_close(&handle_);  // writes the checkpoint
  if (listed_) {
    OpenFiles& files = TheOpenFiles();
    std::lock_guard lock(files.mutex);
    files.by_path.erase(config_.path);
    files.closed.notify_all();
  }
}

}  // namespace nilus::duck
