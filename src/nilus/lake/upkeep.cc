#include "nilus/lake/upkeep.h"

#include <algorithm>

#include "nilus/base/log.h"

namespace nilus::lake {
namespace {

int64_t NumberOf(const std::optional<int64_t>& given, const TableMetadata& metadata, std::string_view property,
                 int64_t otherwise) {
  if (given) return *given;
  const auto text = metadata.Property(property);
  return text ? ParsePropertyNumber(*text).value_or(otherwise) : otherwise;
}

int64_t Total(const Snapshot& snapshot, const std::string& name) {
  const auto found = snapshot.summary.find(name);
  return found == snapshot.summary.end() ? 0 : ParsePropertyNumber(found->second).value_or(0);
}

ExpireOptions Expiry(const TableMetadata& metadata, const UpkeepPolicy& policy) {
  ExpireOptions options;
  options.keep_at_most = NumberOf(policy.keep_snapshots, metadata, "nilus.upkeep.keep-snapshots", kUpkeepKeepSnapshots);
  return options;
}

}  // namespace

UpkeepDue UpkeepDueOf(const TableMetadata& metadata, const UpkeepPolicy& policy, int64_t target_bytes) {
  UpkeepDue due;
  const SnapshotPtr current = metadata.current_snapshot();
  const bool is_on = policy.enabled ? *policy.enabled : metadata.Property("nilus.upkeep.enabled") != "false";
  if (current == nullptr || !is_on) return due;
  const int64_t every =
      std::max<int64_t>(1, NumberOf(policy.every_commits, metadata, "nilus.upkeep.every-commits", kUpkeepEveryCommits));
  if (metadata.last_sequence_number % every != 0) return due;
  due.expiry = metadata.snapshots.size() > 1;
  const int64_t small_files =
      std::max<int64_t>(2, NumberOf(policy.small_files, metadata, "nilus.upkeep.small-files", kUpkeepSmallFiles));
  const int64_t files = Total(*current, "total-data-files");
  const bool are_small = files >= small_files && Total(*current, "total-files-size") / files < target_bytes / 8;
  due.compaction = are_small || Total(*current, "total-delete-files") >= small_files / 2;
  return due;
}

Result<UpkeepReport> Upkeep(const TablePtr& table, const UpkeepPolicy& policy, const CompactionOptions& options,
                            std::stop_token stop) {
  UpkeepReport report;
  const UpkeepDue due = UpkeepDueOf(table->metadata, policy, options.target_bytes);
  TablePtr now = table;
  if (due.compaction) {
    NILUS_ASSIGN(report.compacted, Compact(now, options, stop));
    now = report.compacted->table;
  }
  // Not worth a warning behind every load: whoever set gc.enabled=false wants it so.
  if (due.expiry && !MayDeleteFiles(now->metadata)) {
    LogDebug("table {}: no snapshot expires, for gc.enabled is false", now->identifier.ToString());
  } else if (due.expiry) {
    NILUS_ASSIGN(report.expired, ExpireSnapshots(now, Expiry(now->metadata, policy), stop));
  }
  return report;
}

}  // namespace nilus::lake
