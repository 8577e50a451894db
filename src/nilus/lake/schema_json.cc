// Schemas and name mappings to JSON and back (Iceberg spec, appendix C).
#include <charconv>
#include <set>

#include "nilus/base/text.h"
#include "nilus/lake/json.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {
namespace {

constexpr int kDeepestType = 32;
constexpr size_t kMostColumns = 100'000;

struct PlainType {
  std::string_view name;
  TypeKind kind;
};
constexpr PlainType kPlainTypes[] = {
    {"unknown", TypeKind::kUnknown},
    {"boolean", TypeKind::kBoolean},
    {"int", TypeKind::kInt},
    {"long", TypeKind::kLong},
    {"float", TypeKind::kFloat},
    {"double", TypeKind::kDouble},
    {"date", TypeKind::kDate},
    {"time", TypeKind::kTime},
    {"timestamp", TypeKind::kTimestamp},
    {"timestamptz", TypeKind::kTimestamptz},
    {"timestamp_ns", TypeKind::kTimestampNs},
    {"timestamptz_ns", TypeKind::kTimestamptzNs},
    {"string", TypeKind::kString},
    {"uuid", TypeKind::kUuid},
    {"binary", TypeKind::kBinary},
    {"variant", TypeKind::kVariant},
    {"geometry", TypeKind::kGeometry},
    {"geography", TypeKind::kGeography},
};

// "name(a, b)" or "name[a]": what stands between, or nothing.
std::optional<std::string_view> Between(std::string_view text, std::string_view name, char open, char close) {
  if (text.size() < name.size() + 2 || text.substr(0, name.size()) != name) return std::nullopt;
  std::string_view rest = TrimSpaces(text.substr(name.size()));
  if (rest.size() < 2 || rest.front() != open || rest.back() != close) return std::nullopt;
  return rest.substr(1, rest.size() - 2);
}

std::optional<int> SmallNumber(std::string_view text) {
  text = TrimSpaces(text);
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::optional<IcebergType> ParseDecimalType(std::string_view inner) {
  const size_t comma = inner.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const std::optional<int> precision = SmallNumber(inner.substr(0, comma));
  const std::optional<int> scale = SmallNumber(inner.substr(comma + 1));
  if (!precision || !scale || *precision < 1 || *precision > kMaxDecimalPrecision || *scale > *precision) {
    return std::nullopt;
  }
  IcebergType type = MakeIcebergType(TypeKind::kDecimal);
  type.precision = *precision;
  type.scale = *scale;
  return type;
}

Json TypeToJson(const IcebergType& type);

Json FieldToJson(const IcebergField& field) {
  Json json{{"id", field.id}, {"name", field.name}, {"required", field.required}, {"type", TypeToJson(field.type)}};
  if (!field.doc.empty()) json["doc"] = field.doc;
  if (!field.initial_default_json.empty()) {
    json["initial-default"] = Json::parse(field.initial_default_json, nullptr, false);
  }
  if (!field.write_default_json.empty()) json["write-default"] = Json::parse(field.write_default_json, nullptr, false);
  return json;
}

Json TypeToJson(const IcebergType& type) {
  switch (type.kind) {
    case TypeKind::kStruct: {
      Json fields = Json::array();
      for (const IcebergField& field : type.children) fields.push_back(FieldToJson(field));
      return {{"type", "struct"}, {"fields", std::move(fields)}};
    }
    case TypeKind::kList: {
      const IcebergField& element = type.children[0];
      return {{"type", "list"},
              {"element-id", element.id},
              {"element-required", element.required},
              {"element", TypeToJson(element.type)}};
    }
    case TypeKind::kMap: {
      const IcebergField& key = type.children[0];
      const IcebergField& value = type.children[1];
      return {{"type", "map"},
              {"key-id", key.id},
              {"key", TypeToJson(key.type)},
              {"value-id", value.id},
              {"value-required", value.required},
              {"value", TypeToJson(value.type)}};
    }
    default:
      return type.ToString();
  }
}

Result<IcebergType> TypeFromJson(const JsonView& view, int depth, std::set<int32_t>* ids);

Result<int32_t> NewId(const JsonView& view, const char* key, std::set<int32_t>* ids) {
  NILUS_ASSIGN(const int32_t id, view.Int32(key));
  if (id < 0 || id > kHighestFieldId) {
    return Fail(ErrorKind::kData, "{}.{}: {} is not a field id", view.where(), key, id);
  }
  if (!ids->insert(id).second) return Fail(ErrorKind::kData, "{}: field id {} stands twice", view.where(), id);
  return id;
}

Result<std::vector<IcebergField>> FieldsFromJson(const JsonView& view, int depth, std::set<int32_t>* ids) {
  std::vector<IcebergField> fields;
  NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("fields", kMostColumns));
  std::set<std::string, std::less<>> names;
  for (const JsonView& item : items) {
    IcebergField field;
    NILUS_ASSIGN(field.id, NewId(item, "id", ids));
    NILUS_ASSIGN(field.name, item.String("name"));
    if (!names.insert(field.name).second) {
      return Fail(ErrorKind::kData, "{}: two fields are named {}", item.where(), field.name);
    }
    NILUS_ASSIGN(field.required, item.Bool("required"));
    NILUS_ASSIGN(const JsonView type, item.Get("type"));
    NILUS_ASSIGN(field.type, TypeFromJson(type, depth + 1, ids));
    NILUS_ASSIGN(field.doc, item.StringOr("doc", ""));
    if (item.Has("initial-default")) field.initial_default_json = DumpJson(item.value()["initial-default"]);
    if (item.Has("write-default")) field.write_default_json = DumpJson(item.value()["write-default"]);
    fields.push_back(std::move(field));
  }
  return fields;
}

Result<IcebergField> PartFromJson(const JsonView& view, const char* name, const char* id_key, bool required, int depth,
                                  std::set<int32_t>* ids) {
  IcebergField field;
  field.name = name;
  field.required = required;
  NILUS_ASSIGN(field.id, NewId(view, id_key, ids));
  NILUS_ASSIGN(const JsonView type, view.Get(name));
  NILUS_ASSIGN(field.type, TypeFromJson(type, depth + 1, ids));
  return field;
}

Result<IcebergType> TypeFromJson(const JsonView& view, int depth, std::set<int32_t>* ids) {
  if (depth > kDeepestType) {
    return Fail(ErrorKind::kData, "{}: types are nested deeper than {}", view.where(), kDeepestType);
  }
  if (view.value().is_string()) {
    Result<IcebergType> type = ParseIcebergType(view.value().get<std::string>());
    if (!type) return Failure(InContext(view.where(), std::move(type).error()));
    return type;
  }
  NILUS_ASSIGN(const std::string kind, view.String("type"));
  IcebergType type;
  if (kind == "struct") {
    type.kind = TypeKind::kStruct;
    NILUS_ASSIGN(type.children, FieldsFromJson(view, depth, ids));
    return type;
  }
  if (kind == "list") {
    type.kind = TypeKind::kList;
    NILUS_ASSIGN(const bool required, view.Bool("element-required"));
    NILUS_ASSIGN(IcebergField element, PartFromJson(view, "element", "element-id", required, depth, ids));
    type.children.push_back(std::move(element));
    return type;
  }
  if (kind == "map") {
    type.kind = TypeKind::kMap;
    NILUS_ASSIGN(IcebergField key, PartFromJson(view, "key", "key-id", true, depth, ids));
    NILUS_ASSIGN(const bool required, view.Bool("value-required"));
    NILUS_ASSIGN(IcebergField value, PartFromJson(view, "value", "value-id", required, depth, ids));
    type.children.push_back(std::move(key));
    type.children.push_back(std::move(value));
    return type;
  }
  return Fail(ErrorKind::kUnsupported, "{}: type {} is not known", view.where(), kind);
}

Json MappingToJson(const NameMapping& mapping) {
  Json list = Json::array();
  for (const MappedName& entry : mapping) {
    Json item{{"names", entry.names}};
    if (entry.field_id) item["field-id"] = *entry.field_id;
    if (!entry.fields.empty()) item["fields"] = MappingToJson(entry.fields);
    list.push_back(std::move(item));
  }
  return list;
}

Result<NameMapping> MappingFromJson(const JsonView& view, int depth) {
  if (depth > kDeepestType) return Fail(ErrorKind::kData, "{} is nested too deeply", view.where());
  NameMapping mapping;
  NILUS_ASSIGN(const std::vector<JsonView> items, view.Items(kMostColumns));
  for (const JsonView& item : items) {
    MappedName entry;
    NILUS_ASSIGN(entry.field_id, item.MaybeInt32("field-id"));
    NILUS_ASSIGN(const std::vector<JsonView> names, item.Items("names", kMostColumns));
    for (const JsonView& name : names) {
      NILUS_ASSIGN(std::string text, name.AsString());
      entry.names.push_back(std::move(text));
    }
    if (item.Has("fields")) {
      NILUS_ASSIGN(const JsonView fields, item.Get("fields"));
      NILUS_ASSIGN(entry.fields, MappingFromJson(fields, depth + 1));
    }
    mapping.push_back(std::move(entry));
  }
  return mapping;
}

NameMapping MappingOf(const std::vector<IcebergField>& fields) {
  NameMapping mapping;
  for (const IcebergField& field : fields) {
    mapping.push_back(MappedName{field.id, {field.name}, MappingOf(field.type.children)});
  }
  return mapping;
}

}  // namespace

Result<IcebergType> ParseIcebergType(std::string_view text) {
  const std::string_view trimmed = TrimSpaces(text);
  for (const PlainType& plain : kPlainTypes) {
    if (trimmed == plain.name) return MakeIcebergType(plain.kind);
  }
  if (const auto inner = Between(trimmed, "decimal", '(', ')')) {
    if (std::optional<IcebergType> type = ParseDecimalType(*inner)) return *std::move(type);
  }
  if (const auto inner = Between(trimmed, "fixed", '[', ']')) {
    const std::optional<int> length = SmallNumber(*inner);
    if (length && *length > 0) {
      IcebergType type = MakeIcebergType(TypeKind::kFixed);
      type.length = *length;
      return type;
    }
  }
  for (const TypeKind kind : {TypeKind::kGeometry, TypeKind::kGeography}) {
    IcebergType type = MakeIcebergType(kind);
    if (const auto inner = Between(trimmed, type.ToString(), '(', ')')) {
      type.parameters = *inner;
      return type;
    }
  }
  return Fail(ErrorKind::kUnsupported, "type {} is not known", text.substr(0, 100));
}

std::string SchemaToJson(const IcebergSchema& schema) {
  Json fields = Json::array();
  for (const IcebergField& field : schema.fields) fields.push_back(FieldToJson(field));
  Json json{{"type", "struct"}, {"schema-id", schema.schema_id}, {"fields", std::move(fields)}};
  if (!schema.identifier_field_ids.empty()) json["identifier-field-ids"] = schema.identifier_field_ids;
  return DumpJson(json);
}

Result<IcebergSchema> SchemaFromJson(std::string_view json) {
  NILUS_ASSIGN(const Json document, ParseJson(json, "schema"));
  const JsonView view(document, "schema");
  IcebergSchema schema;
  NILUS_ASSIGN(const std::optional<int32_t> schema_id, view.MaybeInt32("schema-id"));
  schema.schema_id = schema_id.value_or(0);
  std::set<int32_t> ids;
  NILUS_ASSIGN(schema.fields, FieldsFromJson(view, 0, &ids));
  if (view.Has("identifier-field-ids")) {
    NILUS_ASSIGN(const std::vector<JsonView> identifiers, view.Items("identifier-field-ids", kMostColumns));
    for (const JsonView& item : identifiers) {
      NILUS_ASSIGN(const int32_t id, item.AsInt32());
      if (!ids.contains(id)) return Fail(ErrorKind::kData, "{}: there is no field {}", item.where(), id);
      schema.identifier_field_ids.push_back(id);
    }
  }
  return schema;
}

NameMapping MakeNameMapping(const IcebergSchema& schema) { return MappingOf(schema.fields); }

std::string NameMappingToJson(const NameMapping& mapping) { return DumpJson(MappingToJson(mapping)); }

Result<NameMapping> NameMappingFromJson(std::string_view json) {
  NILUS_ASSIGN(const Json document, ParseJson(json, "name mapping"));
  return MappingFromJson(JsonView(document, "name mapping"), 0);
}

std::optional<int32_t> MappedId(const NameMapping& mapping, std::string_view name) {
  for (const MappedName& entry : mapping) {
    for (const std::string& known : entry.names) {
      if (known == name) return entry.field_id;
    }
  }
  return std::nullopt;
}

}  // namespace nilus::lake
