// What a run, a plan or a state looks like to a person. Pure; texts are redacted and safe for a terminal.
#pragma once

#include <string>
#include <string_view>

#include "nilus/cdc/inspect.h"
#include "nilus/cli/command.h"
#include "nilus/engine/report.h"
#include "nilus/manifest/pipeline.h"

namespace nilus::cli {

// What landed where, in two to a few lines. Not for failed runs.
std::string RenderRunSummary(const Context& context, const RunReport& report, const Pipeline& pipeline);

// "next: nilus query …", a command that shows what landed; empty when nothing did.
std::string RenderNextStep(const RunReport& report, const Pipeline& pipeline);

std::string RenderPlan(const Context& context, const PlanReport& plan);
std::string RenderCdcPlan(const CdcPlan& plan);
std::string RenderState(const StateReport& state);

// A shell word that stands for `text`: quoted when it must be.
std::string ShellQuote(std::string_view text);

}  // namespace nilus::cli
