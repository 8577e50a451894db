// `nilus cdc status` and `nilus plan`: how the slot stands, and whether a committed position can be continued from it.
// Makes and moves nothing.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// What is lost when it is so.
std::string PublicationIsGone(const CaptureSettings& settings);

Result<CaptureStatus> AskCaptureStatus(const Address& address, Connection& connection, const CaptureSettings& settings,
                                       const std::optional<CommittedLog>& committed, const std::stop_token& stop);

}  // namespace nilus::postgres
