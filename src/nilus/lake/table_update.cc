#include "nilus/lake/table_update.h"

#include <algorithm>
#include <set>

#include "nilus/lake/json.h"
#include "nilus/lake/metadata_json.h"

namespace nilus::lake {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

Status AddSnapshotTo(const SnapshotPtr& snapshot, TableMetadata* metadata) {
  if (metadata->FindSnapshot(snapshot->id) != nullptr) {
    return Fail(ErrorKind::kInternal, "snapshot {} is in the table already", snapshot->id);
  }
  if (metadata->format_version >= 2 && snapshot->sequence_number <= metadata->last_sequence_number &&
      snapshot->parent_id) {
    return Fail(ErrorKind::kConflict, "snapshot {} has sequence number {}, but the table is at {}", snapshot->id,
                snapshot->sequence_number, metadata->last_sequence_number);
  }
  metadata->last_sequence_number = std::max(metadata->last_sequence_number, snapshot->sequence_number);
  if (metadata->format_version >= 3) {
    const int64_t first = snapshot->first_row_id.value_or(metadata->next_row_id);
    if (first < metadata->next_row_id) {
      return Fail(ErrorKind::kConflict, "snapshot {} begins at row id {}, but the table is at {}", snapshot->id, first,
                  metadata->next_row_id);
    }
    if (__builtin_add_overflow(first, snapshot->added_rows.value_or(0), &metadata->next_row_id)) {
      return Fail(ErrorKind::kExhausted, "the table has no row ids left");
    }
  }
  metadata->snapshots.push_back(snapshot);
  return {};
}

Status SetRefIn(const SetSnapshotRef& update, int64_t now_ms, TableMetadata* metadata) {
  if (metadata->FindSnapshot(update.ref.snapshot_id) == nullptr) {
    return Fail(ErrorKind::kNotFound, "{} {}: there is no snapshot {}", update.ref.is_tag ? "tag" : "branch",
                update.name, update.ref.snapshot_id);
  }
  if (update.name == kMainBranch) {
    if (update.ref.is_tag) return Fail(ErrorKind::kInvalidInput, "main is a branch, and no tag");
    if (metadata->current_snapshot_id != update.ref.snapshot_id) {
      metadata->current_snapshot_id = update.ref.snapshot_id;
      metadata->snapshot_log.push_back(SnapshotLogEntry{now_ms, update.ref.snapshot_id});
    }
  }
  metadata->refs[update.name] = update.ref;
  return {};
}

Status RemoveSnapshotsFrom(const std::vector<int64_t>& ids, TableMetadata* metadata) {
  const std::set<int64_t> gone(ids.begin(), ids.end());
  for (const auto& [name, ref] : metadata->refs) {
    if (gone.contains(ref.snapshot_id)) {
      return Fail(ErrorKind::kInvalidInput, "snapshot {} cannot be removed: {} {} ends there", ref.snapshot_id,
                  ref.is_tag ? "tag" : "branch", name);
    }
  }
  std::erase_if(metadata->snapshots, [&](const SnapshotPtr& snapshot) { return gone.contains(snapshot->id); });
  // Time travel must not skip over what is gone: the log begins anew behind the last entry that is.
  const auto last_gone = std::find_if(metadata->snapshot_log.rbegin(), metadata->snapshot_log.rend(),
                                      [&](const SnapshotLogEntry& entry) { return gone.contains(entry.snapshot_id); });
  metadata->snapshot_log.erase(metadata->snapshot_log.begin(), last_gone.base());
  return {};
}

// An equal one is there already, or its id is free.
template <typename Item>
Status AddTo(const Item& item, std::vector<std::shared_ptr<const Item>>* items, int32_t Item::*id, const char* what) {
  for (const auto& known : *items) {
    if ((*known).*id != item.*id) continue;
    if (*known == item) return {};
    return Fail(ErrorKind::kConflict, "the table has another {} {}", what, item.*id);
  }
  items->push_back(std::make_shared<const Item>(item));
  return {};
}

}  // namespace

Status ApplyUpdate(const TableUpdate& update, int64_t now_ms, TableMetadata* metadata) {
  return std::visit(
      Overloaded{
          [&](const AssignUuid& change) -> Status {
            metadata->uuid = change.uuid;
            return {};
          },
          [&](const UpgradeFormatVersion& change) -> Status {
            if (change.format_version < metadata->format_version || change.format_version > kHighestFormatVersion) {
              return Fail(ErrorKind::kInvalidInput, "the table has format version {}, and cannot become {}",
                          metadata->format_version, change.format_version);
            }
            metadata->format_version = change.format_version;
            return {};
          },
          [&](const AddSchema& change) -> Status {
            NILUS_TRY(AddTo(*change.schema, &metadata->schemas, &IcebergSchema::schema_id, "schema"));
            metadata->last_column_id =
                std::max({metadata->last_column_id, change.last_column_id, change.schema->HighestId()});
            return {};
          },
          [&](const SetCurrentSchema& change) -> Status {
            if (metadata->FindSchema(change.schema_id) == nullptr) {
              return Fail(ErrorKind::kInvalidInput, "there is no schema {}", change.schema_id);
            }
            metadata->current_schema_id = change.schema_id;
            return {};
          },
          [&](const AddSpec& change) -> Status {
            NILUS_TRY(AddTo(*change.spec, &metadata->specs, &PartitionSpec::spec_id, "partition spec"));
            for (const SpecField& field : change.spec->fields) {
              metadata->last_partition_id = std::max(metadata->last_partition_id, field.field_id);
            }
            return {};
          },
          [&](const SetDefaultSpec& change) -> Status {
            if (metadata->FindSpec(change.spec_id) == nullptr) {
              return Fail(ErrorKind::kInvalidInput, "there is no partition spec {}", change.spec_id);
            }
            metadata->default_spec_id = change.spec_id;
            return {};
          },
          [&](const AddSortOrder& change) -> Status {
            if (const SortOrder* known = metadata->FindSortOrder(change.order.order_id)) {
              if (*known == change.order) return {};
              return Fail(ErrorKind::kConflict, "the table has another sort order {}", change.order.order_id);
            }
            metadata->sort_orders.push_back(change.order);
            return {};
          },
          [&](const SetDefaultSortOrder& change) -> Status {
            if (metadata->FindSortOrder(change.order_id) == nullptr) {
              return Fail(ErrorKind::kInvalidInput, "there is no sort order {}", change.order_id);
            }
            metadata->default_sort_order_id = change.order_id;
            return {};
          },
          [&](const AddSnapshot& change) { return AddSnapshotTo(change.snapshot, metadata); },
          [&](const SetSnapshotRef& change) { return SetRefIn(change, now_ms, metadata); },
          [&](const RemoveSnapshotRef& change) -> Status {
            if (change.name == kMainBranch) metadata->current_snapshot_id.reset();
            metadata->refs.erase(change.name);
            return {};
          },
          [&](const RemoveSnapshots& change) { return RemoveSnapshotsFrom(change.ids, metadata); },
          [&](const SetLocation& change) -> Status {
            metadata->location = change.location;
            return {};
          },
          [&](const SetProperties& change) -> Status {
            for (const auto& [name, value] : change.values) metadata->properties[name] = value;
            return {};
          },
          [&](const RemoveProperties& change) -> Status {
            for (const std::string& name : change.names) metadata->properties.erase(name);
            return {};
          },
      },
      update);
}

std::vector<TableUpdate> UpdatesOfNewTable(const TableMetadata& metadata) {
  std::vector<TableUpdate> updates;
  updates.emplace_back(AssignUuid{metadata.uuid});
  updates.emplace_back(UpgradeFormatVersion{metadata.format_version});
  for (const IcebergSchemaPtr& schema : metadata.schemas) {
    updates.emplace_back(AddSchema{schema, metadata.last_column_id});
  }
  updates.emplace_back(SetCurrentSchema{metadata.current_schema_id});
  for (const PartitionSpecPtr& spec : metadata.specs) updates.emplace_back(AddSpec{spec});
  updates.emplace_back(SetDefaultSpec{metadata.default_spec_id});
  for (const SortOrder& order : metadata.sort_orders) updates.emplace_back(AddSortOrder{order});
  updates.emplace_back(SetDefaultSortOrder{metadata.default_sort_order_id});
  updates.emplace_back(SetLocation{metadata.location});
  if (!metadata.properties.empty()) updates.emplace_back(SetProperties{metadata.properties});
  return updates;
}

namespace {

Status Check(bool holds, const TableMetadata& metadata, std::string_view what) {
  if (holds) return {};
  return Fail(ErrorKind::kConflict, "table {} was changed by somebody else: {}", metadata.location, what);
}

}  // namespace

Status CheckRequirement(const TableRequirement& requirement, const TableMetadata* metadata) {
  if (std::holds_alternative<AssertCreate>(requirement)) {
    if (metadata == nullptr) return {};
    return Fail(ErrorKind::kConflict, "table {} was created by somebody else", metadata->location);
  }
  if (metadata == nullptr) return Fail(ErrorKind::kConflict, "the table was dropped by somebody else");
  return std::visit(
      Overloaded{
          [&](const AssertCreate&) -> Status { return {}; },
          [&](const AssertUuid& wanted) { return Check(metadata->uuid == wanted.uuid, *metadata, "it was made anew"); },
          [&](const AssertRefSnapshot& wanted) {
            const auto ref = metadata->refs.find(wanted.ref);
            const std::optional<int64_t> actual =
                ref == metadata->refs.end() ? std::nullopt : std::optional(ref->second.snapshot_id);
            return Check(actual == wanted.snapshot_id, *metadata, "branch " + wanted.ref + " has another snapshot");
          },
          [&](const AssertLastColumnId& wanted) {
            return Check(metadata->last_column_id == wanted.id, *metadata, "columns were added");
          },
          [&](const AssertCurrentSchema& wanted) {
            return Check(metadata->current_schema_id == wanted.id, *metadata, "its schema is another");
          },
          [&](const AssertLastPartitionId& wanted) {
            return Check(metadata->last_partition_id == wanted.id, *metadata, "partition fields were added");
          },
          [&](const AssertDefaultSpec& wanted) {
            return Check(metadata->default_spec_id == wanted.id, *metadata, "its partition spec is another");
          },
          [&](const AssertDefaultSortOrder& wanted) {
            return Check(metadata->default_sort_order_id == wanted.id, *metadata, "its sort order is another");
          },
      },
      requirement);
}

std::string UpdateToJson(const TableUpdate& update) {
  const auto raw = [](const std::string& json) { return Json::parse(json, nullptr, false); };
  const Json json =
      std::visit(Overloaded{
                     [](const AssignUuid& change) {
                       return Json{{"action", "assign-uuid"}, {"uuid", change.uuid}};
                     },
                     [](const UpgradeFormatVersion& change) {
                       return Json{{"action", "upgrade-format-version"}, {"format-version", change.format_version}};
                     },
                     [&](const AddSchema& change) {
                       return Json{{"action", "add-schema"},
                                   {"schema", raw(SchemaToJson(*change.schema))},
                                   {"last-column-id", change.last_column_id}};
                     },
                     [](const SetCurrentSchema& change) {
                       return Json{{"action", "set-current-schema"}, {"schema-id", change.schema_id}};
                     },
                     [&](const AddSpec& change) {
                       return Json{{"action", "add-spec"}, {"spec", raw(SpecToJson(*change.spec))}};
                     },
                     [](const SetDefaultSpec& change) {
                       return Json{{"action", "set-default-spec"}, {"spec-id", change.spec_id}};
                     },
                     [&](const AddSortOrder& change) {
                       return Json{{"action", "add-sort-order"}, {"sort-order", raw(SortOrderToJson(change.order))}};
                     },
                     [](const SetDefaultSortOrder& change) {
                       return Json{{"action", "set-default-sort-order"}, {"sort-order-id", change.order_id}};
                     },
                     [&](const AddSnapshot& change) {
                       return Json{{"action", "add-snapshot"}, {"snapshot", raw(SnapshotToJson(*change.snapshot))}};
                     },
                     [&](const SetSnapshotRef& change) {
                       Json ref = raw(RefToJson(change.ref));
                       ref["action"] = "set-snapshot-ref";
                       ref["ref-name"] = change.name;
                       return ref;
                     },
                     [](const RemoveSnapshotRef& change) {
                       return Json{{"action", "remove-snapshot-ref"}, {"ref-name", change.name}};
                     },
                     [](const RemoveSnapshots& change) {
                       return Json{{"action", "remove-snapshots"}, {"snapshot-ids", change.ids}};
                     },
                     [](const SetLocation& change) {
                       return Json{{"action", "set-location"}, {"location", change.location}};
                     },
                     [](const SetProperties& change) {
                       return Json{{"action", "set-properties"}, {"updates", change.values}};
                     },
                     [](const RemoveProperties& change) {
                       return Json{{"action", "remove-properties"}, {"removals", change.names}};
                     },
                 },
                 update);
  return DumpJson(json);
}

std::string RequirementToJson(const TableRequirement& requirement) {
  const Json json = std::visit(
      Overloaded{
          [](const AssertCreate&) {
            return Json{{"type", "assert-create"}};
          },
          [](const AssertUuid& wanted) {
            return Json{{"type", "assert-table-uuid"}, {"uuid", wanted.uuid}};
          },
          [](const AssertRefSnapshot& wanted) {
            Json made{{"type", "assert-ref-snapshot-id"}, {"ref", wanted.ref}, {"snapshot-id", nullptr}};
            if (wanted.snapshot_id) made["snapshot-id"] = *wanted.snapshot_id;
            return made;
          },
          [](const AssertLastColumnId& wanted) {
            return Json{{"type", "assert-last-assigned-field-id"}, {"last-assigned-field-id", wanted.id}};
          },
          [](const AssertCurrentSchema& wanted) {
            return Json{{"type", "assert-current-schema-id"}, {"current-schema-id", wanted.id}};
          },
          [](const AssertLastPartitionId& wanted) {
            return Json{{"type", "assert-last-assigned-partition-id"}, {"last-assigned-partition-id", wanted.id}};
          },
          [](const AssertDefaultSpec& wanted) {
            return Json{{"type", "assert-default-spec-id"}, {"default-spec-id", wanted.id}};
          },
          [](const AssertDefaultSortOrder& wanted) {
            return Json{{"type", "assert-default-sort-order-id"}, {"default-sort-order-id", wanted.id}};
          },
      },
      requirement);
  return DumpJson(json);
}

}  // namespace nilus::lake
