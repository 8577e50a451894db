// Reports as JSON for machines (`--json`). Keys are stable; every text is redacted. Numbers are JSON numbers, times
// RFC 3339 in UTC, absent values left out.
#pragma once

#include <string>

#include "nilus/engine/report.h"

namespace nilus {

// One object, no newline at the end. `indent` as in nlohmann::json::dump: -1 is one line.
std::string ToJson(const RunReport& report, int indent = -1);
std::string ToJson(const PlanReport& report, int indent = -1);
std::string ToJson(const StateReport& report, int indent = -1);

}  // namespace nilus
