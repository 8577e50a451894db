// What the include and exclude lists of a capture match, and what they seem to mean and do not.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// The address's database is the one that is captured: database.include.list and .exclude.list must say so.
// kInvalidInput.
Status CheckDatabase(Connection& connection, const CaptureSettings& settings);

// One sentence for each expression of a list that matches nothing that a capture can be about: nothing at all, or only
// what has no log of its own (views, foreign and unlogged tables), or what another list leaves out.
Result<std::vector<std::string>> TellUnmatched(Connection& connection, const CaptureSettings& settings,
                                               const std::stop_token& stop);

// The error of properties that capture no table: kNotFound.
Failure NothingIsCaptured(Connection& connection, const CaptureSettings& settings, const std::stop_token& stop);

}  // namespace nilus::postgres
