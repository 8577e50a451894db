// Writing to a DuckDB file: one transaction a load, state included.
#pragma once

#include <memory>

#include "nilus/base/address.h"
#include "nilus/connector/connector.h"

namespace nilus::duckdb {

// Creates the file when it does not exist. kTransient names the process that holds it.
Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext& context);

}  // namespace nilus::duckdb
