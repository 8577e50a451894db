// The summary of a new snapshot: its operation, counters, and totals carried on from its parent (Iceberg spec,
// appendix F). Internal to transactions.
#pragma once

#include "nilus/lake/snapshot_builder.h"
#include "nilus/lake/table_metadata.h"

namespace nilus::lake {

// append | overwrite | delete | replace, by what was added and removed.
std::string_view OperationOf(const ChangeCounts& counts, bool is_rewrite);
// Totals are left out when the parent does not tell its own.
Properties MakeSummary(std::string_view operation, const ChangeCounts& counts, const Snapshot* parent);

}  // namespace nilus::lake
