#include "nilus/lake/avro_schema.h"

#include <map>

#include "nilus/lake/json.h"

namespace nilus::lake {
namespace {

constexpr size_t kMostTypes = 100'000;

std::optional<AvroType::Kind> PrimitiveKind(std::string_view name) {
  using Kind = AvroType::Kind;
  static const std::map<std::string_view, Kind> kKinds = {
      {"null", Kind::kNull},   {"boolean", Kind::kBoolean}, {"int", Kind::kInt},     {"long", Kind::kLong},
      {"float", Kind::kFloat}, {"double", Kind::kDouble},   {"bytes", Kind::kBytes}, {"string", Kind::kString}};
  const auto found = kKinds.find(name);
  if (found == kKinds.end()) return std::nullopt;
  return found->second;
}

}  // namespace

class AvroSchemaParser {
 public:
  Result<const AvroType*> Type(const JsonView& view, const std::string& space) {
    if (schema_.types_.size() >= kMostTypes) return view.Wrong("a schema of reasonable size");
    if (view.value().is_string()) return Named(view, space);
    if (view.value().is_array()) return Union(view, space);
    if (!view.value().is_object()) return view.Wrong("an Avro type");
    NILUS_ASSIGN(const JsonView kind, view.Get("type"));
    if (!kind.value().is_string()) return Type(kind, space);  // {"type": {…}}
    NILUS_ASSIGN(const std::string name, kind.AsString());
    if (name == "record" || name == "error") return Record(view, space);
    if (name == "array" || name == "map") {
      AvroType* type = Add(name == "array" ? AvroType::Kind::kArray : AvroType::Kind::kMap, view);
      NILUS_ASSIGN(const JsonView inner, view.Get(name == "array" ? "items" : "values"));
      NILUS_ASSIGN(const AvroType* part, Type(inner, space));
      type->parts.push_back(part);
      return type;
    }
    if (name == "fixed") {
      AvroType* type = Add(AvroType::Kind::kFixed, view);
      NILUS_ASSIGN(type->size, view.Int64("size"));
      if (type->size < 0 || type->size > 1 << 20) return view.Wrong("a fixed type of reasonable size");
      NILUS_TRY(Remember(view, space, type));
      return type;
    }
    if (name == "enum") {
      AvroType* type = Add(AvroType::Kind::kEnum, view);
      NILUS_TRY(Remember(view, space, type));
      return type;
    }
    if (const auto primitive = PrimitiveKind(name)) return Add(*primitive, view);
    return Named(kind, space);
  }

  AvroSchema Take(const AvroType* root) {
    schema_.root_ = root;
    return std::move(schema_);
  }

 private:
  AvroType* Add(AvroType::Kind kind, const JsonView& view) {
    schema_.types_.push_back(std::make_unique<AvroType>());
    AvroType* type = schema_.types_.back().get();
    type->kind = kind;
    if (view.value().is_object() && view.value().contains("logicalType") && view.value()["logicalType"].is_string()) {
      type->logical = view.value()["logicalType"].get<std::string>();
    }
    return type;
  }

  static std::string FullName(const std::string& name, const std::string& space) {
    return name.find('.') != std::string::npos || space.empty() ? name : space + "." + name;
  }

  Status Remember(const JsonView& view, const std::string& space, const AvroType* type) {
    NILUS_ASSIGN(const std::string name, view.String("name"));
    NILUS_ASSIGN(const std::string own_space, view.StringOr("namespace", space));
    named_[FullName(name, own_space)] = type;
    return {};
  }

  Result<const AvroType*> Named(const JsonView& view, const std::string& space) {
    NILUS_ASSIGN(const std::string name, view.AsString());
    if (const auto primitive = PrimitiveKind(name)) return Add(*primitive, view);
    for (const std::string& full : {FullName(name, space), name}) {
      const auto found = named_.find(full);
      if (found != named_.end()) return found->second;
    }
    return Fail(ErrorKind::kData, "{}: type {} is not declared", view.where(), name.substr(0, 100));
  }

  Result<const AvroType*> Union(const JsonView& view, const std::string& space) {
    AvroType* type = Add(AvroType::Kind::kUnion, view);
    NILUS_ASSIGN(const std::vector<JsonView> branches, view.Items(1000));
    if (branches.empty()) return view.Wrong("a union with branches");
    for (const JsonView& branch : branches) {
      if (branch.value().is_array()) return branch.Wrong("a union's branch: unions do not nest");
      NILUS_ASSIGN(const AvroType* part, Type(branch, space));
      type->parts.push_back(part);
    }
    return type;
  }

  Result<const AvroType*> Record(const JsonView& view, const std::string& space) {
    AvroType* type = Add(AvroType::Kind::kRecord, view);
    NILUS_TRY(Remember(view, space, type));
    NILUS_ASSIGN(const std::string name, view.String("name"));
    const size_t dot = name.rfind('.');
    NILUS_ASSIGN(const std::string declared, view.StringOr("namespace", space));
    const std::string own_space = dot == std::string::npos ? declared : name.substr(0, dot);
    NILUS_ASSIGN(const std::vector<JsonView> fields, view.Items("fields", kMostTypes));
    for (const JsonView& item : fields) {
      AvroField field;
      NILUS_ASSIGN(field.name, item.String("name"));
      NILUS_ASSIGN(field.field_id, item.MaybeInt32("field-id"));
      NILUS_ASSIGN(const JsonView field_type, item.Get("type"));
      NILUS_ASSIGN(field.type, Type(field_type, own_space));
      type->fields.push_back(std::move(field));
    }
    return type;
  }

  AvroSchema schema_;
  std::map<std::string, const AvroType*> named_;
};

Result<AvroSchema> AvroSchema::Parse(std::string_view json) {
  NILUS_ASSIGN(const Json document, ParseJson(json, "Avro schema"));
  AvroSchemaParser parser;
  NILUS_ASSIGN(const AvroType* root, parser.Type(JsonView(document, "Avro schema"), ""));
  return parser.Take(root);
}

}  // namespace nilus::lake
