// Defects of change data capture put in on purpose, in test builds only (NILUS_FAULT_POINTS), as engine/seeded_bug.h
// has them for loads: the suite has to catch them (tests/e2e/test_cdc_seeded_bugs.py).
//
//   NILUS_SEEDED_BUG=confirm_before_commit   what was read is confirmed to the source before the sink has it
//   NILUS_SEEDED_BUG=snapshot_gap            a snapshot says that it is of a later place in the log than it is
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"

namespace nilus {

using ChangeSourceOpener = std::function<Result<std::unique_ptr<ChangeSource>>(std::stop_token)>;

// `open`, or with the environment's bug around the sources that it opens. kInvalidInput at the first opening: no such
// bug.
ChangeSourceOpener WithSeededBug(ChangeSourceOpener open);

}  // namespace nilus
