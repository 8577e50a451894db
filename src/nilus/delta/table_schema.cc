#include "nilus/delta/table_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/base/option_spec.h"

namespace nilus::delta {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 64;
constexpr const char* kPhysicalName = "delta.columnMapping.physicalName";
constexpr const char* kId = "delta.columnMapping.id";

const Json& Member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

class SchemaParser {
 public:
  explicit SchemaParser(ColumnMapping mapping) : mapping_(mapping) {}

  Result<DeltaType> ParseType(const Json& value, int depth) {
    if (depth > kDeepest) return Fail(ErrorKind::kData, "types are nested deeper than {} levels", kDeepest);
    if (value.is_string()) return DeltaType{.name = value.get<std::string>()};
    const std::string kind = Member(value, "type").is_string() ? Member(value, "type").get<std::string>() : "";
    DeltaType type;
    if (kind == "struct") {
      type.kind = TypeKind::kStruct;
      NILUS_ASSIGN(type.children, ParseFields(Member(value, "fields"), depth));
    } else if (kind == "array") {
      type.kind = TypeKind::kList;
      NILUS_TRY(AddChild(type, "element", Member(value, "elementType"), depth));
    } else if (kind == "map") {
      type.kind = TypeKind::kMap;
      NILUS_TRY(AddChild(type, "key", Member(value, "keyType"), depth));
      NILUS_TRY(AddChild(type, "value", Member(value, "valueType"), depth));
    } else {
      return Fail(ErrorKind::kData, "a type is none of the format's");
    }
    return type;
  }

 private:
  Status AddChild(DeltaType& type, const char* name, const Json& value, int depth) {
    NILUS_ASSIGN(DeltaType child, ParseType(value, depth + 1));
    type.children.push_back({.name = name, .physical_name = name, .type = std::move(child)});
    return {};
  }

  Result<std::vector<DeltaField>> ParseFields(const Json& list, int depth) {
    if (!list.is_array()) return Fail(ErrorKind::kData, "a struct has no list of fields");
    std::vector<DeltaField> fields;
    for (const Json& value : list) {
      const Json& name = Member(value, "name");
      if (!name.is_string()) return Fail(ErrorKind::kData, "a field has no name");
      DeltaField field{.name = name.get<std::string>()};
      auto type = ParseType(Member(value, "type"), depth + 1);
      if (!type) return Failure(InContext(fmt::format("reading the column {}", field.name), type.error()));
      field.type = *std::move(type);
      field.nullable = !(Member(value, "nullable").is_boolean() && !Member(value, "nullable").get<bool>());
      field.physical_name = field.name;
      if (mapping_ != ColumnMapping::kNone) NILUS_TRY(ReadMapping(Member(value, "metadata"), field));
      fields.push_back(std::move(field));
    }
    return fields;
  }

  Status ReadMapping(const Json& metadata, DeltaField& field) const {
    const Json& physical = Member(metadata, kPhysicalName);
    const Json& id = Member(metadata, kId);
    if (!physical.is_string()) return Fail(ErrorKind::kData, "the column {} has no {}", field.name, kPhysicalName);
    field.physical_name = physical.get<std::string>();
    if (id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() <= INT32_MAX)
      field.id = static_cast<int32_t>(id.get<int64_t>());
    if (mapping_ == ColumnMapping::kId && !field.id)
      return Fail(ErrorKind::kData, "the column {} has no {}", field.name, kId);
    return {};
  }

  ColumnMapping mapping_;
};

Result<ColumnMapping> MappingOf(const Metadata& metadata) {
  const auto found = metadata.configuration.find("delta.columnMapping.mode");
  if (found == metadata.configuration.end() || found->second == "none") return ColumnMapping::kNone;
  if (found->second == "name") return ColumnMapping::kName;
  if (found->second == "id") return ColumnMapping::kId;
  return Fail(ErrorKind::kUnsupported, "the column mapping mode '{}' is not known", found->second);
}

std::optional<Type> DecimalOf(std::string_view name) {
  if (!name.starts_with("decimal")) return std::nullopt;
  if (name == "decimal") return MakeDecimal(10, 0);
  if (!name.starts_with("decimal(") || !name.ends_with(")")) return std::nullopt;
  const auto parts = SplitCommaList(name.substr(8, name.size() - 9));
  if (parts.size() != 2) return std::nullopt;
  const auto precision = ParseInteger(parts[0]);
  const auto scale = ParseInteger(parts[1]);
  if (!precision || !scale || *precision < 1 || *precision > kMaxDecimalPrecision || *scale < 0 || *scale > *precision)
    return std::nullopt;
  return MakeDecimal(static_cast<int>(*precision), static_cast<int>(*scale));
}

}  // namespace

const DeltaField* DeltaSchema::Find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

bool DeltaSchema::IsPartition(std::string_view name) const {
  return std::find(partition_columns.begin(), partition_columns.end(), name) != partition_columns.end();
}

Result<DeltaSchema> ParseTableSchema(const Metadata& metadata) {
  if (metadata.provider != "parquet")
    return Fail(ErrorKind::kUnsupported, "data files of the format '{}' are not read", metadata.provider);
  DeltaSchema schema;
  NILUS_ASSIGN(schema.mapping, MappingOf(metadata));
  const Json json = Json::parse(metadata.schema_string, nullptr, false);
  NILUS_ASSIGN(DeltaType root, SchemaParser(schema.mapping).ParseType(json, 0));
  if (root.kind != TypeKind::kStruct) return Fail(ErrorKind::kData, "the table's schema is no struct");
  schema.fields = std::move(root.children);
  schema.partition_columns = metadata.partition_columns;
  for (const std::string& name : schema.partition_columns) {
    if (schema.Find(name) == nullptr)
      return Fail(ErrorKind::kData, "the partition column {} is none of the table's", name);
  }
  return schema;
}

Result<Type> ToNilusType(const DeltaType& type) {
  if (type.kind != TypeKind::kPrimitive) return MakeType(TypeId::kJson);
  struct Known {
    std::string_view name;
    TypeId id;
  };
  constexpr Known kKnown[] = {
      {"string", TypeId::kText},    {"long", TypeId::kInt64},          {"integer", TypeId::kInt32},
      {"short", TypeId::kInt16},    {"byte", TypeId::kInt16},          {"float", TypeId::kFloat32},
      {"double", TypeId::kFloat64}, {"boolean", TypeId::kBool},        {"binary", TypeId::kBinary},
      {"date", TypeId::kDate},      {"timestamp", TypeId::kTimestamp}, {"timestamp_ntz", TypeId::kTimestampNtz},
      {"void", TypeId::kText}};
  for (const Known& known : kKnown) {
    if (known.name == type.name) return MakeType(known.id);
  }
  if (type.name.starts_with("varchar(") || type.name.starts_with("char(")) return MakeType(TypeId::kText);
  if (auto decimal = DecimalOf(type.name)) return *decimal;
  return Fail(ErrorKind::kUnsupported, "the type '{}' is not read", type.name);
}

Result<nilus::Schema> ToNilusSchema(const DeltaSchema& schema) {
  nilus::Schema result;
  for (const DeltaField& field : schema.fields) {
    auto type = ToNilusType(field.type);
    if (!type) return Failure(InContext(fmt::format("reading the column {}", field.name), type.error()));
    result.fields.push_back({.name = field.name, .type = *type, .nullable = field.nullable});
  }
  return result;
}

}  // namespace nilus::delta
