// The manifests and the manifest list of one new snapshot. Internal to transactions.
//
// What was written for one attempt is used again by the next: manifests of new files do not depend on the table's state
// (their sequence numbers are inherited), rewritten ones depend on the manifests that they replace.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/lake/catalog.h"
#include "nilus/lake/manifest_writer.h"

namespace nilus::lake {

// The files that a transaction adds and removes.
struct FileChanges {
  std::vector<DataFile> added_data;
  std::vector<DataFile> added_deletes;
  std::vector<ManifestEntry> removed;
  bool remove_all = false;
  std::optional<int64_t> data_sequence_number;  // of added data files (compaction); nothing: the commit's

  bool empty() const { return added_data.empty() && added_deletes.empty() && removed.empty() && !remove_all; }
};

// What came of an attempt, for the snapshot's summary.
struct ChangeCounts {
  int64_t added_data_files = 0, removed_data_files = 0;
  int64_t added_delete_files = 0, removed_delete_files = 0;
  int64_t added_position_delete_files = 0, removed_position_delete_files = 0;
  int64_t added_equality_delete_files = 0, removed_equality_delete_files = 0;
  int64_t added_vectors = 0, removed_vectors = 0;
  int64_t added_rows = 0, removed_rows = 0;
  int64_t added_position_deletes = 0, removed_position_deletes = 0;
  int64_t added_equality_deletes = 0, removed_equality_deletes = 0;
  int64_t added_bytes = 0, removed_bytes = 0;
  int64_t manifests_created = 0, manifests_kept = 0, manifests_replaced = 0;

  void Add(const DataFile& file);
  void Remove(const DataFile& file);
};

struct BuiltSnapshot {
  std::string manifest_list;  // URL, written
  std::optional<int64_t> first_row_id;
  std::optional<int64_t> added_rows;
  ChangeCounts counts;
};

class SnapshotBuilder {
 public:
  // `commit_id` makes the names of this transaction's files unique.
  SnapshotBuilder(int64_t snapshot_id, std::string commit_id)
      : snapshot_id_(snapshot_id), commit_id_(std::move(commit_id)) {}

  // `table`: metadata to write by (its specs and schema) and the store. `parent`: the branch's snapshot; null: none.
  // kConflict: a file to be removed is not in the parent (any more).
  Result<BuiltSnapshot> Build(const Table& table, const SnapshotPtr& parent, const FileChanges& changes,
                              int64_t sequence_number, std::stop_token stop);

  // What was written for attempts that lost, and is not part of the latest one. They are the caller's to delete.
  std::vector<std::string> TakeUnused();
  // Everything that was written: the next Build writes anew.
  std::vector<std::string> TakeAll();

 private:
  struct Rewritten {
    std::optional<ManifestFile> manifest;  // nothing: as it was
    std::vector<ManifestEntry> removed;
  };

  Result<std::vector<ManifestFile>> NewManifests(const Table& table, const FileChanges& changes,
                                                 const std::stop_token& stop);
  Result<std::vector<ManifestFile>> KeptManifests(const Table& table, const std::vector<ManifestFile>& current,
                                                  const FileChanges& changes, BuiltSnapshot* built,
                                                  const std::stop_token& stop);
  Result<const Rewritten*> Rewrite(const Table& table, const ManifestFile& manifest, const FileChanges& changes,
                                   const std::stop_token& stop);
  Result<std::vector<ManifestFile>> Merge(const Table& table, std::vector<ManifestFile> manifests, ChangeCounts* counts,
                                          const std::stop_token& stop);
  Result<ManifestFile> MergeGroup(const Table& table, const std::vector<const ManifestFile*>& group,
                                  const std::stop_token& stop);
  Result<ManifestFile> WriteManifest(const Table& table, ManifestWriter* writer, const std::stop_token& stop);

  int64_t snapshot_id_;
  std::string commit_id_;
  int manifest_number_ = 0;
  int attempt_ = 0;
  std::optional<std::vector<ManifestFile>> new_manifests_;
  std::map<std::string, Rewritten, std::less<>> rewritten_;  // by path
  std::map<std::string, ManifestFile, std::less<>> merged_;  // by the paths merged
  std::set<std::string> written_;                            // URLs of all manifests and lists
  std::set<std::string> used_;                               // those of the latest attempt
};

// URL of a new file in the table's metadata folder (property write.metadata.path).
std::string MetadataFileUrl(const TableMetadata& metadata, std::string_view name);
AvroCodec ManifestCodec(const TableMetadata& metadata);  // property write.manifest.compression-codec

}  // namespace nilus::lake
