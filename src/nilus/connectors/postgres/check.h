// `nilus check` of a PostgreSQL server.
#pragma once

#include <stop_token>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

Result<std::vector<CheckItem>> CheckServer(Connection& connection, const std::stop_token& stop);

}  // namespace nilus::postgres
