// The door of change data capture: runs a pipeline of `type: cdc` until it is told to stop.
//
// Whatever happens, the destination holds whole transactions with their position. A transient error, a conflict or a
// commit without an answer starts a new attempt from what is committed, with a back-off whose budget begins anew with
// everything that is committed. No call throws, and no thread outlives a call.
#pragma once

#include "nilus/cdc/job.h"
#include "nilus/engine/report.h"

namespace nilus {

// A requested stop is the usual end: what is whole is committed, and the run has succeeded. A failure is in the report.
RunReport RunCdc(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);
RunReport RunCdcJob(const CdcJob& job, const RunOptions& options);

}  // namespace nilus
