// The database file an address names.
#pragma once

#include <string>

#include "nilus/base/address.h"
#include "nilus/base/result.h"

namespace nilus::duckdb {

// kInvalidInput: no path, a host, or a database in memory, which nobody but this process would ever see.
Result<std::string> FilePath(const Address& address);

}  // namespace nilus::duckdb
