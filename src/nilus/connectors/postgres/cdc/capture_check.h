// `nilus check` of a capture: everything Start would refuse, all at once and without making anything.
#pragma once

#include <stop_token>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/connector/source.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// kUnsupported with the statement that mends it.
Status CheckWalLevel(Connection& connection, const std::stop_token& stop);
// The plugin sends the database's own encoding, and that has to be one we read. kUnsupported.
Status CheckEncoding(Connection& connection, const CaptureSettings& settings);
// A session of the replication protocol; a refusal says which right is missing, and how it is granted.
Result<std::unique_ptr<Connection>> OpenForReplication(const Address& address, Connection& connection,
                                                       const std::stop_token& stop);

Result<std::vector<CheckItem>> CheckCapture(const Address& address, Connection& connection,
                                            const CaptureSettings& settings, const std::stop_token& stop);

}  // namespace nilus::postgres
