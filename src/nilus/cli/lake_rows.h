// What `nilus lake` answers, as rows.
#pragma once

#include <stop_token>
#include <vector>

#include "nilus/data/record_batch.h"
#include "nilus/lake/catalog.h"
#include "nilus/lake/compaction.h"
#include "nilus/lake/maintenance.h"

namespace nilus::cli {

// Oldest first: what each snapshot did, and which branches and tags end there.
RecordBatch SnapshotRows(const lake::TableMetadata& metadata);
// Live data and delete files; `snapshot` null: none.
Result<RecordBatch> FileRows(const lake::Table& table, const lake::SnapshotPtr& snapshot, std::stop_token stop);
RecordBatch ExpireRows(const lake::Table& table, const lake::ExpireReport& report);
RecordBatch OrphanRows(const std::vector<lake::OrphanFile>& files);
RecordBatch CompactionRows(const lake::CompactionReport& report);

}  // namespace nilus::cli
