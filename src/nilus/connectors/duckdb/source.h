// Reading a DuckDB file: one split, streamed from one transaction, in which the upper bound is taken too.
#pragma once

#include <memory>

#include "nilus/base/address.h"
#include "nilus/connector/connector.h"

namespace nilus::duckdb {

// The file is opened read-only: other processes may read it at the same time.
Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context);

}  // namespace nilus::duckdb
