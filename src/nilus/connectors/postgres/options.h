// What an address of PostgreSQL may say, and how it becomes libpq's connection parameters.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"

namespace nilus::postgres {

std::span<const OptionSpec> AddressParams();

// Keyword and value pairs for one server, for PQconnectStartParams.
using ConnectParams = std::vector<std::pair<std::string, std::string>>;

struct ConnectPlan {
  std::vector<ConnectParams> servers;  // to be tried in this order
  int timeout_seconds = 15;            // for each
  int silence_seconds = 60;            // 0: silence is never asked about
};

// Applies the rules of spec 02: without sslmode, hosts other than loopback and sockets get verify-full, with the
// system's certificates unless sslrootcert is given. kInvalidInput for an unknown or contradictory parameter, and where
// libpq's environment (PGHOST, PGSERVICE, …) would decide what the address leaves open.
Result<ConnectPlan> PlanConnection(const Address& address);

}  // namespace nilus::postgres
