// Reports as JSON for machines (`--json`). Keys are stable; every text but the position of a StateReport is redacted.
// Numbers are JSON numbers, times RFC 3339 in UTC, absent values left out.
#pragma once

#include <string>

#include "nilus/engine/report.h"

namespace nilus {

// One object, no newline at the end. `indent` as in nlohmann::json::dump: -1 is one line.
std::string ToJson(const RunReport& report, int indent = -1);
std::string ToJson(const PlanReport& report, int indent = -1);
std::string ToJson(const StateReport& report, int indent = -1);

// A committed position as `nilus state show` gives it, to be put back by `state set`: as it is, since a hash or key in
// which a short secret happens to stand would be another one without it. One that is no checkpoint of ours is redacted.
std::string PositionText(const std::string& position);

}  // namespace nilus
