// The reading half of the PostgreSQL connector.
#pragma once

#include <memory>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connector/connector.h"
#include "nilus/connector/source.h"

namespace nilus::postgres {

// Connects on first use. Plan opens a read-only REPEATABLE READ transaction, holds ACCESS SHARE on the table (so that a
// DROP, TRUNCATE or ALTER waits for the read to end) and, for several splits, exports its snapshot to their sessions.
Result<std::unique_ptr<Source>> OpenPostgresSource(const Address& address, const OpenContext& context);

}  // namespace nilus::postgres
