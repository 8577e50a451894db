#include "nilus/lake/upkeep.h"

namespace nilus::lake {
namespace {

constexpr int64_t kEveryCommits = 32;
constexpr int64_t kKeepSnapshots = 500;
constexpr int64_t kSmallFiles = 64;

int64_t NumberOr(const TableMetadata& metadata, std::string_view property, int64_t otherwise) {
  const auto text = metadata.Property(property);
  return text ? ParsePropertyNumber(*text).value_or(otherwise) : otherwise;
}

int64_t Total(const Snapshot& snapshot, const std::string& name) {
  const auto found = snapshot.summary.find(name);
  return found == snapshot.summary.end() ? 0 : ParsePropertyNumber(found->second).value_or(0);
}

ExpireOptions Expiry(const TableMetadata& metadata) {
  ExpireOptions options;
  options.keep_at_most = NumberOr(metadata, "nilus.upkeep.keep-snapshots", kKeepSnapshots);
  return options;
}

}  // namespace

UpkeepDue UpkeepDueOf(const TableMetadata& metadata, int64_t target_bytes) {
  UpkeepDue due;
  const SnapshotPtr current = metadata.current_snapshot();
  if (current == nullptr || metadata.Property("nilus.upkeep.enabled") == "false") return due;
  const int64_t every = std::max<int64_t>(1, NumberOr(metadata, "nilus.upkeep.every-commits", kEveryCommits));
  if (metadata.last_sequence_number % every != 0) return due;
  due.expiry = metadata.snapshots.size() > 1;
  const int64_t small_files = std::max<int64_t>(2, NumberOr(metadata, "nilus.upkeep.small-files", kSmallFiles));
  const int64_t files = Total(*current, "total-data-files");
  const bool are_small = files >= small_files && Total(*current, "total-files-size") / files < target_bytes / 8;
  due.compaction = are_small || Total(*current, "total-delete-files") >= small_files / 2;
  return due;
}

Result<UpkeepReport> Upkeep(const TablePtr& table, const CompactionOptions& options, std::stop_token stop) {
  UpkeepReport report;
  const UpkeepDue due = UpkeepDueOf(table->metadata, options.target_bytes);
  TablePtr now = table;
  if (due.compaction) {
    NILUS_ASSIGN(report.compacted, Compact(now, options, stop));
    now = report.compacted->table;
  }
  if (due.expiry) {
    NILUS_ASSIGN(report.expired, ExpireSnapshots(now, Expiry(now->metadata), stop));
  }
  return report;
}

}  // namespace nilus::lake
