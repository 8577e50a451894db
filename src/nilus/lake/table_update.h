// Changes of a table's metadata as values: what a REST catalog takes ("TableUpdate", "TableRequirement" of the Iceberg
// REST OpenAPI) and what the other catalogs apply themselves. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "nilus/lake/table_metadata.h"

namespace nilus::lake {

struct AssignUuid {
  std::string uuid;
};
struct UpgradeFormatVersion {
  int format_version = 2;
};
struct AddSchema {  // its schema_id is final
  IcebergSchemaPtr schema;
  int32_t last_column_id = 0;
};
struct SetCurrentSchema {
  int32_t schema_id = 0;
};
struct AddSpec {
  PartitionSpecPtr spec;
};
struct SetDefaultSpec {
  int32_t spec_id = 0;
};
struct AddSortOrder {
  SortOrder order;
};
struct SetDefaultSortOrder {
  int32_t order_id = 0;
};
struct AddSnapshot {
  SnapshotPtr snapshot;
};
struct SetSnapshotRef {
  std::string name;
  SnapshotRef ref;
};
struct RemoveSnapshotRef {
  std::string name;
};
struct RemoveSnapshots {
  std::vector<int64_t> ids;
};
struct SetLocation {
  std::string location;
};
struct SetProperties {
  Properties values;
};
struct RemoveProperties {
  std::vector<std::string> names;
};

using TableUpdate = std::variant<AssignUuid, UpgradeFormatVersion, AddSchema, SetCurrentSchema, AddSpec, SetDefaultSpec,
                                 AddSortOrder, SetDefaultSortOrder, AddSnapshot, SetSnapshotRef, RemoveSnapshotRef,
                                 RemoveSnapshots, SetLocation, SetProperties, RemoveProperties>;

struct AssertCreate {};
struct AssertUuid {
  std::string uuid;
};
struct AssertRefSnapshot {
  std::string ref;
  std::optional<int64_t> snapshot_id;  // nothing: the ref must not exist
};
struct AssertLastColumnId {
  int32_t id = 0;
};
struct AssertCurrentSchema {
  int32_t id = 0;
};
struct AssertLastPartitionId {
  int32_t id = 0;
};
struct AssertDefaultSpec {
  int32_t id = 0;
};
struct AssertDefaultSortOrder {
  int32_t id = 0;
};
using TableRequirement =
    std::variant<AssertCreate, AssertUuid, AssertRefSnapshot, AssertLastColumnId, AssertCurrentSchema,
                 AssertLastPartitionId, AssertDefaultSpec, AssertDefaultSortOrder>;

// Changes `metadata`; kInvalidInput or kData when the update makes no sense there (unknown ids, a lower version, …).
// `now_ms` stamps what the update logs.
Status ApplyUpdate(const TableUpdate& update, int64_t now_ms, TableMetadata* metadata);
// The updates that make an empty table's metadata out of nothing, for a REST catalog.
std::vector<TableUpdate> UpdatesOfNewTable(const TableMetadata& metadata);
// kConflict says which requirement `metadata` does not meet; null: the table does not exist.
Status CheckRequirement(const TableRequirement& requirement, const TableMetadata* metadata);

std::string UpdateToJson(const TableUpdate& update);
std::string RequirementToJson(const TableRequirement& requirement);

}  // namespace nilus::lake
