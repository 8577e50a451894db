#include "nilus/lake/metadata_json.h"

#include <set>

#include "nilus/lake/avro_codec.h"
#include "nilus/lake/json.h"

namespace nilus::lake {
namespace {

constexpr size_t kMetadataBytesLimit = size_t{512} << 20;
constexpr size_t kMostSchemas = 100'000;

Result<SnapshotPtr> ReadSnapshot(const JsonView& view) {
  auto snapshot = std::make_shared<Snapshot>();
  NILUS_ASSIGN(snapshot->id, view.Int64("snapshot-id"));
  NILUS_ASSIGN(snapshot->parent_id, view.MaybeInt64("parent-snapshot-id"));
  if (snapshot->parent_id == -1) snapshot->parent_id.reset();
  NILUS_ASSIGN(const std::optional<int64_t> sequence_number, view.MaybeInt64("sequence-number"));
  snapshot->sequence_number = sequence_number.value_or(0);
  NILUS_ASSIGN(snapshot->timestamp_ms, view.Int64("timestamp-ms"));
  NILUS_ASSIGN(snapshot->manifest_list, view.StringOr("manifest-list", ""));
  if (snapshot->manifest_list.empty()) {
    NILUS_ASSIGN(const std::vector<JsonView> manifests, view.Items("manifests"));
    for (const JsonView& item : manifests) {
      NILUS_ASSIGN(std::string path, item.AsString());
      snapshot->manifests.push_back(std::move(path));
    }
  }
  NILUS_ASSIGN(const auto summary, view.Texts("summary"));
  snapshot->summary.insert(summary.begin(), summary.end());
  NILUS_ASSIGN(snapshot->schema_id, view.MaybeInt32("schema-id"));
  NILUS_ASSIGN(snapshot->first_row_id, view.MaybeInt64("first-row-id"));
  NILUS_ASSIGN(snapshot->added_rows, view.MaybeInt64("added-rows"));
  NILUS_ASSIGN(snapshot->key_id, view.StringOr("key-id", ""));
  snapshot->json = DumpJson(view.value());
  return SnapshotPtr(std::move(snapshot));
}

Json SnapshotJson(const Snapshot& snapshot) {
  Json json{{"snapshot-id", snapshot.id},
            {"timestamp-ms", snapshot.timestamp_ms},
            {"sequence-number", snapshot.sequence_number},
            {"summary", snapshot.summary}};
  if (!snapshot.manifest_list.empty()) {
    json["manifest-list"] = snapshot.manifest_list;
  } else {
    json["manifests"] = snapshot.manifests;
  }
  if (snapshot.parent_id) json["parent-snapshot-id"] = *snapshot.parent_id;
  if (snapshot.schema_id) json["schema-id"] = *snapshot.schema_id;
  if (snapshot.first_row_id) json["first-row-id"] = *snapshot.first_row_id;
  if (snapshot.added_rows) json["added-rows"] = *snapshot.added_rows;
  if (!snapshot.key_id.empty()) json["key-id"] = snapshot.key_id;
  return json;
}

Json RefJson(const SnapshotRef& ref) {
  Json json{{"snapshot-id", ref.snapshot_id}, {"type", ref.is_tag ? "tag" : "branch"}};
  if (ref.min_snapshots_to_keep) json["min-snapshots-to-keep"] = *ref.min_snapshots_to_keep;
  if (ref.max_snapshot_age_ms) json["max-snapshot-age-ms"] = *ref.max_snapshot_age_ms;
  if (ref.max_ref_age_ms) json["max-ref-age-ms"] = *ref.max_ref_age_ms;
  return json;
}

// `schemas`, or the one `schema` of v1.
Status ReadSchemas(const JsonView& view, TableMetadata* metadata) {
  if (view.Has("schemas")) {
    NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("schemas", kMostSchemas));
    for (const JsonView& item : items) {
      Result<IcebergSchema> schema = SchemaFromJson(DumpJson(item.value()));
      if (!schema) return Failure(InContext(item.where(), std::move(schema).error()));
      metadata->schemas.push_back(std::make_shared<IcebergSchema>(*std::move(schema)));
    }
    NILUS_ASSIGN(metadata->current_schema_id, view.Int32("current-schema-id"));
  } else {
    NILUS_ASSIGN(const JsonView only, view.Get("schema"));
    Result<IcebergSchema> schema = SchemaFromJson(DumpJson(only.value()));
    if (!schema) return Failure(InContext(only.where(), std::move(schema).error()));
    metadata->current_schema_id = schema->schema_id;
    metadata->schemas.push_back(std::make_shared<IcebergSchema>(*std::move(schema)));
  }
  if (metadata->FindSchema(metadata->current_schema_id) == nullptr) {
    return Fail(ErrorKind::kData, "{}: there is no schema {}, the current one", view.where(),
                metadata->current_schema_id);
  }
  return {};
}

Status ReadSpecs(const JsonView& view, TableMetadata* metadata) {
  if (view.Has("partition-specs")) {
    NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("partition-specs", kMostSchemas));
    for (const JsonView& item : items) {
      Result<PartitionSpec> spec = SpecFromJson(DumpJson(item.value()));
      if (!spec) return Failure(InContext(item.where(), std::move(spec).error()));
      metadata->specs.push_back(std::make_shared<PartitionSpec>(*std::move(spec)));
    }
    NILUS_ASSIGN(metadata->default_spec_id, view.Int32("default-spec-id"));
  } else {
    NILUS_ASSIGN(const JsonView only, view.Get("partition-spec"));
    Result<PartitionSpec> spec = SpecFieldsFromJson(DumpJson(only.value()), 0);
    if (!spec) return Failure(InContext(only.where(), std::move(spec).error()));
    metadata->specs.push_back(std::make_shared<PartitionSpec>(*std::move(spec)));
  }
  if (metadata->FindSpec(metadata->default_spec_id) == nullptr) {
    return Fail(ErrorKind::kData, "{}: there is no partition spec {}, the default one", view.where(),
                metadata->default_spec_id);
  }
  int32_t highest = kFirstPartitionFieldId - 1;
  for (const PartitionSpecPtr& spec : metadata->specs) {
    for (const SpecField& field : spec->fields) highest = std::max(highest, field.field_id);
  }
  NILUS_ASSIGN(const std::optional<int32_t> last, view.MaybeInt32("last-partition-id"));
  metadata->last_partition_id = std::max(highest, last.value_or(highest));
  return {};
}

Status ReadSortOrders(const JsonView& view, TableMetadata* metadata) {
  if (!view.Has("sort-orders")) {
    metadata->sort_orders.push_back(SortOrder{});
    return {};
  }
  NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("sort-orders", kMostSchemas));
  for (const JsonView& item : items) {
    Result<SortOrder> order = SortOrderFromJson(DumpJson(item.value()));
    if (!order) return Failure(InContext(item.where(), std::move(order).error()));
    metadata->sort_orders.push_back(*std::move(order));
  }
  NILUS_ASSIGN(const std::optional<int32_t> current, view.MaybeInt32("default-sort-order-id"));
  metadata->default_sort_order_id = current.value_or(0);
  if (metadata->FindSortOrder(metadata->default_sort_order_id) == nullptr) {
    if (metadata->default_sort_order_id != 0) {
      return Fail(ErrorKind::kData, "{}: there is no sort order {}, the default one", view.where(),
                  metadata->default_sort_order_id);
    }
    metadata->sort_orders.push_back(SortOrder{});
  }
  return {};
}

Status ReadSnapshots(const JsonView& view, TableMetadata* metadata) {
  if (view.Has("snapshots")) {
    NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("snapshots"));
    std::set<int64_t> ids;
    for (const JsonView& item : items) {
      NILUS_ASSIGN(SnapshotPtr snapshot, ReadSnapshot(item));
      if (!ids.insert(snapshot->id).second) {
        return Fail(ErrorKind::kData, "{}: snapshot {} stands twice", item.where(), snapshot->id);
      }
      metadata->snapshots.push_back(std::move(snapshot));
    }
  }
  NILUS_ASSIGN(metadata->current_snapshot_id, view.MaybeInt64("current-snapshot-id"));
  if (metadata->current_snapshot_id == -1) metadata->current_snapshot_id.reset();
  if (metadata->current_snapshot_id && metadata->current_snapshot() == nullptr) {
    return Fail(ErrorKind::kData, "{}: there is no snapshot {}, the current one", view.where(),
                *metadata->current_snapshot_id);
  }
  return {};
}

Status ReadRefs(const JsonView& view, TableMetadata* metadata) {
  if (view.Has("refs")) {
    NILUS_ASSIGN(const JsonView refs, view.Get("refs"));
    if (!refs.value().is_object()) return refs.Wrong("an object");
    for (const auto& [name, value] : refs.value().items()) {
      const JsonView item(value, refs.where() + "." + name);
      SnapshotRef ref;
      NILUS_ASSIGN(ref.snapshot_id, item.Int64("snapshot-id"));
      NILUS_ASSIGN(const std::string type, item.StringOr("type", "branch"));
      if (type != "branch" && type != "tag") return item.Wrong("a branch or a tag");
      ref.is_tag = type == "tag";
      NILUS_ASSIGN(ref.min_snapshots_to_keep, item.MaybeInt64("min-snapshots-to-keep"));
      NILUS_ASSIGN(ref.max_snapshot_age_ms, item.MaybeInt64("max-snapshot-age-ms"));
      NILUS_ASSIGN(ref.max_ref_age_ms, item.MaybeInt64("max-ref-age-ms"));
      if (metadata->FindSnapshot(ref.snapshot_id) == nullptr) {
        return Fail(ErrorKind::kData, "{}: there is no snapshot {}", item.where(), ref.snapshot_id);
      }
      metadata->refs[name] = ref;
    }
  }
  const auto main = metadata->refs.find(std::string(kMainBranch));
  if (metadata->current_snapshot_id && main == metadata->refs.end()) {
    metadata->refs[std::string(kMainBranch)] = SnapshotRef{*metadata->current_snapshot_id};
  } else if (main != metadata->refs.end() && main->second.snapshot_id != metadata->current_snapshot_id) {
    return Fail(ErrorKind::kData, "{}: the branch main is not the current snapshot", view.where());
  }
  return {};
}

Status ReadLogs(const JsonView& view, TableMetadata* metadata) {
  if (view.Has("snapshot-log")) {
    NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("snapshot-log"));
    for (const JsonView& item : items) {
      SnapshotLogEntry entry;
      NILUS_ASSIGN(entry.timestamp_ms, item.Int64("timestamp-ms"));
      NILUS_ASSIGN(entry.snapshot_id, item.Int64("snapshot-id"));
      metadata->snapshot_log.push_back(entry);
    }
  }
  if (view.Has("metadata-log")) {
    NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("metadata-log"));
    for (const JsonView& item : items) {
      MetadataLogEntry entry;
      NILUS_ASSIGN(entry.timestamp_ms, item.Int64("timestamp-ms"));
      NILUS_ASSIGN(entry.metadata_file, item.String("metadata-file"));
      metadata->metadata_log.push_back(std::move(entry));
    }
  }
  return {};
}

std::string RawText(const JsonView& view, const char* key) {
  return view.Has(key) ? DumpJson(view.value()[key]) : std::string();
}

Result<TableMetadata> ReadMetadata(const JsonView& view) {
  TableMetadata metadata;
  NILUS_ASSIGN(metadata.format_version, view.Int32("format-version"));
  if (metadata.format_version < 1) return view.Wrong("of a known format version");
  if (metadata.format_version > kHighestFormatVersion) {
    return Fail(ErrorKind::kUnsupported, "the table has format version {}; up to {} are read", metadata.format_version,
                kHighestFormatVersion);
  }
  NILUS_ASSIGN(metadata.uuid, view.StringOr("table-uuid", ""));
  if (metadata.uuid.empty() && metadata.format_version > 1) {
    return Fail(ErrorKind::kData, "{} lacks `table-uuid`", view.where());
  }
  NILUS_ASSIGN(metadata.location, view.String("location"));
  while (metadata.location.size() > 1 && metadata.location.ends_with('/')) metadata.location.pop_back();
  NILUS_ASSIGN(const std::optional<int64_t> last_sequence, view.MaybeInt64("last-sequence-number"));
  metadata.last_sequence_number = last_sequence.value_or(0);
  NILUS_ASSIGN(metadata.last_updated_ms, view.Int64("last-updated-ms"));
  NILUS_TRY(ReadSchemas(view, &metadata));
  NILUS_ASSIGN(metadata.last_column_id, view.Int32("last-column-id"));
  for (const IcebergSchemaPtr& schema : metadata.schemas) {
    metadata.last_column_id = std::max(metadata.last_column_id, schema->HighestId());
  }
  NILUS_TRY(ReadSpecs(view, &metadata));
  NILUS_TRY(ReadSortOrders(view, &metadata));
  NILUS_ASSIGN(const auto properties, view.Texts("properties"));
  metadata.properties.insert(properties.begin(), properties.end());
  NILUS_TRY(ReadSnapshots(view, &metadata));
  NILUS_TRY(ReadRefs(view, &metadata));
  NILUS_TRY(ReadLogs(view, &metadata));
  NILUS_ASSIGN(const std::optional<int64_t> next_row_id, view.MaybeInt64("next-row-id"));
  metadata.next_row_id = next_row_id.value_or(0);
  if (metadata.next_row_id < 0) return view.Wrong("with a `next-row-id` from 0 on");
  metadata.statistics_json = RawText(view, "statistics");
  metadata.partition_statistics_json = RawText(view, "partition-statistics");
  metadata.encryption_keys_json = RawText(view, "encryption-keys");
  return metadata;
}

// The long lists are written as texts: what a commit costs must not grow with parsing and building a history anew.
class ObjectText {
 public:
  void Add(std::string_view key, std::string_view json) {
    text_ += text_.empty() ? '{' : ',';
    text_ += '"';
    text_ += key;
    text_ += "\":";
    text_ += json;
  }
  std::string Finish() { return text_ + "}"; }

 private:
  std::string text_;
};

template <typename List, typename ToText>
std::string ListText(const List& list, ToText to_text) {
  std::string text = "[";
  for (const auto& item : list) {
    if (text.size() > 1) text += ',';
    text += to_text(item);
  }
  return text + "]";
}

}  // namespace

std::string SnapshotToJson(const Snapshot& snapshot) {
  return snapshot.json.empty() ? DumpJson(SnapshotJson(snapshot)) : snapshot.json;
}

Result<SnapshotPtr> SnapshotFromJson(std::string_view json) {
  NILUS_ASSIGN(const Json document, ParseJson(json, "snapshot"));
  return ReadSnapshot(JsonView(document, "snapshot"));
}

std::string RefToJson(const SnapshotRef& ref) { return DumpJson(RefJson(ref)); }

Result<TableMetadata> MetadataFromJson(std::string_view bytes) {
  std::string plain;
  if (IsGzip(bytes)) {
    NILUS_ASSIGN(plain, Gunzip(bytes, kMetadataBytesLimit));
    bytes = plain;
  }
  if (bytes.size() > kMetadataBytesLimit) {
    return Fail(ErrorKind::kExhausted, "table metadata of {} bytes is larger than {}", bytes.size(),
                kMetadataBytesLimit);
  }
  NILUS_ASSIGN(const Json document, ParseJson(bytes, "table metadata"));
  return ReadMetadata(JsonView(document, "table metadata"));
}

std::string MetadataToJson(const TableMetadata& metadata) {
  ObjectText object;
  const auto number = [](auto value) { return std::to_string(value); };
  object.Add("format-version", number(metadata.format_version));
  object.Add("table-uuid", DumpJson(metadata.uuid));
  object.Add("location", DumpJson(metadata.location));
  object.Add("last-sequence-number", number(metadata.last_sequence_number));
  object.Add("last-updated-ms", number(metadata.last_updated_ms));
  object.Add("last-column-id", number(metadata.last_column_id));
  object.Add("current-schema-id", number(metadata.current_schema_id));
  object.Add("schemas", ListText(metadata.schemas, [](const auto& schema) { return SchemaToJson(*schema); }));
  object.Add("default-spec-id", number(metadata.default_spec_id));
  object.Add("partition-specs", ListText(metadata.specs, [](const auto& spec) { return SpecToJson(*spec); }));
  object.Add("last-partition-id", number(metadata.last_partition_id));
  object.Add("default-sort-order-id", number(metadata.default_sort_order_id));
  object.Add("sort-orders", ListText(metadata.sort_orders, SortOrderToJson));
  object.Add("properties", DumpJson(metadata.properties));
  // Absent rather than null: some readers take a null for a number.
  if (metadata.current_snapshot_id) object.Add("current-snapshot-id", number(*metadata.current_snapshot_id));
  std::string refs = "{";
  for (const auto& [name, ref] : metadata.refs) {
    if (refs.size() > 1) refs += ',';
    refs += DumpJson(name) + ":" + RefToJson(ref);
  }
  object.Add("refs", refs + "}");
  object.Add("snapshots", ListText(metadata.snapshots, [](const auto& snapshot) { return SnapshotToJson(*snapshot); }));
  object.Add("snapshot-log", ListText(metadata.snapshot_log, [](const auto& entry) {
               return fmt::format(R"({{"timestamp-ms":{},"snapshot-id":{}}})", entry.timestamp_ms, entry.snapshot_id);
             }));
  object.Add("metadata-log", ListText(metadata.metadata_log, [](const auto& entry) {
               return fmt::format(R"({{"timestamp-ms":{},"metadata-file":{}}})", entry.timestamp_ms,
                                  DumpJson(entry.metadata_file));
             }));
  if (metadata.format_version >= 3) object.Add("next-row-id", number(metadata.next_row_id));
  if (!metadata.statistics_json.empty()) object.Add("statistics", metadata.statistics_json);
  if (!metadata.partition_statistics_json.empty()) {
    object.Add("partition-statistics", metadata.partition_statistics_json);
  }
  if (metadata.format_version >= 3 && !metadata.encryption_keys_json.empty()) {
    object.Add("encryption-keys", metadata.encryption_keys_json);
  }
  return object.Finish();
}

}  // namespace nilus::lake
