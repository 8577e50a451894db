// Opening a database file that another process may hold.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"
#include "nilus/duck/database.h"

namespace nilus::duckdb {

// lock_wait_seconds of the options, else of the address, else 10 seconds. kInvalidInput: not from 0 to 86400.
Result<std::chrono::milliseconds> LockWait(const Address& address, const OptionValues& options);

// Waits as long as another process holds the file, at most `wait`: then kTransient. kCancelled soon after a stop.
Result<std::shared_ptr<duck::Database>> OpenFile(const duck::DatabaseConfig& config, std::chrono::milliseconds wait,
                                                 const std::stop_token& stop);

}  // namespace nilus::duckdb
