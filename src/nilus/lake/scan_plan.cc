#include "nilus/lake/scan_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace nilus::lake {
namespace {

// Equal texts for equal partitions of one spec.
std::string PartitionKey(int32_t spec_id, const std::vector<Literal>& partition) {
  std::string key = std::to_string(spec_id);
  for (const Literal& value : partition) {
    key += '\0';
    key += static_cast<char>('a' + value.index());
    std::visit(
        [&](const auto& held) {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Held, std::string>) {
            key += std::to_string(held.size()) + ":" + held;
          } else if constexpr (!std::is_same_v<Held, std::monostate>) {
            key.append(reinterpret_cast<const char*>(&held), sizeof(held));
          }
        },
        value);
  }
  return key;
}

bool IsGlobal(const TableMetadata& metadata, const DataFile& file) {
  const PartitionSpecPtr spec = metadata.FindSpec(file.spec_id);
  return spec == nullptr || spec->is_unpartitioned();
}

// The delete files of a snapshot, by what they can apply to.
class DeleteIndex {
 public:
  DeleteIndex(const TableMetadata& metadata, const std::vector<ManifestEntry>& deletes) : deletes_(deletes) {
    for (size_t i = 0; i < deletes.size(); ++i) {
      const DataFile& file = deletes[i].file;
      if (file.is_deletion_vector()) {
        vectors_[file.referenced_data_file] = i;
      } else if (file.content == FileContent::kPositionDeletes && !file.referenced_data_file.empty()) {
        by_path_[file.referenced_data_file].push_back(i);
      } else if (file.content == FileContent::kEqualityDeletes && IsGlobal(metadata, file)) {
        global_.push_back(i);
      } else {
        by_partition_[PartitionKey(file.spec_id, file.partition)].push_back(i);
      }
    }
  }

  void Apply(ScanFile* data) const {
    const DataFile& file = data->file();
    if (auto at = vectors_.find(file.path); at != vectors_.end() && Sequence(at->second) >= data->entry.sequence_number)
      data->vector = at->second;
    if (auto at = by_path_.find(file.path); at != by_path_.end()) Add(at->second, data);
    if (auto at = by_partition_.find(PartitionKey(file.spec_id, file.partition)); at != by_partition_.end())
      Add(at->second, data);
    Add(global_, data);
    if (data->vector) data->position_deletes.clear();
  }

 private:
  int64_t Sequence(size_t index) const { return deletes_[index].sequence_number; }

  void Add(const std::vector<size_t>& indexes, ScanFile* data) const {
    for (size_t index : indexes) {
      const DataFile& file = deletes_[index].file;
      if (file.content == FileContent::kEqualityDeletes) {
        if (Sequence(index) > data->entry.sequence_number) data->equality_deletes.push_back(index);
      } else if (Sequence(index) >= data->entry.sequence_number && MayName(file, data->file().path)) {
        data->position_deletes.push_back(index);
      }
    }
  }

  // By the bounds of file_path, which may be cut.
  static bool MayName(const DataFile& deletes, const std::string& path) {
    const std::string* low = FindId(deletes.lower_bounds, kFilePathFieldId);
    const std::string* high = FindId(deletes.upper_bounds, kFilePathFieldId);
    return (low == nullptr || path >= *low) && (high == nullptr || path <= *high);
  }

  const std::vector<ManifestEntry>& deletes_;
  std::unordered_map<std::string, size_t> vectors_;
  std::unordered_map<std::string, std::vector<size_t>> by_path_;
  std::unordered_map<std::string, std::vector<size_t>> by_partition_;
  std::vector<size_t> global_;
};

Status CheckFormat(const DataFile& file) {
  if (file.format == "parquet" || file.is_deletion_vector()) return {};
  return FailWithFix(ErrorKind::kUnsupported, "rewrite the table's files as Parquet with the engine that wrote them",
                     "{} is a file of format {}: Nilus reads Parquet", file.path, file.format);
}

Status AddDataFiles(const Table& table, const ManifestFile& manifest, const RangeFilters& filters,
                    const std::set<int64_t>* only_snapshots, const std::stop_token& stop, ScanPlan* plan) {
  const PartitionSpecPtr spec = table.metadata.FindSpec(manifest.spec_id);
  const bool may_hold = spec == nullptr || std::all_of(filters.begin(), filters.end(), [&](const RangeFilter& filter) {
                          return MayHoldRows(filter, plan->schema, *spec, manifest);
                        });
  if (!may_hold) {
    plan->skipped_files += manifest.added_files.value_or(0) + manifest.existing_files.value_or(0);
    return {};
  }
  NILUS_ASSIGN(std::vector<ManifestEntry> entries, ReadManifest(table, manifest, /*with_deleted=*/false, stop));
  for (ManifestEntry& entry : entries) {
    if (only_snapshots != nullptr &&
        (entry.status != EntryStatus::kAdded || !only_snapshots->contains(entry.snapshot_id)))
      continue;
    if (!MayHoldRows(filters, plan->schema, spec.get(), entry.file)) {
      ++plan->skipped_files;
      continue;
    }
    NILUS_TRY(CheckFormat(entry.file));
    plan->files.push_back(ScanFile{.entry = std::move(entry)});
  }
  return {};
}

}  // namespace

int64_t ScanPlan::rows() const {
  int64_t rows = 0;
  for (const ScanFile& file : files) rows += file.file().record_count;
  return rows;
}

int64_t ScanPlan::bytes() const {
  int64_t bytes = 0;
  for (const ScanFile& file : files) bytes += file.file().file_size;
  return bytes;
}

Result<ScanPlan> PlanScan(TablePtr table, SnapshotPtr snapshot, IcebergSchema schema, const RangeFilters& filters,
                          std::stop_token stop) {
  ScanPlan plan{.table = table, .snapshot = snapshot, .schema = std::move(schema)};
  if (snapshot == nullptr) return plan;
  NILUS_ASSIGN(std::vector<ManifestFile> manifests, ReadManifestList(*table, *snapshot, stop));
  for (const ManifestFile& manifest : manifests) {
    if (!manifest.may_have_live_files()) continue;
    if (manifest.content == ManifestContent::kData) {
      NILUS_TRY(AddDataFiles(*table, manifest, filters, nullptr, stop, &plan));
      continue;
    }
    NILUS_ASSIGN(std::vector<ManifestEntry> entries, ReadManifest(*table, manifest, /*with_deleted=*/false, stop));
    for (ManifestEntry& entry : entries) {
      NILUS_TRY(CheckFormat(entry.file));
      plan.deletes.push_back(std::move(entry));
    }
  }
  const DeleteIndex index(table->metadata, plan.deletes);
  for (ScanFile& file : plan.files) index.Apply(&file);
  return plan;
}

Result<ScanPlan> PlanAppends(TablePtr table, int64_t from, SnapshotPtr to, IcebergSchema schema,
                             const RangeFilters& filters, std::stop_token stop) {
  ScanPlan plan{.table = table, .snapshot = to, .schema = std::move(schema)};
  std::set<int64_t> added;
  SnapshotPtr at = to;
  while (at != nullptr && at->id != from) {
    // `replace` is compaction: the same rows in other files.
    if (at->operation() != "append" && at->operation() != "replace") {
      return FailWithFix(ErrorKind::kUnsupported, "read the whole table (without incremental snapshots)",
                         "snapshot {} of table {} changed or removed rows (operation {}): what was appended since "
                         "snapshot {} does not tell all",
                         at->id, table->identifier.ToString(), at->operation(), from);
    }
    if (at->operation() == "append") added.insert(at->id);
    at = at->parent_id ? table->metadata.FindSnapshot(*at->parent_id) : nullptr;
  }
  if (at == nullptr) {
    return FailWithFix(ErrorKind::kNotFound, "read the whole table once: set full_refresh: true for one run",
                       "snapshot {} of table {} is gone (expired or rolled back): what was appended since is not known",
                       from, table->identifier.ToString());
  }
  // Each append's own manifests: compaction may have put its files away since.
  for (int64_t id : added) {
    NILUS_ASSIGN(std::vector<ManifestFile> manifests,
                 ReadManifestList(*table, *table->metadata.FindSnapshot(id), stop));
    const std::set<int64_t> only = {id};
    for (const ManifestFile& manifest : manifests) {
      if (manifest.content != ManifestContent::kData || manifest.added_snapshot_id != id) continue;
      NILUS_TRY(AddDataFiles(*table, manifest, filters, &only, stop, &plan));
    }
  }
  return plan;
}

}  // namespace nilus::lake
