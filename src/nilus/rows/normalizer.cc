#include "nilus/rows/normalizer.h"

#include <algorithm>

#include "nilus/rows/cast.h"

namespace nilus {
namespace {

bool SameType(const Type& a, const Type& b) {  // varchar(n) is checked by the destination itself
  return a.id == b.id && a.precision == b.precision && a.scale == b.scale;
}

Failure TypeMisfit(const std::string& table, std::string_view column, const Type& from, const Type& to,
                   std::string_view detail) {
  return FailWithFix(
      ErrorKind::kData,
      fmt::format("cast it at the source (query:SELECT …), leave it out with sql_exclude_columns, change the "
                  "destination's column, or load into a new table (full_refresh: true makes {} anew)",
                  table),
      "column `{}` is {} at the source, but {} in {}{}{}", column, from.ToString(), to.ToString(), table,
      detail.empty() ? "" : ": ", detail);
}

}  // namespace

Result<std::unique_ptr<TableShape>> TableShape::Create(const Schema& source, NormalizerOptions options) {
  std::unique_ptr<TableShape> shape(new TableShape(std::move(options)));
  std::lock_guard lock(shape->mutex_);
  for (const Field& field : source.fields) NILUS_TRY(shape->ResolveLocked(field));
  return shape;
}

Schema TableShape::schema() const {
  std::lock_guard lock(mutex_);
  return schema_;
}

std::string TableShape::NameOf(std::string_view source_name) const {
  return NormalizeName(source_name, options_.naming, options_.identifier_limit);
}

Result<std::optional<Field>> TableShape::Resolve(const Field& source) {
  std::lock_guard lock(mutex_);
  return ResolveLocked(source);
}

Result<std::optional<Field>> TableShape::ResolveLocked(const Field& source) {
  if (auto known = fields_.find(source.name); known != fields_.end()) return std::optional<Field>(known->second);
  Field field = source;
  if (source.variant_of.empty()) {
    field.name = NameOf(source.name);
  } else {
    field.variant_of = NameOf(source.variant_of);
    field.name = FitToLimit(VariantName(field.variant_of, "text"), options_.identifier_limit);
  }
  auto is_excluded = [&](const std::string& name) {
    return name == source.name || name == field.name ||
           (!name.empty() && (name == source.variant_of || name == field.variant_of));
  };
  if (std::any_of(options_.exclude.begin(), options_.exclude.end(), is_excluded)) return std::optional<Field>();
  if (auto [taken, is_new] = source_by_name_.emplace(field.name, source.name); !is_new) {
    return Failure(NameCollision(options_.table, taken->second, source.name, field.name));
  }
  if (options_.destination) {
    if (std::optional<int> at = options_.destination->Find(field.name)) {
      const Type& type = options_.destination->fields[static_cast<size_t>(*at)].type;
      if (!IsCastable(field.type, type)) return TypeMisfit(options_.table, field.name, field.type, type, "");
      if (!SameType(field.type, type)) field.type = type;
    }
  }
  fields_.emplace(source.name, field);
  schema_.fields.push_back(field);
  return std::optional<Field>(std::move(field));
}

Status Normalizer::Prepare(const SchemaPtr& schema) {
  if (prepared_for_ != nullptr && (schema == prepared_for_ || *schema == *prepared_for_)) return {};
  auto output = std::make_shared<Schema>();
  indexes_.clear();
  for (int i = 0; i < schema->size(); ++i) {
    NILUS_ASSIGN(std::optional<Field> field, shape_->Resolve(schema->fields[static_cast<size_t>(i)]));
    if (!field) continue;
    field->nullable = field->nullable || schema->fields[static_cast<size_t>(i)].nullable;
    output->fields.push_back(*std::move(field));
    indexes_.push_back(i);
  }
  output_ = std::move(output);
  prepared_for_ = schema;
  return {};
}

Result<RecordBatch> Normalizer::Normalize(const RecordBatch& batch) {
  NILUS_TRY(Prepare(batch.schema()));
  std::vector<Column> columns;
  columns.reserve(indexes_.size());
  for (size_t i = 0; i < indexes_.size(); ++i) {
    const Column& column = batch.column(indexes_[i]);
    const Field& field = output_->fields[i];
    if (!field.variant_of.empty()) variant_values_[field.variant_of] += column.length - column.null_count;
    if (column.type == field.type) {
      columns.push_back(column);
      continue;
    }
    if (!IsCastable(column.type, field.type))
      return TypeMisfit(shape_->table(), field.name, column.type, field.type, "");
    Result<Column> cast = CastColumn(column, field.type);
    if (!cast && cast.error().kind == ErrorKind::kData) {
      return TypeMisfit(shape_->table(), field.name, column.type, field.type, cast.error().message);
    }
    if (!cast) return Failure(std::move(cast).error());
    columns.push_back(*std::move(cast));
  }
  return RecordBatch(output_, std::move(columns), batch.num_rows());
}

}  // namespace nilus
