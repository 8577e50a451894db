// Whether what other writers committed since a transaction's base leaves it valid. Internal to transactions.
#pragma once

#include <optional>
#include <stop_token>

#include "nilus/lake/catalog.h"
#include "nilus/lake/snapshot_builder.h"
#include "nilus/lake/transaction.h"

namespace nilus::lake {

// `base_snapshot`: the branch's snapshot in the transaction's base; `current`: the branch's snapshot in `table`, which
// is the state to commit on. kConflict names what came in between. That removed files are still there is
// SnapshotBuilder's to see.
Status CheckConflicts(const Table& table, std::optional<int64_t> base_snapshot, const SnapshotPtr& current,
                      const FileChanges& changes, Isolation isolation, std::stop_token stop);

}  // namespace nilus::lake
