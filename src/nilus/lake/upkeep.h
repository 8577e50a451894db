// What the lakehouse does by itself behind a commit: now and then it expires and compacts. Properties of the table:
//   nilus.upkeep.enabled          true | false
//   nilus.upkeep.every-commits    32: of so many commits one is followed by it
//   nilus.upkeep.keep-snapshots   500: of a branch, at most; older than history.expire.max-snapshot-age-ms go before
//   nilus.upkeep.small-files      64: so many data files of less than an eighth of the target size on the average, or
//                                 half as many delete files, make a compaction due
#pragma once

#include <optional>
#include <stop_token>

#include "nilus/lake/compaction.h"
#include "nilus/lake/maintenance.h"

namespace nilus::lake {

// What is due behind the commit that made `metadata`: pure, and cheap.
struct UpkeepDue {
  bool expiry = false;
  bool compaction = false;
};
UpkeepDue UpkeepDueOf(const TableMetadata& metadata, int64_t target_bytes);

struct UpkeepReport {
  std::optional<ExpireReport> expired;
  std::optional<CompactionReport> compacted;
};
// Does what is due. The commit before stands whatever comes of it: an error is worth a warning, and nothing more.
Result<UpkeepReport> Upkeep(const TablePtr& table, const CompactionOptions& options, std::stop_token stop);

}  // namespace nilus::lake
