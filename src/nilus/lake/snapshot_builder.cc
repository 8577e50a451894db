#include "nilus/lake/snapshot_builder.h"

#include <algorithm>
#include <set>

#include "nilus/base/fault.h"

namespace nilus::lake {
namespace {

constexpr int64_t kManifestTargetBytes = 8 << 20;
constexpr size_t kMinMergeCount = 16;  // manifests of about one size, before they are merged
constexpr int64_t kTierFactor = 8;
constexpr int64_t kFilesAManifest = 20'000;

std::optional<int64_t> NumberProperty(const TableMetadata& metadata, std::string_view name) {
  const auto text = metadata.Property(name);
  return text ? ParsePropertyNumber(*text) : std::nullopt;
}

// The spec that a file was written by. Always there: AddDataFile's contract, and the parser's for manifests of others.
Result<PartitionSpecPtr> SpecOf(const TableMetadata& metadata, int32_t spec_id) {
  PartitionSpecPtr spec = metadata.FindSpec(spec_id);
  if (spec == nullptr) return Fail(ErrorKind::kData, "the table has no partition spec {}", spec_id);
  return spec;
}

int64_t LiveFiles(const ManifestFile& manifest) {
  return int64_t{manifest.added_files.value_or(1)} + manifest.existing_files.value_or(1);
}

// Manifests whose numbers of files differ by less than a factor belong together: merging them costs each file only a
// logarithm of rewrites over the table's life.
int Tier(const ManifestFile& manifest) {
  int tier = 0;
  for (int64_t files = LiveFiles(manifest); files >= kTierFactor; files /= kTierFactor) ++tier;
  return tier;
}

bool MayHold(const ManifestFile& manifest, const ManifestEntry& entry) {
  const bool deletes = entry.file.content != FileContent::kData;
  return manifest.spec_id == entry.file.spec_id && (manifest.content == ManifestContent::kDeletes) == deletes &&
         manifest.min_sequence_number <= entry.sequence_number &&
         manifest.sequence_number >= entry.file_sequence_number;
}

// A deletion vector is one blob of a file that may hold several.
std::string IdentityOf(const DataFile& file) {
  return file.is_deletion_vector() ? fmt::format("{}#{}", file.path, file.content_offset.value_or(0)) : file.path;
}

}  // namespace

std::string MetadataFileUrl(const TableMetadata& metadata, std::string_view name) {
  const auto folder = metadata.Property("write.metadata.path");
  if (!folder) return JoinUrl(JoinUrl(metadata.location, "metadata"), name);
  const bool absolute = folder->find("://") != std::string_view::npos || folder->starts_with('/');
  return JoinUrl(absolute ? std::string(*folder) : JoinUrl(metadata.location, *folder), name);
}

AvroCodec ManifestCodec(const TableMetadata& metadata) {
  const auto codec = metadata.Property("write.manifest.compression-codec");
  return codec == "uncompressed" || codec == "none" ? AvroCodec::kNull : AvroCodec::kDeflate;
}

void ChangeCounts::Add(const DataFile& file) {
  added_bytes += file.content_size.value_or(file.file_size);
  if (file.content == FileContent::kData) {
    ++added_data_files;
    added_rows += file.record_count;
    return;
  }
  ++added_delete_files;
  if (file.content == FileContent::kEqualityDeletes) {
    ++added_equality_delete_files;
    added_equality_deletes += file.record_count;
    return;
  }
  ++(file.is_deletion_vector() ? added_vectors : added_position_delete_files);
  added_position_deletes += file.record_count;
}

void ChangeCounts::Remove(const DataFile& file) {
  removed_bytes += file.content_size.value_or(file.file_size);
  if (file.content == FileContent::kData) {
    ++removed_data_files;
    removed_rows += file.record_count;
    return;
  }
  ++removed_delete_files;
  if (file.content == FileContent::kEqualityDeletes) {
    ++removed_equality_delete_files;
    removed_equality_deletes += file.record_count;
    return;
  }
  ++(file.is_deletion_vector() ? removed_vectors : removed_position_delete_files);
  removed_position_deletes += file.record_count;
}

Result<ManifestFile> SnapshotBuilder::WriteManifest(const Table& table, ManifestWriter* writer,
                                                    const std::stop_token& stop) {
  ManifestWriter::Output output = writer->Finish();
  output.manifest.path = MetadataFileUrl(table.metadata, fmt::format("{}-m{}.avro", commit_id_, manifest_number_++));
  written_.insert(output.manifest.path);
  NILUS_FAULT_POINT("lake.write-manifest");
  NILUS_TRY(WriteFile(*table.store, output.manifest.path, output.bytes, stop));
  return std::move(output.manifest);
}

Result<std::vector<ManifestFile>> SnapshotBuilder::NewManifests(const Table& table, const FileChanges& changes,
                                                                const std::stop_token& stop) {
  std::vector<ManifestFile> manifests;
  for (const bool deletes : {false, true}) {
    std::map<int32_t, std::vector<const DataFile*>> by_spec;
    for (const DataFile& file : deletes ? changes.added_deletes : changes.added_data) {
      by_spec[file.spec_id].push_back(&file);
    }
    for (const auto& [spec_id, files] : by_spec) {
      NILUS_ASSIGN(const PartitionSpecPtr spec, SpecOf(table.metadata, spec_id));
      for (size_t at = 0; at < files.size(); at += kFilesAManifest) {
        ManifestWriter writer(table.metadata.format_version, table.metadata.schema(), *spec,
                              deletes ? ManifestContent::kDeletes : ManifestContent::kData, snapshot_id_,
                              ManifestCodec(table.metadata));
        for (size_t i = at; i < std::min(files.size(), at + kFilesAManifest); ++i) {
          writer.AddNew(*files[i], deletes ? std::nullopt : changes.data_sequence_number);
        }
        NILUS_ASSIGN(ManifestFile manifest, WriteManifest(table, &writer, stop));
        manifests.push_back(std::move(manifest));
      }
    }
  }
  return manifests;
}

Result<const SnapshotBuilder::Rewritten*> SnapshotBuilder::Rewrite(const Table& table, const ManifestFile& manifest,
                                                                   const FileChanges& changes,
                                                                   const std::stop_token& stop) {
  const auto known = rewritten_.find(manifest.path);
  if (known != rewritten_.end()) return &known->second;
  std::set<std::string, std::less<>> wanted;
  if (!changes.remove_all) {
    for (const ManifestEntry& entry : changes.removed) {
      if (MayHold(manifest, entry)) wanted.insert(IdentityOf(entry.file));
    }
  }
  Rewritten rewritten;
  NILUS_ASSIGN(const std::vector<ManifestEntry> entries, ReadManifest(table, manifest, false, stop));
  const auto goes = [&](const ManifestEntry& entry) {
    return changes.remove_all || wanted.contains(IdentityOf(entry.file));
  };
  if (std::any_of(entries.begin(), entries.end(), goes)) {
    NILUS_ASSIGN(const PartitionSpecPtr spec, SpecOf(table.metadata, manifest.spec_id));
    ManifestWriter writer(table.metadata.format_version, table.metadata.schema(), *spec, manifest.content, snapshot_id_,
                          ManifestCodec(table.metadata));
    for (const ManifestEntry& entry : entries) {
      if (goes(entry)) {
        writer.AddDeleted(entry);
        rewritten.removed.push_back(entry);
      } else {
        writer.AddExisting(entry);
      }
    }
    NILUS_ASSIGN(rewritten.manifest, WriteManifest(table, &writer, stop));
  }
  return &(rewritten_[manifest.path] = std::move(rewritten));
}

Result<std::vector<ManifestFile>> SnapshotBuilder::KeptManifests(const Table& table,
                                                                 const std::vector<ManifestFile>& current,
                                                                 const FileChanges& changes, BuiltSnapshot* built,
                                                                 const std::stop_token& stop) {
  std::set<std::string, std::less<>> missing;
  for (const ManifestEntry& entry : changes.removed) missing.insert(IdentityOf(entry.file));
  if (changes.remove_all) missing.clear();
  std::vector<ManifestFile> kept;
  for (const ManifestFile& manifest : current) {
    if (!manifest.may_have_live_files()) continue;  // told of what an earlier commit removed; nobody needs it any more
    const bool concerned =
        changes.remove_all ||
        (!missing.empty() && std::any_of(changes.removed.begin(), changes.removed.end(),
                                         [&](const ManifestEntry& entry) { return MayHold(manifest, entry); }));
    if (!concerned) {
      kept.push_back(manifest);
      ++built->counts.manifests_kept;
      continue;
    }
    NILUS_ASSIGN(const Rewritten* const rewritten, Rewrite(table, manifest, changes, stop));
    for (const ManifestEntry& entry : rewritten->removed) {
      built->counts.Remove(entry.file);
      missing.erase(IdentityOf(entry.file));
    }
    built->counts.manifests_replaced += rewritten->manifest ? 1 : 0;
    built->counts.manifests_kept += rewritten->manifest ? 0 : 1;
    kept.push_back(rewritten->manifest.value_or(manifest));
  }
  if (!missing.empty()) {
    return Fail(ErrorKind::kConflict, "table {}: file {} was removed by somebody else", table.identifier.ToString(),
                *missing.begin());
  }
  return kept;
}

Result<ManifestFile> SnapshotBuilder::MergeGroup(const Table& table, const std::vector<const ManifestFile*>& group,
                                                 const std::stop_token& stop) {
  std::string key;
  for (const ManifestFile* manifest : group) key += manifest->path + "\n";
  const auto known = merged_.find(key);
  if (known != merged_.end()) return known->second;
  NILUS_ASSIGN(const PartitionSpecPtr spec, SpecOf(table.metadata, group.front()->spec_id));
  ManifestWriter writer(table.metadata.format_version, table.metadata.schema(), *spec, group.front()->content,
                        snapshot_id_, ManifestCodec(table.metadata));
  for (const ManifestFile* manifest : group) {
    NILUS_ASSIGN(const std::vector<ManifestEntry> entries, ReadManifest(table, *manifest, false, stop));
    for (const ManifestEntry& entry : entries) writer.AddExisting(entry);
  }
  NILUS_ASSIGN(ManifestFile merged, WriteManifest(table, &writer, stop));
  return merged_[key] = std::move(merged);
}

// Merges manifests of earlier commits when enough of one size have come together. The order of the others stays.
Result<std::vector<ManifestFile>> SnapshotBuilder::Merge(const Table& table, std::vector<ManifestFile> manifests,
                                                         ChangeCounts* counts, const std::stop_token& stop) {
  if (table.metadata.Property("commit.manifest-merge.enabled") == "false") return manifests;
  const auto min_count = static_cast<size_t>(std::max<int64_t>(
      2, NumberProperty(table.metadata, "commit.manifest.min-count-to-merge").value_or(kMinMergeCount)));
  const int64_t target_bytes =
      NumberProperty(table.metadata, "commit.manifest.target-size-bytes").value_or(kManifestTargetBytes);
  std::map<std::tuple<int32_t, ManifestContent, int>, std::vector<const ManifestFile*>> groups;
  for (const ManifestFile& manifest : manifests) {
    // Those that this commit rewrote tell which files it removed: they stay as they are for now.
    if (manifest.added_snapshot_id == snapshot_id_ || manifest.length >= target_bytes / 2) continue;
    groups[{manifest.spec_id, manifest.content, Tier(manifest)}].push_back(&manifest);
  }
  std::set<std::string, std::less<>> gone;
  std::vector<ManifestFile> merged;
  for (const auto& [kind, group] : groups) {
    if (group.size() < min_count) continue;
    NILUS_ASSIGN(ManifestFile manifest, MergeGroup(table, group, stop));
    merged.push_back(std::move(manifest));
    for (const ManifestFile* part : group) gone.insert(part->path);
    counts->manifests_replaced += static_cast<int64_t>(group.size());
    counts->manifests_kept -= static_cast<int64_t>(group.size());
    counts->manifests_created += 1;
  }
  if (gone.empty()) return manifests;
  std::erase_if(manifests, [&](const ManifestFile& manifest) { return gone.contains(manifest.path); });
  manifests.insert(manifests.begin(), std::make_move_iterator(merged.begin()), std::make_move_iterator(merged.end()));
  return manifests;
}

Result<BuiltSnapshot> SnapshotBuilder::Build(const Table& table, const SnapshotPtr& parent, const FileChanges& changes,
                                             int64_t sequence_number, std::stop_token stop) {
  BuiltSnapshot built;
  if (!new_manifests_) {
    NILUS_ASSIGN(new_manifests_, NewManifests(table, changes, stop));
  }
  std::vector<ManifestFile> list = *new_manifests_;
  built.counts.manifests_created = static_cast<int64_t>(list.size());
  for (const DataFile& file : changes.added_data) built.counts.Add(file);
  for (const DataFile& file : changes.added_deletes) built.counts.Add(file);
  std::vector<ManifestFile> current;
  if (parent != nullptr) {
    NILUS_ASSIGN(current, ReadManifestList(table, *parent, stop));
  }
  NILUS_ASSIGN(std::vector<ManifestFile> kept, KeptManifests(table, current, changes, &built, stop));
  NILUS_ASSIGN(kept, Merge(table, std::move(kept), &built.counts, stop));
  list.insert(list.end(), std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end()));

  int64_t next_row_id = table.metadata.next_row_id;
  const std::string bytes = WriteManifestList(table.metadata.format_version, snapshot_id_,
                                              parent == nullptr ? std::nullopt : std::optional(parent->id),
                                              sequence_number, &list, &next_row_id, ManifestCodec(table.metadata));
  if (table.metadata.format_version >= 3) {
    built.first_row_id = table.metadata.next_row_id;
    built.added_rows = next_row_id - table.metadata.next_row_id;
  }
  built.manifest_list =
      MetadataFileUrl(table.metadata, fmt::format("snap-{}-{}-{}.avro", snapshot_id_, ++attempt_, commit_id_));
  written_.insert(built.manifest_list);
  used_ = {built.manifest_list};
  for (const ManifestFile& manifest : list) used_.insert(manifest.path);
  NILUS_FAULT_POINT("lake.write-manifest-list");
  NILUS_TRY(WriteFile(*table.store, built.manifest_list, bytes, stop));
  return built;
}

std::vector<std::string> SnapshotBuilder::TakeUnused() {
  std::vector<std::string> unused;
  std::set_difference(written_.begin(), written_.end(), used_.begin(), used_.end(), std::back_inserter(unused));
  for (const std::string& url : unused) written_.erase(url);
  return unused;
}

std::vector<std::string> SnapshotBuilder::TakeAll() {
  std::vector<std::string> all(written_.begin(), written_.end());
  written_.clear();
  used_.clear();
  new_manifests_.reset();
  rewritten_.clear();
  merged_.clear();
  return all;
}

}  // namespace nilus::lake
