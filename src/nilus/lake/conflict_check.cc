#include "nilus/lake/conflict_check.h"

#include <algorithm>
#include <set>

namespace nilus::lake {
namespace {

Failure Changed(const Table& table, std::string_view what) {
  return Fail(ErrorKind::kConflict, "table {} was changed by somebody else: {}", table.identifier.ToString(), what);
}

// The snapshots behind `base` up to `current`, latest first.
Result<std::vector<SnapshotPtr>> Between(const Table& table, std::optional<int64_t> base, const SnapshotPtr& current) {
  std::vector<SnapshotPtr> between;
  bool is_found = false;
  table.metadata.WalkAncestors(current, [&](const SnapshotPtr& at) {
    is_found = at->id == base;
    if (!is_found) between.push_back(at);
    return !is_found;
  });
  if (base && !is_found) return Changed(table, fmt::format("snapshot {} is no more in the branch's history", *base));
  return between;
}

// The data files whose rows the transaction removes or deletes.
struct TouchedFiles {
  std::set<std::string, std::less<>> paths;
  std::vector<const DataFile*> removed;
  bool with_vectors = false;
};

TouchedFiles Touched(const FileChanges& changes) {
  TouchedFiles touched;
  for (const ManifestEntry& entry : changes.removed) {
    if (entry.file.content != FileContent::kData) continue;
    touched.paths.insert(entry.file.path);
    touched.removed.push_back(&entry.file);
  }
  for (const DataFile& file : changes.added_deletes) {
    if (!file.referenced_data_file.empty()) touched.paths.insert(file.referenced_data_file);
    touched.with_vectors = touched.with_vectors || file.is_deletion_vector();
  }
  return touched;
}

// A delete file that somebody else added may delete rows of a touched file.
bool Concerns(const DataFile& deletes, const TouchedFiles& touched) {
  if (deletes.content == FileContent::kEqualityDeletes) return false;  // go on applying: sequence numbers are kept
  if (!deletes.referenced_data_file.empty()) return touched.paths.contains(deletes.referenced_data_file);
  return std::any_of(touched.removed.begin(), touched.removed.end(), [&](const DataFile* file) {
    return file->spec_id == deletes.spec_id && file->partition == deletes.partition;
  });
}

// kFiles: the data files are there, and nobody deleted further rows of them.
Status CheckFiles(const Table& table, const std::vector<SnapshotPtr>& between, const SnapshotPtr& current,
                  const FileChanges& changes, const std::stop_token& stop) {
  const TouchedFiles touched = Touched(changes);
  std::set<int64_t> others;
  for (const SnapshotPtr& snapshot : between) others.insert(snapshot->id);
  NILUS_ASSIGN(const std::vector<ManifestFile> manifests, ReadManifestList(table, *current, stop));
  std::set<std::string, std::less<>> referenced;
  for (const DataFile& file : changes.added_deletes) {
    if (!file.referenced_data_file.empty()) referenced.insert(file.referenced_data_file);
  }
  for (const DataFile& file : changes.added_data) referenced.erase(file.path);  // rows of its own that it deletes
  for (const ManifestFile& manifest : manifests) {
    const bool is_new = others.contains(manifest.added_snapshot_id);
    // Data files that are gone stand as deleted in a manifest of the commit that removed them, or in none at all.
    if (manifest.content == ManifestContent::kData && !referenced.empty()) {
      NILUS_ASSIGN(const std::vector<ManifestEntry> entries, ReadManifest(table, manifest, false, stop));
      for (const ManifestEntry& entry : entries) referenced.erase(entry.file.path);
    }
    if (manifest.content != ManifestContent::kDeletes || !is_new) continue;
    NILUS_ASSIGN(const std::vector<ManifestEntry> entries, ReadManifest(table, manifest, false, stop));
    for (const ManifestEntry& entry : entries) {
      if (others.contains(entry.snapshot_id) && Concerns(entry.file, touched)) {
        return Changed(table, "rows were deleted from " + (entry.file.referenced_data_file.empty()
                                                               ? "a partition of this change"
                                                               : entry.file.referenced_data_file));
      }
    }
  }
  if (!referenced.empty()) return Changed(table, "file " + *referenced.begin() + " was removed");
  return {};
}

}  // namespace

Status CheckConflicts(const Table& table, std::optional<int64_t> base_snapshot, const SnapshotPtr& current,
                      const FileChanges& changes, Isolation isolation, std::stop_token stop) {
  if (isolation == Isolation::kNone) return {};
  const std::optional<int64_t> current_id = current == nullptr ? std::nullopt : std::optional(current->id);
  if (current_id == base_snapshot) return {};
  NILUS_ASSIGN(const std::vector<SnapshotPtr> between, Between(table, base_snapshot, current));
  if (isolation == Isolation::kSerializable) {
    for (const SnapshotPtr& snapshot : between) {
      // Compactions change no rows; that the files they removed are not ours is checked below.
      if (snapshot->operation() != "replace") {
        return Changed(table, fmt::format("snapshot {} ({}) came in between", snapshot->id, snapshot->operation()));
      }
    }
  }
  if (current == nullptr || changes.remove_all) return {};
  return CheckFiles(table, between, current, changes, stop);
}

}  // namespace nilus::lake
