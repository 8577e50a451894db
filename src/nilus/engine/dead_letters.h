// `nilus dead-letters`: the rows that a contract kept out of a pipeline's table, shown, loaded after all, or dropped.
//
// A replay runs the letters through the pipeline's present rules (names, hints, contract, masks that they have not
// been through) and commits, in one step, the rows that made it and what is left of the letters: killed anywhere, it
// can be run again, and no row is lost or there twice. The pipeline's position stays.
#pragma once

#include <vector>

#include "nilus/engine/run.h"
#include "nilus/rows/dead_letters.h"

namespace nilus {

struct BatchJob;

struct DeadLettersReport {
  std::string pipeline;
  std::string destination;
  std::string table;                 // schema.table of the letters
  int64_t letters = 0;               // that there were
  int64_t replayed = 0;              // are rows of the table now
  int64_t dropped = 0;               // by DropDeadLetters
  int64_t remaining = 0;             // that there are
  std::vector<DeadLetter> shown;     // by ListDeadLetters: the first ones
  std::vector<std::string> reasons;  // of those that a replay left, each once
};

// The first `most` letters, and how many there are.
Result<DeadLettersReport> ListDeadLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options, int64_t most);
// kConflict: another run committed meanwhile. What was replayed until then is.
Result<DeadLettersReport> ReplayDeadLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                            const RunOptions& options);
Result<DeadLettersReport> DropDeadLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options);

// The same for a job that is made already.
Result<DeadLettersReport> ListJobDeadLetters(const BatchJob& job, const RunOptions& options, int64_t most);
Result<DeadLettersReport> ReplayJobDeadLetters(const BatchJob& job, const RunOptions& options);
Result<DeadLettersReport> DropJobDeadLetters(const BatchJob& job, const RunOptions& options);

std::string ToJson(const DeadLettersReport& report);

}  // namespace nilus
