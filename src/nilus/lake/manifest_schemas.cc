#include "nilus/lake/manifest_schemas.h"

#include "nilus/data/decimal.h"
#include "nilus/lake/avro_container.h"
#include "nilus/lake/json.h"

namespace nilus::lake {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson Required(const char* name, OrderedJson type, int id) {
  return {{"name", name}, {"type", std::move(type)}, {"field-id", id}};
}

OrderedJson Optional(const std::string& name, OrderedJson type, int id) {
  return {
      {"name", name}, {"type", OrderedJson::array({"null", std::move(type)})}, {"default", nullptr}, {"field-id", id}};
}

OrderedJson Record(const std::string& name, OrderedJson fields) {
  return {{"type", "record"}, {"name", name}, {"fields", std::move(fields)}};
}

// A map with whole numbers as keys is an array of pairs.
OrderedJson IdMap(int key_id, int value_id, const char* value_type) {
  return {
      {"type", "array"},
      {"items", Record(fmt::format("k{}_v{}", key_id, value_id),
                       OrderedJson::array({Required("key", "int", key_id), Required("value", value_type, value_id)}))},
      {"logicalType", "map"}};
}

OrderedJson List(const char* type, int element_id) {
  return {{"type", "array"}, {"items", type}, {"element-id", element_id}};
}

OrderedJson Timestamp(const char* logical, bool adjust) {
  return {{"type", "long"}, {"logicalType", logical}, {"adjust-to-utc", adjust}};
}

// Appendix A: the Avro type of a partition value.
OrderedJson PartitionType(const IcebergType& type, int field_id) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return "boolean";
    case TypeKind::kInt:
      return "int";
    case TypeKind::kLong:
      return "long";
    case TypeKind::kFloat:
      return "float";
    case TypeKind::kDouble:
      return "double";
    case TypeKind::kDate:
      return {{"type", "int"}, {"logicalType", "date"}};
    case TypeKind::kTime:
      return {{"type", "long"}, {"logicalType", "time-micros"}};
    case TypeKind::kTimestamp:
      return Timestamp("timestamp-micros", false);
    case TypeKind::kTimestamptz:
      return Timestamp("timestamp-micros", true);
    case TypeKind::kTimestampNs:
      return Timestamp("timestamp-nanos", false);
    case TypeKind::kTimestamptzNs:
      return Timestamp("timestamp-nanos", true);
    case TypeKind::kDecimal:
      return {{"type", "fixed"},
              {"name", fmt::format("decimal_{}_{}_{}", type.precision, type.scale, field_id)},
              {"size", DecimalFixedBytes(type.precision)},
              {"logicalType", "decimal"},
              {"precision", type.precision},
              {"scale", type.scale}};
    case TypeKind::kUuid:
      return {{"type", "fixed"}, {"name", fmt::format("uuid_{}", field_id)}, {"size", 16}, {"logicalType", "uuid"}};
    case TypeKind::kFixed:
      return {{"type", "fixed"}, {"name", fmt::format("fixed_{}", field_id)}, {"size", type.length}};
    case TypeKind::kBinary:
      return "bytes";
    default:
      return "string";
  }
}

OrderedJson PartitionRecord(const IcebergSchema& schema, const PartitionSpec& spec) {
  const std::vector<IcebergType> types = PartitionTypes(spec, schema);
  OrderedJson fields = OrderedJson::array();
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    const SpecField& field = spec.fields[i];
    fields.push_back(Optional(AvroName(field.name), PartitionType(types[i], field.field_id), field.field_id));
  }
  return Record("r102", std::move(fields));
}

std::string Dump(const OrderedJson& json) { return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace); }

}  // namespace

int DecimalFixedBytes(int precision) {
  const auto values = static_cast<unsigned __int128>(PowerOfTen(precision));
  int bytes = 1;
  while (static_cast<unsigned __int128>(1) << (8 * bytes - 1) < values) ++bytes;  // one bit is the sign
  return bytes;
}

std::string ManifestEntrySchema(int format_version, const IcebergSchema& schema, const PartitionSpec& spec) {
  OrderedJson file = OrderedJson::array({
      Required("content", "int", 134),
      Required("file_path", "string", 100),
      Required("file_format", "string", 101),
      Required("partition", PartitionRecord(schema, spec), 102),
      Required("record_count", "long", 103),
      Required("file_size_in_bytes", "long", 104),
      Optional("column_sizes", IdMap(117, 118, "long"), 108),
      Optional("value_counts", IdMap(119, 120, "long"), 109),
      Optional("null_value_counts", IdMap(121, 122, "long"), 110),
      Optional("nan_value_counts", IdMap(138, 139, "long"), 137),
      Optional("lower_bounds", IdMap(126, 127, "bytes"), 125),
      Optional("upper_bounds", IdMap(129, 130, "bytes"), 128),
      Optional("key_metadata", "bytes", 131),
      Optional("split_offsets", List("long", 133), 132),
      Optional("equality_ids", List("int", 136), 135),
      Optional("sort_order_id", "int", 140),
  });
  if (format_version >= 3) file.push_back(Optional("first_row_id", "long", 142));
  file.push_back(Optional("referenced_data_file", "string", 143));
  if (format_version >= 3) {
    file.push_back(Optional("content_offset", "long", 144));
    file.push_back(Optional("content_size_in_bytes", "long", 145));
  }
  return Dump(Record("manifest_entry", OrderedJson::array({
                                           Required("status", "int", 0),
                                           Optional("snapshot_id", "long", 1),
                                           Optional("sequence_number", "long", 3),
                                           Optional("file_sequence_number", "long", 4),
                                           Required("data_file", Record("r2", std::move(file)), 2),
                                       })));
}

std::string ManifestFileSchema(int format_version) {
  const OrderedJson summary = Record("r508", OrderedJson::array({
                                                 Required("contains_null", "boolean", 509),
                                                 Optional("contains_nan", "boolean", 518),
                                                 Optional("lower_bound", "bytes", 510),
                                                 Optional("upper_bound", "bytes", 511),
                                             }));
  OrderedJson fields = OrderedJson::array({
      Required("manifest_path", "string", 500),
      Required("manifest_length", "long", 501),
      Required("partition_spec_id", "int", 502),
      Required("content", "int", 517),
      Required("sequence_number", "long", 515),
      Required("min_sequence_number", "long", 516),
      Required("added_snapshot_id", "long", 503),
      Required("added_files_count", "int", 504),
      Required("existing_files_count", "int", 505),
      Required("deleted_files_count", "int", 506),
      Required("added_rows_count", "long", 512),
      Required("existing_rows_count", "long", 513),
      Required("deleted_rows_count", "long", 514),
      Optional("partitions", {{"type", "array"}, {"items", summary}, {"element-id", 508}}, 507),
      Optional("key_metadata", "bytes", 519),
  });
  if (format_version >= 3) fields.push_back(Optional("first_row_id", "long", 520));
  return Dump(Record("manifest_file", std::move(fields)));
}

}  // namespace nilus::lake
