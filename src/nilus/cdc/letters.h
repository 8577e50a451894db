// `nilus dead-letters` of a capture: the rows that its contract kept out (docs/cdc.md). They lie beside each table, as
// those of batch pipelines do; a replay is none of them, as the table is read anew instead (`nilus cdc snapshot`).
#pragma once

#include <string>
#include <vector>

#include "nilus/cdc/job.h"
#include "nilus/engine/dead_letters.h"

namespace nilus {

// Of each table of the committed position that has letters, in the order of their names; of all together at most `most`
// are shown.
Result<std::vector<DeadLettersReport>> ListCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                                          const RunOptions& options, int64_t most);

// Removes them, a commit a table. kConflict: the service has committed meanwhile.
Result<std::vector<DeadLettersReport>> DropCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                                          const RunOptions& options);

}  // namespace nilus
