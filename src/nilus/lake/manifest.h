// Files of a table as its manifests list them, and the manifests as a snapshot's manifest list lists those. Source:
// Iceberg spec, "Manifests" and "Manifest Lists". Values only; bytes: manifest_reader.h, manifest_writer.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nilus/lake/literal.h"

namespace nilus::lake {

enum class FileContent : uint8_t { kData = 0, kPositionDeletes = 1, kEqualityDeletes = 2 };

// Values by field id, in ascending order of ids.
template <typename Value>
using ById = std::vector<std::pair<int32_t, Value>>;
template <typename Value>
const Value* FindId(const ById<Value>& values, int32_t id) {
  for (const auto& [key, value] : values) {
    if (key == id) return &value;
  }
  return nullptr;
}

// A data or delete file. A deletion vector is a file of content kPositionDeletes and format "puffin": one blob of it.
struct DataFile {
  FileContent content = FileContent::kData;
  std::string path;                // full URL
  std::string format = "parquet";  // lower case: parquet, avro, orc, puffin
  int32_t spec_id = 0;             // of the spec that `partition` follows
  std::vector<Literal> partition;  // one value for each field of that spec
  int64_t record_count = 0;        // rows; deletes in a delete file; cardinality of a deletion vector
  int64_t file_size = 0;           // bytes
  ById<int64_t> column_sizes;      // bytes on disk
  ById<int64_t> value_counts;      // with NULLs and NaNs
  ById<int64_t> null_counts;
  ById<int64_t> nan_counts;
  ById<std::string> lower_bounds;  // bytes of ToBytes; at most all values that are not NULL nor NaN
  ById<std::string> upper_bounds;
  std::string key_metadata;
  std::vector<int64_t> split_offsets;  // of row groups, ascending
  std::vector<int32_t> equality_ids;   // kEqualityDeletes
  std::optional<int32_t> sort_order_id;
  std::optional<int64_t> first_row_id;    // v3, data files: assigned when the snapshot is committed
  std::string referenced_data_file;       // delete files whose deletes all lie in one data file; always for vectors
  std::optional<int64_t> content_offset;  // deletion vectors: where the blob lies in the Puffin file
  std::optional<int64_t> content_size;

  bool is_deletion_vector() const { return content == FileContent::kPositionDeletes && format == "puffin"; }
  friend bool operator==(const DataFile&, const DataFile&) = default;
};

enum class EntryStatus : uint8_t { kExisting = 0, kAdded = 1, kDeleted = 2 };

struct ManifestEntry {
  EntryStatus status = EntryStatus::kExisting;
  int64_t snapshot_id = 0;      // that added the file (or deleted it, for kDeleted)
  int64_t sequence_number = 0;  // of the data: decides which deletes apply
  int64_t file_sequence_number = 0;
  DataFile file;

  bool is_live() const { return status != EntryStatus::kDeleted; }
};

// What a manifest list says of one partition field over all files of a manifest.
struct FieldSummary {
  bool contains_null = false;
  std::optional<bool> contains_nan;
  std::optional<std::string> lower_bound;  // ToBytes; nothing: only NULLs and NaNs
  std::optional<std::string> upper_bound;
  friend bool operator==(const FieldSummary&, const FieldSummary&) = default;
};

enum class ManifestContent : uint8_t { kData = 0, kDeletes = 1 };

struct ManifestFile {
  std::string path;
  int64_t length = 0;  // bytes
  int32_t spec_id = 0;
  ManifestContent content = ManifestContent::kData;
  int64_t sequence_number = 0;
  int64_t min_sequence_number = 0;
  int64_t added_snapshot_id = 0;
  std::optional<int32_t> added_files;  // nothing: unknown (v1), to be taken as some
  std::optional<int32_t> existing_files;
  std::optional<int32_t> deleted_files;
  std::optional<int64_t> added_rows;
  std::optional<int64_t> existing_rows;
  std::optional<int64_t> deleted_rows;
  std::vector<FieldSummary> partitions;  // empty: unknown
  std::string key_metadata;
  std::optional<int64_t> first_row_id;  // v3

  bool may_have_live_files() const { return added_files.value_or(1) > 0 || existing_files.value_or(1) > 0; }
  friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

}  // namespace nilus::lake
