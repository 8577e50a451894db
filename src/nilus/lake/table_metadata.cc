#include "nilus/lake/table_metadata.h"

#include <algorithm>

#include "nilus/base/clock.h"

namespace nilus::lake {

std::string_view Snapshot::operation() const {
  const auto found = summary.find("operation");
  return found == summary.end() ? std::string_view() : std::string_view(found->second);
}

IcebergSchemaPtr TableMetadata::FindSchema(int32_t id) const {
  for (const IcebergSchemaPtr& schema : schemas) {
    if (schema->schema_id == id) return schema;
  }
  return nullptr;
}

PartitionSpecPtr TableMetadata::FindSpec(int32_t id) const {
  for (const PartitionSpecPtr& spec : specs) {
    if (spec->spec_id == id) return spec;
  }
  return nullptr;
}

SnapshotPtr TableMetadata::FindSnapshot(int64_t id) const {
  // The latest ones are asked for most.
  for (auto at = snapshots.rbegin(); at != snapshots.rend(); ++at) {
    if ((*at)->id == id) return *at;
  }
  return nullptr;
}

const SortOrder* TableMetadata::FindSortOrder(int32_t id) const {
  for (const SortOrder& order : sort_orders) {
    if (order.order_id == id) return &order;
  }
  return nullptr;
}

const IcebergSchema& TableMetadata::schema() const {
  static const IcebergSchema kNone;
  const IcebergSchemaPtr found = FindSchema(current_schema_id);
  return found == nullptr ? kNone : *found;
}

const PartitionSpec& TableMetadata::spec() const {
  static const PartitionSpec kNone;
  const PartitionSpecPtr found = FindSpec(default_spec_id);
  return found == nullptr ? kNone : *found;
}

const SortOrder& TableMetadata::sort_order() const {
  static const SortOrder kNone;
  const SortOrder* found = FindSortOrder(default_sort_order_id);
  return found == nullptr ? kNone : *found;
}

SnapshotPtr TableMetadata::current_snapshot() const {
  return current_snapshot_id ? FindSnapshot(*current_snapshot_id) : nullptr;
}

SnapshotPtr TableMetadata::SnapshotOf(std::string_view ref) const {
  const auto found = refs.find(std::string(ref));
  if (found != refs.end()) return FindSnapshot(found->second.snapshot_id);
  return ref == kMainBranch ? current_snapshot() : nullptr;
}

Result<SnapshotPtr> TableMetadata::SnapshotAsOf(int64_t timestamp_ms) const {
  const auto text = [](int64_t ms) { return FormatWallTime(WallTime(std::chrono::milliseconds(ms))); };
  std::optional<int64_t> earliest;
  // Clocks jump: entries need not be in order. The last one at or before the time is what readers saw then.
  for (auto at = snapshot_log.rbegin(); at != snapshot_log.rend(); ++at) {
    if (at->timestamp_ms > timestamp_ms) {
      earliest = std::min(earliest.value_or(at->timestamp_ms), at->timestamp_ms);
      continue;
    }
    if (SnapshotPtr snapshot = FindSnapshot(at->snapshot_id)) return snapshot;
    return FailWithFix(ErrorKind::kNotFound, "choose a later time",
                       "the snapshot that was current at {} has been expired", text(timestamp_ms));
  }
  if (snapshot_log.empty()) {
    for (SnapshotPtr at = current_snapshot(); at != nullptr;
         at = at->parent_id ? FindSnapshot(*at->parent_id) : nullptr) {
      if (at->timestamp_ms <= timestamp_ms) return at;
      earliest = at->timestamp_ms;
    }
  }
  if (!earliest) return Fail(ErrorKind::kNotFound, "the table has no snapshot yet");
  return FailWithFix(ErrorKind::kNotFound, "choose a later time",
                     "the table's history does not reach back to {}: it begins at {}", text(timestamp_ms),
                     text(*earliest));
}

const IcebergSchema& TableMetadata::SchemaOf(const Snapshot& snapshot) const {
  if (snapshot.schema_id) {
    for (const IcebergSchemaPtr& known : schemas) {
      if (known->schema_id == *snapshot.schema_id) return *known;
    }
  }
  return schema();
}

SnapshotPtr TableMetadata::WalkAncestors(const SnapshotPtr& from,
                                         const std::function<bool(const SnapshotPtr&)>& each) const {
  SnapshotPtr at = from;
  // A parent stands before its children, mostly right before: looking there first keeps the walk linear.
  auto place = std::find(snapshots.begin(), snapshots.end(), from);
  for (size_t steps = 0; at != nullptr && steps < snapshots.size(); ++steps) {
    if (!each(at) || !at->parent_id) return at;
    SnapshotPtr parent;
    while (place != snapshots.begin() && parent == nullptr) {
      --place;
      if ((*place)->id == *at->parent_id) parent = *place;
    }
    if (parent == nullptr) {
      parent = FindSnapshot(*at->parent_id);
      if (parent == nullptr) return at;
      place = std::find(snapshots.begin(), snapshots.end(), parent);
    }
    at = std::move(parent);
  }
  return at;
}

bool TableMetadata::IsAncestor(int64_t ancestor, int64_t snapshot) const {
  bool is_one = ancestor == snapshot;
  WalkAncestors(FindSnapshot(snapshot), [&](const SnapshotPtr& at) {
    is_one = is_one || at->id == ancestor || at->parent_id == ancestor;
    return !is_one;
  });
  return is_one;
}

std::optional<std::string_view> TableMetadata::Property(std::string_view name) const {
  const auto found = properties.find(std::string(name));
  if (found == properties.end()) return std::nullopt;
  return found->second;
}

Result<TableMetadata> MakeTableMetadata(const NewTable& table) {
  if (table.format_version < 2 || table.format_version > kHighestFormatVersion) {
    return FailWithFix(ErrorKind::kInvalidInput, "take 2 or 3", "format version {} is not written",
                       table.format_version);
  }
  TableMetadata metadata;
  metadata.format_version = table.format_version;
  metadata.uuid = NewId();
  metadata.location = table.location;
  while (metadata.location.ends_with('/')) metadata.location.pop_back();
  metadata.last_updated_ms = std::chrono::floor<std::chrono::milliseconds>(Now()).time_since_epoch().count();

  auto schema = std::make_shared<IcebergSchema>(table.schema);
  schema->schema_id = 0;
  metadata.last_column_id = schema->HighestId();
  metadata.schemas.push_back(std::move(schema));

  auto spec = std::make_shared<PartitionSpec>(table.spec);
  spec->spec_id = 0;
  for (const SpecField& field : spec->fields) {
    metadata.last_partition_id = std::max(metadata.last_partition_id, field.field_id);
  }
  metadata.specs.push_back(std::move(spec));

  metadata.sort_orders.push_back(SortOrder{});
  if (!table.sort_order.fields.empty()) {
    SortOrder order = table.sort_order;
    order.order_id = 1;
    metadata.default_sort_order_id = 1;
    metadata.sort_orders.push_back(std::move(order));
  }
  metadata.properties = table.properties;
  // A table that is loaded every minute would have a million metadata files in two years.
  metadata.properties.try_emplace("write.metadata.delete-after-commit.enabled", "true");
  return metadata;
}

}  // namespace nilus::lake
