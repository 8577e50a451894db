#include "nilus/lake/schema.h"

#include <algorithm>

namespace nilus::lake {
namespace {

const IcebergField* FindIn(const std::vector<IcebergField>& fields, int32_t id) {
  for (const IcebergField& field : fields) {
    if (field.id == id) return &field;
    if (const IcebergField* found = FindIn(field.type.children, id)) return found;
  }
  return nullptr;
}

int32_t HighestIn(const std::vector<IcebergField>& fields) {
  int32_t highest = 0;
  for (const IcebergField& field : fields) {
    highest = std::max({highest, field.id, HighestIn(field.type.children)});
  }
  return highest;
}

std::string NestedToString(const IcebergType& type) {
  const char* name = type.kind == TypeKind::kStruct ? "struct" : type.kind == TypeKind::kList ? "list" : "map";
  std::string text = fmt::format("{}<", name);
  for (size_t i = 0; i < type.children.size(); ++i) {
    if (i > 0) text += ", ";
    if (type.kind == TypeKind::kStruct) text += type.children[i].name + ": ";
    text += type.children[i].type.ToString();
  }
  return text + ">";
}

const char* PlainName(TypeKind kind) {
  switch (kind) {
    case TypeKind::kUnknown:
      return "unknown";
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
      return "date";
    case TypeKind::kTime:
      return "time";
    case TypeKind::kTimestamp:
      return "timestamp";
    case TypeKind::kTimestamptz:
      return "timestamptz";
    case TypeKind::kTimestampNs:
      return "timestamp_ns";
    case TypeKind::kTimestamptzNs:
      return "timestamptz_ns";
    case TypeKind::kString:
      return "string";
    case TypeKind::kUuid:
      return "uuid";
    case TypeKind::kBinary:
      return "binary";
    case TypeKind::kVariant:
      return "variant";
    case TypeKind::kGeometry:
      return "geometry";
    case TypeKind::kGeography:
      return "geography";
    case TypeKind::kDecimal:
    case TypeKind::kFixed:
    case TypeKind::kStruct:
    case TypeKind::kList:
    case TypeKind::kMap:
      break;
  }
  return "";
}

// The type that holds the values of both a table's column and a load's; nothing: there is none.
std::optional<IcebergType> CommonType(const IcebergType& current, const IcebergType& wanted, int format_version) {
  // A date that becomes a timestamp would change what its partitions mean: a person decides that, not a load.
  if (current.kind == TypeKind::kDate && wanted.kind != TypeKind::kDate) return std::nullopt;
  if (CanPromote(wanted, current, format_version)) return current;
  if (CanPromote(current, wanted, format_version)) return wanted;
  return std::nullopt;
}

}  // namespace

std::string IcebergType::ToString() const {
  switch (kind) {
    case TypeKind::kDecimal:
      return fmt::format("decimal({}, {})", precision, scale);
    case TypeKind::kFixed:
      return fmt::format("fixed[{}]", length);
    case TypeKind::kGeometry:
    case TypeKind::kGeography:
      return parameters.empty() ? PlainName(kind) : fmt::format("{}({})", PlainName(kind), parameters);
    case TypeKind::kStruct:
    case TypeKind::kList:
    case TypeKind::kMap:
      return NestedToString(*this);
    default:
      return PlainName(kind);
  }
}

const IcebergField* IcebergSchema::FindById(int32_t id) const { return FindIn(fields, id); }

const IcebergField* IcebergSchema::FindByName(std::string_view name) const {
  for (const IcebergField& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

int32_t IcebergSchema::HighestId() const { return HighestIn(fields); }

bool IcebergSchema::SameColumns(const IcebergSchema& other) const {
  return fields == other.fields && identifier_field_ids == other.identifier_field_ids;
}

IcebergType MakeIcebergType(TypeKind kind) {
  IcebergType type;
  type.kind = kind;
  return type;
}

IcebergType ToIcebergType(const Type& type) {
  switch (type.id) {
    case TypeId::kBool:
      return MakeIcebergType(TypeKind::kBoolean);
    case TypeId::kInt16:
    case TypeId::kInt32:
      return MakeIcebergType(TypeKind::kInt);
    case TypeId::kInt64:
      return MakeIcebergType(TypeKind::kLong);
    case TypeId::kFloat32:
      return MakeIcebergType(TypeKind::kFloat);
    case TypeId::kFloat64:
      return MakeIcebergType(TypeKind::kDouble);
    case TypeId::kDecimal: {
      IcebergType decimal = MakeIcebergType(TypeKind::kDecimal);
      decimal.precision = type.precision;
      decimal.scale = type.scale;
      return decimal;
    }
    case TypeId::kText:
    case TypeId::kJson:
      return MakeIcebergType(TypeKind::kString);
    case TypeId::kBinary:
      return MakeIcebergType(TypeKind::kBinary);
    case TypeId::kDate:
      return MakeIcebergType(TypeKind::kDate);
    case TypeId::kTime:
      return MakeIcebergType(TypeKind::kTime);
    case TypeId::kTimestamp:
      return MakeIcebergType(TypeKind::kTimestamptz);
    case TypeId::kTimestampNtz:
      return MakeIcebergType(TypeKind::kTimestamp);
  }
  return MakeIcebergType(TypeKind::kString);
}

Type ToNilusType(const IcebergType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return MakeType(TypeId::kBool);
    case TypeKind::kInt:
      return MakeType(TypeId::kInt32);
    case TypeKind::kLong:
      return MakeType(TypeId::kInt64);
    case TypeKind::kFloat:
      return MakeType(TypeId::kFloat32);
    case TypeKind::kDouble:
      return MakeType(TypeId::kFloat64);
    case TypeKind::kDecimal:
      return MakeDecimal(type.precision, type.scale);
    case TypeKind::kDate:
      return MakeType(TypeId::kDate);
    case TypeKind::kTime:
      return MakeType(TypeId::kTime);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampNs:
      return MakeType(TypeId::kTimestampNtz);
    case TypeKind::kTimestamptz:
    case TypeKind::kTimestamptzNs:
      return MakeType(TypeId::kTimestamp);
    case TypeKind::kUnknown:
    case TypeKind::kString:
    case TypeKind::kUuid:
      return MakeType(TypeId::kText);
    case TypeKind::kFixed:
    case TypeKind::kBinary:
    case TypeKind::kGeometry:
    case TypeKind::kGeography:
      return MakeType(TypeId::kBinary);
    case TypeKind::kVariant:
    case TypeKind::kStruct:
    case TypeKind::kList:
    case TypeKind::kMap:
      return MakeType(TypeId::kJson);
  }
  return MakeType(TypeId::kText);
}

bool IsMarkedJson(const IcebergField& field) {
  return field.type.kind == TypeKind::kString && field.doc.find(kJsonMark) != std::string::npos;
}

void MarkJson(bool is_json, IcebergField* field) {
  if (field->type.kind != TypeKind::kString || is_json == IsMarkedJson(*field)) return;
  if (is_json) {
    field->doc = field->doc.empty() ? std::string(kJsonMark) : fmt::format("{} {}", field->doc, kJsonMark);
    return;
  }
  field->doc.erase(field->doc.find(kJsonMark), kJsonMark.size());
  if (field->doc.ends_with(' ')) field->doc.pop_back();
}

Type ToNilusType(const IcebergField& field) {
  return IsMarkedJson(field) ? MakeType(TypeId::kJson) : ToNilusType(field.type);
}

IcebergSchema MakeIcebergSchema(const nilus::Schema& schema, bool keep_required) {
  IcebergSchema made;
  int32_t id = 0;
  for (const Field& field : schema.fields) {
    IcebergField column;
    column.id = ++id;
    column.name = field.name;
    column.type = ToIcebergType(field.type);
    column.required = keep_required && !field.nullable;
    MarkJson(field.type.id == TypeId::kJson, &column);
    made.fields.push_back(std::move(column));
  }
  return made;
}

nilus::Schema ToNilusSchema(const IcebergSchema& schema) {
  nilus::Schema made;
  for (const IcebergField& field : schema.fields) {
    made.fields.push_back(Field{field.name, ToNilusType(field), !field.required, {}});
  }
  return made;
}

bool CanPromote(const IcebergType& from, const IcebergType& to, int format_version) {
  if (from == to) return true;
  if (from.kind == TypeKind::kInt) return to.kind == TypeKind::kLong;
  if (from.kind == TypeKind::kFloat) return to.kind == TypeKind::kDouble;
  if (from.kind == TypeKind::kDecimal) {
    return to.kind == TypeKind::kDecimal && to.scale == from.scale && to.precision >= from.precision;
  }
  if (format_version < 3) return false;
  if (from.kind == TypeKind::kUnknown) return true;
  return from.kind == TypeKind::kDate && (to.kind == TypeKind::kTimestamp || to.kind == TypeKind::kTimestampNs);
}

Result<IcebergSchema> EvolveSchema(const IcebergSchema& current, const nilus::Schema& wanted, int format_version,
                                   int32_t* last_column_id, bool keep_required) {
  IcebergSchema next = current;
  int32_t last_id = *last_column_id;
  for (IcebergField& column : next.fields) {
    const std::optional<int> index = wanted.Find(column.name);
    const bool is_identifier = std::find(next.identifier_field_ids.begin(), next.identifier_field_ids.end(),
                                         column.id) != next.identifier_field_ids.end();
    const bool may_be_null = !index || wanted.fields[static_cast<size_t>(*index)].nullable;
    if (column.required && may_be_null && !is_identifier && !keep_required) column.required = false;
    if (!index) continue;
    const Type& wanted_type = wanted.fields[static_cast<size_t>(*index)].type;
    const IcebergType load_type = ToIcebergType(wanted_type);
    std::optional<IcebergType> common = CommonType(column.type, load_type, format_version);
    if (!common) {
      return FailWithFix(ErrorKind::kUnsupported,
                         "give the column the table's type with type_hints, or load with full_refresh",
                         "column {} is {} in the table, and cannot become {}", column.name, column.type.ToString(),
                         load_type.ToString());
    }
    const bool becomes_string = column.type.kind != TypeKind::kString && common->kind == TypeKind::kString;
    column.type = *std::move(common);
    if (becomes_string) MarkJson(wanted_type.id == TypeId::kJson, &column);
  }
  for (const Field& field : wanted.fields) {
    if (next.FindByName(field.name) != nullptr) continue;
    if (last_id >= kHighestFieldId) {
      return Fail(ErrorKind::kExhausted, "the table has no field id left for column {}", field.name);
    }
    IcebergField column;
    column.id = ++last_id;
    column.name = field.name;
    column.type = ToIcebergType(field.type);
    MarkJson(field.type.id == TypeId::kJson, &column);
    next.fields.push_back(std::move(column));
  }
  if (next.SameColumns(current)) return current;
  next.schema_id = 0;
  *last_column_id = last_id;
  return next;
}

Result<IcebergSchema> ReplaceSchema(const IcebergSchema& current, const nilus::Schema& wanted, int format_version,
                                    int32_t* last_column_id) {
  IcebergSchema next = MakeIcebergSchema(wanted);
  int32_t last_id = *last_column_id;
  for (IcebergField& column : next.fields) {
    const IcebergField* known = current.FindByName(column.name);
    if (known != nullptr && CanPromote(known->type, column.type, format_version)) {
      column.id = known->id;
      continue;
    }
    if (last_id >= kHighestFieldId) {
      return Fail(ErrorKind::kExhausted, "the table has no field id left for column {}", column.name);
    }
    column.id = ++last_id;
  }
  if (next.SameColumns(current)) return current;
  *last_column_id = last_id;
  return next;
}

Result<IcebergSchema> RenameColumn(const IcebergSchema& current, std::string_view from, std::string_view to) {
  if (from != to && current.FindByName(to) != nullptr) {
    return Fail(ErrorKind::kInvalidInput, "column {} cannot be renamed to {}: there is one of that name", from, to);
  }
  IcebergSchema next = current;
  for (IcebergField& column : next.fields) {
    if (column.name != from) continue;
    column.name = to;
    if (from != to) next.schema_id = 0;
    return next;
  }
  return Fail(ErrorKind::kNotFound, "there is no column {}", from);
}

}  // namespace nilus::lake
