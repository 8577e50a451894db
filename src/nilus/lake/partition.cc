#include "nilus/lake/partition.h"

#include <algorithm>

#include "nilus/base/encoding.h"

namespace nilus::lake {

bool PartitionSpec::is_unpartitioned() const {
  return std::all_of(fields.begin(), fields.end(),
                     [](const SpecField& field) { return field.transform.kind == Transform::Kind::kVoid; });
}

bool PartitionSpec::SameFields(const PartitionSpec& other) const {
  return fields.size() == other.fields.size() &&
         std::equal(fields.begin(), fields.end(), other.fields.begin(), [](const SpecField& a, const SpecField& b) {
           return a.source_id == b.source_id && a.transform == b.transform && a.name == b.name;
         });
}

namespace {

Result<Transform> TransformOf(const PartitionWish& wish) {
  if (wish.transform == "bucket" || wish.transform == "truncate") {
    if (wish.parameter < 1 || wish.parameter > std::numeric_limits<int32_t>::max()) {
      return FailWithFix(ErrorKind::kInvalidInput, "give it a number from 1 on: bucket_count",
                         "partition_by: {} of column {} has the parameter {}", wish.transform, wish.column,
                         wish.parameter);
    }
    return ParseTransform(fmt::format("{}[{}]", wish.transform, wish.parameter));
  }
  NILUS_ASSIGN(Transform transform, ParseTransform(wish.transform));
  if (transform.kind == Transform::Kind::kUnknown) {
    return FailWithFix(ErrorKind::kInvalidInput, "take one of identity, bucket, truncate, year, month, day, hour",
                       "partition_by: there is no transform {} (column {})", wish.transform, wish.column);
  }
  return transform;
}

std::string DefaultName(const PartitionWish& wish, const Transform& transform) {
  switch (transform.kind) {
    case Transform::Kind::kIdentity:
      return wish.column;
    case Transform::Kind::kBucket:
      return wish.column + "_bucket";
    case Transform::Kind::kTruncate:
      return wish.column + "_trunc";
    case Transform::Kind::kVoid:
      return wish.column + "_null";
    default:
      return wish.column + "_" + transform.ToString();
  }
}

std::optional<int32_t> KnownFieldId(const SpecField& wanted, const std::vector<PartitionSpecPtr>& known) {
  for (const PartitionSpecPtr& spec : known) {
    for (const SpecField& field : spec->fields) {
      if (field.source_id == wanted.source_id && field.transform == wanted.transform && field.name == wanted.name) {
        return field.field_id;
      }
    }
  }
  return std::nullopt;
}

Result<SpecField> FieldOf(const PartitionWish& wish, const IcebergSchema& schema, const PartitionSpec& spec) {
  const IcebergField* column = schema.FindByName(wish.column);
  if (column == nullptr) {
    return Fail(ErrorKind::kInvalidInput, "partition_by: the table has no column {}", wish.column);
  }
  SpecField field;
  field.source_id = column->id;
  NILUS_ASSIGN(field.transform, TransformOf(wish));
  NILUS_TRY(CheckTransform(field.transform, column->type, column->name));
  field.name = wish.name.empty() ? DefaultName(wish, field.transform) : wish.name;
  // A partition may bear a column's name only when it is that column's own value.
  const IcebergField* namesake = schema.FindByName(field.name);
  if (namesake != nullptr && (namesake->id != column->id || field.transform.kind != Transform::Kind::kIdentity)) {
    return FailWithFix(ErrorKind::kInvalidInput, "give the partition another name",
                       "partition_by: the partition name {} is a column's name", field.name);
  }
  for (const SpecField& other : spec.fields) {
    if (other.name == field.name) {
      return FailWithFix(ErrorKind::kInvalidInput, "give one of them another name",
                         "partition_by: two partitions are named {}", field.name);
    }
    if (other.source_id == field.source_id && other.transform == field.transform) {
      return Fail(ErrorKind::kInvalidInput, "partition_by: {} of column {} stands twice", field.transform.ToString(),
                  wish.column);
    }
  }
  return field;
}

}  // namespace

Result<PartitionSpec> MakePartitionSpec(const std::vector<PartitionWish>& wishes, const IcebergSchema& schema,
                                        const std::vector<PartitionSpecPtr>& known, int32_t* last_partition_id) {
  PartitionSpec spec;
  spec.spec_id = -1;
  int32_t last_id = *last_partition_id;
  for (const PartitionWish& wish : wishes) {
    NILUS_ASSIGN(SpecField field, FieldOf(wish, schema, spec));
    const std::optional<int32_t> known_id = KnownFieldId(field, known);
    field.field_id = known_id ? *known_id : ++last_id;
    spec.fields.push_back(std::move(field));
  }
  for (const PartitionSpecPtr& other : known) {
    if (other->SameFields(spec)) return *other;
  }
  *last_partition_id = last_id;
  return spec;
}

std::vector<IcebergType> PartitionTypes(const PartitionSpec& spec, const IcebergSchema& schema) {
  std::vector<IcebergType> types;
  for (const SpecField& field : spec.fields) {
    const IcebergField* source = schema.FindById(field.source_id);
    const IcebergType source_type = source != nullptr ? source->type : MakeIcebergType(TypeKind::kUnknown);
    types.push_back(TransformedType(field.transform, source_type));
  }
  return types;
}

namespace {

std::string PartitionText(const Transform& transform, const Literal& value, const IcebergType& type) {
  const auto* number = std::get_if<int32_t>(&value);
  if (number != nullptr) {
    switch (transform.kind) {
      case Transform::Kind::kYear:
        return fmt::format("{:04}", 1970 + *number);
      case Transform::Kind::kMonth: {
        const int32_t years = *number >= 0 ? *number / 12 : -((11 - *number) / 12);
        return fmt::format("{:04}-{:02}", 1970 + years, *number - years * 12 + 1);
      }
      case Transform::Kind::kHour: {
        const int32_t days = *number >= 0 ? *number / 24 : -((23 - *number) / 24);
        return fmt::format("{}-{:02}", LiteralToText(days, MakeIcebergType(TypeKind::kDate)), *number - days * 24);
      }
      default:
        break;
    }
  }
  // Folders are for people: a long text is cut, as keys of object stores are limited.
  return LiteralToText(value, type).substr(0, 64);
}

}  // namespace

std::string PartitionPath(const PartitionSpec& spec, const IcebergSchema& schema, const std::vector<Literal>& tuple) {
  const std::vector<IcebergType> types = PartitionTypes(spec, schema);
  std::string path;
  for (size_t i = 0; i < spec.fields.size() && i < tuple.size(); ++i) {
    if (spec.fields[i].transform.kind == Transform::Kind::kVoid) continue;
    if (!path.empty()) path += '/';
    path += PercentEncode(spec.fields[i].name) + "=" +
            PercentEncode(PartitionText(spec.fields[i].transform, tuple[i], types[i]));
  }
  return path;
}

Result<SortOrder> MakeSortOrder(const std::vector<std::string>& columns, const IcebergSchema& schema,
                                const std::vector<SortOrder>& known) {
  SortOrder order;
  order.order_id = columns.empty() ? 0 : -1;
  for (const std::string& name : columns) {
    const IcebergField* column = schema.FindByName(name);
    if (column == nullptr) return Fail(ErrorKind::kInvalidInput, "cluster_by: the table has no column {}", name);
    if (column->type.is_nested() || column->type.kind == TypeKind::kVariant) {
      return Fail(ErrorKind::kUnsupported, "cluster_by: column {} is a {}, which has no order", name,
                  column->type.ToString());
    }
    order.fields.push_back(SortField{column->id, Transform{}, false, true});
  }
  for (const SortOrder& other : known) {
    if (other.SameFields(order)) return other;
  }
  return order;
}

}  // namespace nilus::lake
