// What is known of a capture without running it: `nilus plan`, `nilus state`, `nilus cdc`. Nothing here makes or moves
// anything at the source but DropCapture.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nilus/cdc/job.h"
#include "nilus/engine/report.h"

namespace nilus {

// `nilus cdc status`: what the sink has committed, what the source keeps, what the service says of itself.
struct CdcStatus {
  std::string pipeline;
  std::string destination;
  std::string position;  // committed, as the source shows it; empty: nothing is
  std::vector<std::string>
      pending;  // tables that are still to be read: "public.orders (initial, up to key [\"4711\"])"
  CaptureStatus source;
  std::string source_error;  // not empty: it could not be asked, and nothing is known of it
  std::string fix;           // of source.lost
  std::string head;          // as the source shows them
  std::string confirmed;
  std::optional<int64_t> behind_bytes;       // between what is committed and the head
  std::optional<double> seconds_until_lost;  // at the rate at which the source writes now
  std::string service;                       // status.json of its service; empty: none has run here
};
Result<CdcStatus> AskCdcStatus(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);
std::string ToJson(const CdcStatus& status);

// Leaves a request for the pipeline's service, running or not yet.
Status AskForSnapshot(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options,
                      const std::vector<std::string>& tables, bool anew);

// What the source keeps for the pipeline goes (its slot). The destination's tables and position stay.
Status DropCapture(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);

// `nilus plan`: whether both ends can be used, and what a start would do.
struct CdcPlan {
  std::string pipeline;
  std::string source;
  std::string destination;
  std::string strategy;            // "flatten, merge"
  std::vector<std::string> steps;  // sentences
  std::vector<CheckItem> source_checks;
  std::vector<CheckItem> sink_checks;
  std::vector<std::string> notices;
  bool IsUsable() const;
};
Result<CdcPlan> PlanCdc(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);
std::string ToJson(const CdcPlan& plan);

// The committed position, as engine/run.h has it for batch pipelines. `text` of Set: the JSON that Show gives.
Result<StateReport> ShowCdcState(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                 const RunOptions& options);
Result<StateReport> SetCdcState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options,
                                std::string_view text);
Result<StateReport> ResetCdcState(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                  const RunOptions& options);

}  // namespace nilus
