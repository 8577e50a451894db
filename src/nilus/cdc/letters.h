// `nilus dead-letters` of a capture: the rows that its contract kept out (docs/cdc.md). They lie beside each table, as
// those of batch pipelines do; a replay is none of them, as the table is read anew instead (`nilus cdc snapshot`).
#pragma once

#include <string>
#include <vector>

#include "nilus/cdc/job.h"
#include "nilus/engine/dead_letters.h"

namespace nilus {

struct CaptureLetters {
  struct Failure {
    std::string table;  // schema.table at the destination
    Error error;
  };
  std::vector<DeadLettersReport> tables;  // that have letters, in the order of their names
  std::vector<Failure> failures;          // tables of which nothing could be read, or removed
};

// Of each table of the committed position; of all together at most `most` are shown. One that fails keeps none of the
// others back.
Result<CaptureLetters> ListCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options, int64_t most);

// Removes them, a commit a table. Those of a table fail with kConflict when the service has committed meanwhile.
Result<CaptureLetters> DropCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options);

}  // namespace nilus
