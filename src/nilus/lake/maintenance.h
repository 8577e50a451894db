// Keeping a table small: expiring snapshots, finding files that belong to nothing. None of it is ever in conflict with
// writers: what it changes, it commits like anybody; what it deletes, no snapshot and no running commit can need.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/lake/catalog.h"

namespace nilus::lake {

// Whether files may be deleted that snapshots name. A table with the property gc.enabled=false shares data files with
// others (another engine's `snapshot` or `add_files` made it so): what it names no longer, they may still need.
bool MayDeleteFiles(const TableMetadata& metadata);

struct ExpireOptions {
  // Snapshots older than this go, but for those that a branch keeps: its `keep_last` latest ones (and more, where the
  // branch or the table's properties history.expire.* say so), tags, and their ends. Those that no branch leads to
  // (rolled back, or staged by others) go by their age alone.
  std::optional<WallTime> older_than;  // nothing: the table's history.expire.max-snapshot-age-ms, or five days ago
  int64_t keep_last = 1;
  std::optional<int64_t> keep_at_most;  // of those that a branch leads to, however young; `keep_last` wins
  bool dry_run = false;
};
struct ExpireReport {
  std::vector<int64_t> snapshots;
  std::vector<std::string> refs;   // branches and tags past their age
  std::vector<std::string> files;  // data, deletes, manifests and lists that only these snapshots had
};
// Snapshots are removed from the table first; only when that is committed are their files deleted. A crash in between
// leaves orphans. kUnsupported: the table's files may not be deleted.
Result<ExpireReport> ExpireSnapshots(const TablePtr& table, const ExpireOptions& options, std::stop_token stop);

// Which snapshots and refs retention lets go of, at `now_ms` (Iceberg spec, "Snapshot Retention Policy").
struct Expired {
  std::vector<int64_t> snapshots;
  std::vector<std::string> refs;
};
Expired ChooseExpired(const TableMetadata& metadata, const ExpireOptions& options, int64_t now_ms);

struct OrphanFile {
  std::string url;
  int64_t size = 0;
  WallTime modified;
};
struct OrphanOptions {
  // Younger files may belong to a commit under way, or to one of unknown outcome. What is removed is as old by the
  // store's own clock, whatever this machine's says.
  std::chrono::hours min_age{72};
  bool remove = false;
};
// Files in the table's folder that no kept snapshot or metadata file names. Nothing is removed where another table's
// metadata lies in there (kUnsupported): that table's files would look like orphans, too.
Result<std::vector<OrphanFile>> FindOrphans(const TablePtr& table, const OrphanOptions& options, std::stop_token stop);

// Rolls the branch main back (or forward) to a snapshot of its history; its positions go with it. kNotFound: it is not
// there; kInvalidInput: it never was current (`any` allows it).
Result<TablePtr> RollBack(const TablePtr& table, int64_t snapshot_id, bool any, std::stop_token stop);

}  // namespace nilus::lake
