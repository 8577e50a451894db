// A table's metadata: schemas, partition specs, snapshots, branches and tags. Source: Iceberg spec, "Table Metadata",
// "Snapshots", "Snapshot References". Values only; JSON: metadata_json.h; changes: table_update.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/lake/partition.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

using Properties = std::map<std::string, std::string>;

// Immutable and shared: metadata of a long history is cheap to copy.
struct Snapshot {
  int64_t id = 0;
  std::optional<int64_t> parent_id;
  int64_t sequence_number = 0;  // 0 in v1 tables
  int64_t timestamp_ms = 0;     // since 1970; for people and expiry, never for order
  std::string manifest_list;    // URL; empty in old v1 tables, which list `manifests`
  std::vector<std::string> manifests;
  Properties summary;  // "operation" and counters, and Nilus's position (pipeline_state.h)
  std::optional<int32_t> schema_id;
  std::optional<int64_t> first_row_id;  // v3
  std::optional<int64_t> added_rows;    // v3
  std::string key_id;
  std::string json;  // as it was read or will be written: snapshots never change

  std::string_view operation() const;  // append | replace | overwrite | delete; empty: not said
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

inline constexpr std::string_view kMainBranch = "main";

struct SnapshotRef {
  int64_t snapshot_id = 0;
  bool is_tag = false;
  std::optional<int64_t> min_snapshots_to_keep;
  std::optional<int64_t> max_snapshot_age_ms;
  std::optional<int64_t> max_ref_age_ms;
  friend bool operator==(const SnapshotRef&, const SnapshotRef&) = default;
};

struct SnapshotLogEntry {
  int64_t timestamp_ms = 0;
  int64_t snapshot_id = 0;
  friend bool operator==(const SnapshotLogEntry&, const SnapshotLogEntry&) = default;
};
struct MetadataLogEntry {
  int64_t timestamp_ms = 0;
  std::string metadata_file;
  friend bool operator==(const MetadataLogEntry&, const MetadataLogEntry&) = default;
};

inline constexpr int kHighestFormatVersion = 3;

struct TableMetadata {
  int format_version = 2;
  std::string uuid;
  std::string location;  // URL, without a slash at the end
  int64_t last_sequence_number = 0;
  int64_t last_updated_ms = 0;
  int32_t last_column_id = 0;
  std::vector<IcebergSchemaPtr> schemas;
  int32_t current_schema_id = 0;
  std::vector<PartitionSpecPtr> specs;
  int32_t default_spec_id = 0;
  int32_t last_partition_id = kFirstPartitionFieldId - 1;
  std::vector<SortOrder> sort_orders;
  int32_t default_sort_order_id = 0;
  Properties properties;
  std::optional<int64_t> current_snapshot_id;
  std::vector<SnapshotPtr> snapshots;
  std::vector<SnapshotLogEntry> snapshot_log;
  std::vector<MetadataLogEntry> metadata_log;
  std::map<std::string, SnapshotRef> refs;  // `main` is among them when there is a current snapshot
  int64_t next_row_id = 0;                  // v3
  // Lists that Nilus keeps as they are, as JSON texts; empty: absent.
  std::string statistics_json;
  std::string partition_statistics_json;
  std::string encryption_keys_json;

  // Null or nothing: there is none with this id or name.
  IcebergSchemaPtr FindSchema(int32_t id) const;
  PartitionSpecPtr FindSpec(int32_t id) const;
  SnapshotPtr FindSnapshot(int64_t id) const;
  const SortOrder* FindSortOrder(int32_t id) const;

  // The current ones; the parser and every change see to it that they are there.
  const IcebergSchema& schema() const;
  const PartitionSpec& spec() const;
  const SortOrder& sort_order() const;
  SnapshotPtr current_snapshot() const;  // null: the table is empty
  // Of a branch or tag; null: no such ref, or `main` of an empty table.
  SnapshotPtr SnapshotOf(std::string_view ref) const;
  // What readers saw at that time, by the snapshot log (and where that is absent, the ancestors of the current one).
  // kNotFound: nothing is known of a time so early; the message says since when.
  Result<SnapshotPtr> SnapshotAsOf(int64_t timestamp_ms) const;
  // The schema that a snapshot was written with, or the current one where it does not say.
  const IcebergSchema& SchemaOf(const Snapshot& snapshot) const;
  // `from` and its parents, latest first, as far as they are known, until `each` returns false. The last one visited;
  // its parent_id tells whether the history goes on where snapshots have been expired. Null: `from` is null.
  SnapshotPtr WalkAncestors(const SnapshotPtr& from, const std::function<bool(const SnapshotPtr&)>& each) const;
  // True when `ancestor` is `snapshot` or among its parents (as far as they are known).
  bool IsAncestor(int64_t ancestor, int64_t snapshot) const;
  std::optional<std::string_view> Property(std::string_view name) const;
};

// Format version 1, 2 or 3; an empty table with these. `location` as above.
struct NewTable {
  std::string location;  // empty: the catalog's choice
  IcebergSchema schema;
  PartitionSpec spec;
  SortOrder sort_order;
  Properties properties;
  int format_version = 2;
};
Result<TableMetadata> MakeTableMetadata(const NewTable& table);

}  // namespace nilus::lake
