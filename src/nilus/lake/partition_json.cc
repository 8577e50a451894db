// Transforms, partition specs and sort orders to text and back (Iceberg spec, appendix C).
#include <charconv>

#include "nilus/base/text.h"
#include "nilus/lake/json.h"
#include "nilus/lake/partition.h"

namespace nilus::lake {
namespace {

constexpr size_t kMostFields = 1000;

struct PlainTransform {
  std::string_view name;
  Transform::Kind kind;
};
constexpr PlainTransform kPlainTransforms[] = {
    {"identity", Transform::Kind::kIdentity},
    {"year", Transform::Kind::kYear},
    {"month", Transform::Kind::kMonth},
    {"day", Transform::Kind::kDay},
    {"hour", Transform::Kind::kHour},
    {"void", Transform::Kind::kVoid},
    // What early writers of the format wrote.
    {"years", Transform::Kind::kYear},
    {"months", Transform::Kind::kMonth},
    {"days", Transform::Kind::kDay},
    {"hours", Transform::Kind::kHour},
};

Json FieldsToJson(const PartitionSpec& spec) {
  Json fields = Json::array();
  for (const SpecField& field : spec.fields) {
    fields.push_back({{"name", field.name},
                      {"transform", field.transform.ToString()},
                      {"source-id", field.source_id},
                      {"field-id", field.field_id}});
  }
  return fields;
}

// `source-id`, or the only one of `source-ids`. Several: a transform of several columns, which nobody knows yet.
Result<int32_t> SourceId(const JsonView& view) {
  if (view.Has("source-id")) return view.Int32("source-id");
  NILUS_ASSIGN(const std::vector<JsonView> ids, view.Items("source-ids", kMostFields));
  if (ids.empty()) return view.Wrong("a field with a source");
  return ids[0].AsInt32();
}

Result<Transform> TransformFromJson(const JsonView& view) {
  NILUS_ASSIGN(const std::string text, view.String("transform"));
  Result<Transform> transform = ParseTransform(text);
  if (!transform) return Failure(InContext(view.where(), std::move(transform).error()));
  if (view.Has("source-ids")) {
    NILUS_ASSIGN(const std::vector<JsonView> ids, view.Items("source-ids", kMostFields));
    if (ids.size() > 1) return Transform{Transform::Kind::kUnknown, 0, text};
  }
  return transform;
}

Result<std::vector<SpecField>> FieldsFromJson(const std::vector<JsonView>& items) {
  std::vector<SpecField> fields;
  int32_t next_id = kFirstPartitionFieldId;  // v1 did not write ids
  for (const JsonView& item : items) {
    SpecField field;
    NILUS_ASSIGN(field.source_id, SourceId(item));
    NILUS_ASSIGN(const std::optional<int32_t> id, item.MaybeInt32("field-id"));
    field.field_id = id.value_or(next_id);
    ++next_id;
    NILUS_ASSIGN(field.name, item.String("name"));
    NILUS_ASSIGN(field.transform, TransformFromJson(item));
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace

std::string Transform::ToString() const {
  switch (kind) {
    case Kind::kIdentity:
      return "identity";
    case Kind::kBucket:
      return fmt::format("bucket[{}]", parameter);
    case Kind::kTruncate:
      return fmt::format("truncate[{}]", parameter);
    case Kind::kYear:
      return "year";
    case Kind::kMonth:
      return "month";
    case Kind::kDay:
      return "day";
    case Kind::kHour:
      return "hour";
    case Kind::kVoid:
      return "void";
    case Kind::kUnknown:
      return text;
  }
  return text;
}

Result<Transform> ParseTransform(std::string_view text) {
  for (const PlainTransform& plain : kPlainTransforms) {
    if (text == plain.name) return Transform{plain.kind, 0, {}};
  }
  for (const auto& [name, kind] : {std::pair{std::string_view("bucket["), Transform::Kind::kBucket},
                                   std::pair{std::string_view("truncate["), Transform::Kind::kTruncate}}) {
    if (!text.starts_with(name) || !text.ends_with(']')) continue;
    const std::string_view inner = TrimSpaces(text.substr(name.size(), text.size() - name.size() - 1));
    int32_t parameter = 0;
    const auto [end, problem] = std::from_chars(inner.data(), inner.data() + inner.size(), parameter);
    if (problem != std::errc() || end != inner.data() + inner.size() || parameter < 1) {
      return Fail(ErrorKind::kData, "transform {} has no parameter from 1 on", text.substr(0, 100));
    }
    return Transform{kind, parameter, {}};
  }
  return Transform{Transform::Kind::kUnknown, 0, std::string(text)};
}

std::string SpecToJson(const PartitionSpec& spec) {
  return DumpJson({{"spec-id", spec.spec_id}, {"fields", FieldsToJson(spec)}});
}

std::string SpecFieldsToJson(const PartitionSpec& spec) { return DumpJson(FieldsToJson(spec)); }

Result<PartitionSpec> SpecFromJson(std::string_view json) {
  NILUS_ASSIGN(const Json document, ParseJson(json, "partition spec"));
  const JsonView view(document, "partition spec");
  PartitionSpec spec;
  NILUS_ASSIGN(spec.spec_id, view.Int32("spec-id"));
  NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("fields", kMostFields));
  NILUS_ASSIGN(spec.fields, FieldsFromJson(items));
  return spec;
}

Result<PartitionSpec> SpecFieldsFromJson(std::string_view json, int32_t spec_id) {
  NILUS_ASSIGN(const Json document, ParseJson(json, "partition spec"));
  const JsonView view(document, "partition spec");
  PartitionSpec spec;
  spec.spec_id = spec_id;
  // Some writers put the whole spec where only its fields belong.
  NILUS_ASSIGN(const std::vector<JsonView> items,
               document.is_object() ? view.Items("fields", kMostFields) : view.Items(kMostFields));
  NILUS_ASSIGN(spec.fields, FieldsFromJson(items));
  return spec;
}

std::string SortOrderToJson(const SortOrder& order) {
  Json fields = Json::array();
  for (const SortField& field : order.fields) {
    fields.push_back({{"transform", field.transform.ToString()},
                      {"source-id", field.source_id},
                      {"direction", field.descending ? "desc" : "asc"},
                      {"null-order", field.nulls_first ? "nulls-first" : "nulls-last"}});
  }
  return DumpJson({{"order-id", order.order_id}, {"fields", std::move(fields)}});
}

Result<SortOrder> SortOrderFromJson(std::string_view json) {
  NILUS_ASSIGN(const Json document, ParseJson(json, "sort order"));
  const JsonView view(document, "sort order");
  SortOrder order;
  NILUS_ASSIGN(order.order_id, view.Int32("order-id"));
  NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("fields", kMostFields));
  for (const JsonView& item : items) {
    SortField field;
    NILUS_ASSIGN(field.source_id, SourceId(item));
    NILUS_ASSIGN(field.transform, TransformFromJson(item));
    NILUS_ASSIGN(const std::string direction, item.StringOr("direction", "asc"));
    NILUS_ASSIGN(const std::string nulls, item.StringOr("null-order", "nulls-first"));
    field.descending = direction == "desc";
    field.nulls_first = nulls != "nulls-last";
    order.fields.push_back(std::move(field));
  }
  return order;
}

}  // namespace nilus::lake
