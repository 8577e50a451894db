// One page of dead letters on its way into the table, by the pipeline's present rules.
#pragma once

#include <optional>
#include <vector>

#include "nilus/engine/dead_letters.h"
#include "nilus/engine/job.h"

namespace nilus {

// Commits, in one step, the rows that made it and what is left of these letters, which are all that the table has
// between the first one's id and the last one's (or all that it has, where the sink removes no ranges). Nothing is
// committed when none made it. `state` was seen before the letters were read. Adds to the report.
Status ReplayLetters(const BatchJob& job, const RunOptions& options, Sink* sink, std::vector<DeadLetter> letters,
                     const std::optional<CommittedState>& state, DeadLettersReport* report);

}  // namespace nilus
