// The engine's door: runs, plans and inspects batch pipelines.
//
//   Committed → plan → open → read | normalize | write → Finish → Commit
//
// Whatever happens, the destination holds either all of a run's rows together with their position or none of them. The
// sink's committed position is the only truth: every attempt starts from it, and a commit whose answer was lost is
// looked up before anything else is done.
//
// No call throws, and no thread outlives a call.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/memory_plan.h"
#include "nilus/base/result.h"
#include "nilus/base/retry.h"
#include "nilus/connector/connector.h"
#include "nilus/engine/progress.h"
#include "nilus/engine/report.h"
#include "nilus/manifest/pipeline.h"

namespace nilus {

struct RunOptions {
  // Attempts of the whole run. A long load may fail late and still be tried again.
  RetryPolicy retry{.total_budget = std::chrono::hours(24)};
  // As long as no attempt got through to both ends, and no other run stood in the way, there are at most so many: a
  // wrong host or a server that is down shows after a few seconds, while one that restarts meanwhile has the whole
  // budget.
  int attempts_to_get_through = 5;
  // Looks after a commit without an answer: long enough for a server that restarts meanwhile.
  RetryPolicy commit_lookup{
      .max_attempts = 1000, .max_delay = std::chrono::seconds(5), .total_budget = std::chrono::minutes(2)};
  Progress* progress = nullptr;  // null: nobody watches
  // A requested stop ends the run without a commit: the error is kCancelled, the destination as before. A commit that
  // was sent already is still waited for.
  std::stop_token stop;
  std::string run_id;              // empty: a new one
  int64_t memory_limit_bytes = 0;  // 0: the manifest's limit, else kDefaultMemoryLimit
  int threads = 0;                 // 0: the manifest's cpu limit, else the processors of the machine
  VariableLookup variables;        // ResolvedPipeline::variables, for SCHEMA_NAMING; null: the process environment
};

// Runs one batch pipeline whose addresses are resolved (manifest/resolve.h). A failure is in the report, not thrown or
// returned: a failed run is recorded all the same.
RunReport RunPipeline(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);

// What a run would do now: connects, reads schemas and state, writes nothing.
Result<PlanReport> PlanPipeline(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);

// The committed position in the destination.
Result<StateReport> ShowState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);
// Commits a position without rows: `text` is the JSON that ShowState gives, or a bare value of the incremental key.
// kInvalidInput when it is neither. Returns the state afterwards.
Result<StateReport> SetState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options,
                             std::string_view text);
// Forgets the position: the next run starts from the beginning. The rows stay.
Result<StateReport> ResetState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);

// Key of the pipeline's state: "workspace/name[/node]:schema.table". A pipeline without a name (`nilus ingest`) is
// named by a hash of its addresses (as shown, so no password takes part) and tables.
std::string PipelineStateKey(const Pipeline& pipeline);

}  // namespace nilus
