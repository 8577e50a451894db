#include "nilus/connectors/duckdb/open_file.h"

#include <algorithm>

#include "nilus/base/retry.h"

namespace nilus::duckdb {

Result<std::chrono::milliseconds> LockWait(const Address& address, const OptionValues& options) {
  constexpr std::string_view kName = "lock_wait_seconds";
  constexpr int64_t kMost = 86'400;
  auto seconds = ParseInteger(options.Has(kName) ? options.Text(kName) : address.Param(kName, "10"));
  if (!seconds || *seconds < 0 || *seconds > kMost)
    return Fail(ErrorKind::kInvalidInput, "{} is not a number from 0 to {}", kName, kMost);
  return std::chrono::seconds(*seconds);
}

Result<std::shared_ptr<duck::Database>> OpenFile(const duck::DatabaseConfig& config, std::chrono::milliseconds wait,
                                                 const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kPause{50};
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (true) {
    auto database = duck::Database::Open(config);
    if (database || database.error().kind != ErrorKind::kTransient) return database;
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return database;
    if (!SleepUnlessStopped(std::min(kPause, left), stop))
      return Fail(ErrorKind::kCancelled, "stopped while waiting for the database {}", config.path);
  }
}

}  // namespace nilus::duckdb
