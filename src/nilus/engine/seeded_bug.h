// Defects put in on purpose, in test builds only (NILUS_FAULT_POINTS): the suite that cuts every step of a commit has
// to catch them, else it would not catch real ones (tests/e2e/test_seeded_bugs.py).
//
//   NILUS_SEEDED_BUG=position_before_rows   the position is committed by itself, and the rows after it
//   NILUS_SEEDED_BUG=unknown_is_failed      a commit without an answer is taken for one that did not take place
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"

namespace nilus {

using SinkOpener = std::function<Result<std::unique_ptr<Sink>>(std::stop_token)>;

// `open`, or with the environment's bug around the sinks that it opens. kInvalidInput at the first opening: no such
// bug.
SinkOpener WithSeededBug(SinkOpener open);

}  // namespace nilus
