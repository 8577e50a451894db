// The door of change data capture: runs a pipeline of `type: cdc` until it is told to stop, and says what it would do.
//
// Whatever happens, the destination holds whole transactions with their position. A transient error, a conflict or a
// commit without an answer starts a new attempt from what is committed, with a back-off whose budget begins anew with
// everything that is committed. No call throws, and no thread outlives a call.
#pragma once

#include <string>
#include <vector>

#include "nilus/cdc/job.h"
#include "nilus/engine/report.h"

namespace nilus {

// A requested stop is the usual end: what is whole is committed, and the run has succeeded. A failure is in the report.
RunReport RunCdc(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);
RunReport RunCdcJob(const CdcJob& job, const RunOptions& options);

// What `nilus cdc status` shows.
struct CdcStatus {
  std::string pipeline;
  std::string destination;
  std::string position;  // committed, as the source shows it; empty: nothing is
  std::string identity;
  std::string head;  // how far the source has written
  std::string confirmed;
  std::string state;  // of what the source keeps for the pipeline: "streaming", "no slot", …
  int64_t retained_bytes = 0;
  std::optional<int64_t> bytes_until_lost;
  std::vector<std::string> pending;  // "public.orders (initial, up to [\"4711\"])"
  std::string service;               // status.json of the running service; empty: none has run here
};
Result<CdcStatus> AskCdcStatus(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);
std::string ToJson(const CdcStatus& status);

// Leaves a request for the pipeline's service, running or not yet.
Status AskForSnapshot(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options,
                      const std::vector<std::string>& tables, bool anew);

// Reads tables and state, and starts nothing: each captured table with the destination's.
Result<std::vector<CheckItem>> CheckCdc(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                        const RunOptions& options);

}  // namespace nilus
