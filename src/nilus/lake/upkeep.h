// What the lakehouse does by itself behind a commit: now and then it expires and compacts.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "nilus/lake/compaction.h"
#include "nilus/lake/maintenance.h"

namespace nilus::lake {

// What is not said here, the table says by its properties nilus.upkeep.enabled, .every-commits, .keep-snapshots and
// .small-files; where it is silent too, the numbers below count.
struct UpkeepPolicy {
  std::optional<bool> enabled;           // true
  std::optional<int64_t> every_commits;  // of so many commits to the table one is followed by upkeep
  std::optional<int64_t>
      keep_snapshots;  // of a branch, at most; those past history.expire.max-snapshot-age-ms go before
  // So many data files of less than an eighth of the target size on the average, or half as many delete files, make a
  // compaction due.
  std::optional<int64_t> small_files;
};
inline constexpr int64_t kUpkeepEveryCommits = 32;
inline constexpr int64_t kUpkeepKeepSnapshots = 100;
inline constexpr int64_t kUpkeepSmallFiles = 64;

// What is due behind the commit that made `metadata`: pure, and cheap.
struct UpkeepDue {
  bool expiry = false;
  bool compaction = false;
};
UpkeepDue UpkeepDueOf(const TableMetadata& metadata, const UpkeepPolicy& policy, int64_t target_bytes);

struct UpkeepReport {
  std::optional<ExpireReport> expired;
  std::optional<CompactionReport> compacted;
};
// Does what is due. The commit before stands whatever comes of it: an error is worth a warning, and nothing more.
Result<UpkeepReport> Upkeep(const TablePtr& table, const UpkeepPolicy& policy, const CompactionOptions& options,
                            std::stop_token stop);

}  // namespace nilus::lake
