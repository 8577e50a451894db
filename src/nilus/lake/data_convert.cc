#include "nilus/lake/data_convert.h"

#include <cmath>
#include <utility>

#include "nilus/data/builder.h"

namespace nilus::lake {
namespace {

int DigitsOf(TypeId id) {
  constexpr int kInt16Digits = 5;
  constexpr int kInt32Digits = 10;
  constexpr int kInt64Digits = 19;
  return id == TypeId::kInt16 ? kInt16Digits : id == TypeId::kInt32 ? kInt32Digits : kInt64Digits;
}

// The values are there already: only the column's type is another one.
bool HasSameLayout(const Type& from, const Type& to) {
  if (IsTextual(from.id) && IsTextual(to.id)) return true;
  return from.id == to.id && from.scale == to.scale && from.precision <= to.precision;
}

template <typename From, typename To>
Column Widen(const Column& from, const Type& to) {
  ColumnBuilder builder(to);
  for (int64_t row = 0; row < from.length; ++row) {
    from.IsNull(row) ? builder.AppendNull() : builder.Append<To>(static_cast<To>(from.Value<From>(row)));
  }
  return builder.Finish();
}

template <typename From>
Column ToDecimal(const Column& from, const Type& to, int more_digits) {
  Int128 factor = 1;
  for (int i = 0; i < more_digits; ++i) factor *= 10;
  ColumnBuilder builder(to);
  for (int64_t row = 0; row < from.length; ++row) {
    from.IsNull(row) ? builder.AppendNull() : builder.Append<Int128>(Int128{from.Value<From>(row)} * factor);
  }
  return builder.Finish();
}

template <typename From>
Column WidenInteger(const Column& from, const Type& to) {
  switch (to.id) {
    case TypeId::kInt32:
      return Widen<From, int32_t>(from, to);
    case TypeId::kInt64:
      return Widen<From, int64_t>(from, to);
    case TypeId::kFloat64:
      return Widen<From, double>(from, to);
    default:
      return ToDecimal<From>(from, to, to.scale);
  }
}

Column ConvertColumn(const Column& from, const Type& to) {
  if (HasSameLayout(from.type, to)) {
    Column column = from;
    column.type = to;
    return column;
  }
  switch (from.type.id) {
    case TypeId::kInt16:
      return WidenInteger<int16_t>(from, to);
    case TypeId::kInt32:
      return WidenInteger<int32_t>(from, to);
    case TypeId::kInt64:
      return WidenInteger<int64_t>(from, to);
    case TypeId::kFloat32:
      return Widen<float, double>(from, to);
    default:
      return ToDecimal<Int128>(from, to, to.scale - from.type.scale);
  }
}

}  // namespace

bool CanConvert(const Type& from, const Type& to) {
  if (HasSameLayout(from, to)) return true;
  if (from.id == TypeId::kFloat32) return to.id == TypeId::kFloat64;
  if (IsInteger(from.id)) {
    if (to.id == TypeId::kDecimal) return to.precision - to.scale >= DigitsOf(from.id);
    if (to.id == TypeId::kFloat64) return from.id != TypeId::kInt64;
    return IsInteger(to.id) && FixedWidth(to.id) > FixedWidth(from.id);
  }
  return from.id == TypeId::kDecimal && to.id == TypeId::kDecimal && to.scale >= from.scale &&
         to.precision - to.scale >= from.precision - from.scale;
}

Status BatchConverter::Prepare(const SchemaPtr& from) {
  auto to = std::make_shared<Schema>(*from);
  for (Field& field : to->fields) {
    const IcebergField* target = schema_.FindByName(field.name);
    if (target == nullptr) return Fail(ErrorKind::kInternal, "column `{}` is none of table {}", field.name, table_);
    const Type type = ToNilusType(target->type);
    // A uuid or a fixed would take text: only columns of types that Nilus writes are written.
    if (ToIcebergType(type).kind != target->type.kind || !CanConvert(field.type, type)) {
      return FailWithFix(ErrorKind::kData, "load with full_refresh, into another table, or alter the column",
                         "column `{}` of table {} is {} at the destination and {} in this load: values could be lost",
                         field.name, table_, target->type.ToString(), field.type.ToString());
    }
    field.type = type;
    field.variant_of.clear();
  }
  defaults_.clear();
  if (with_defaults_) NILUS_TRY(AddDefaults(*from, to.get()));
  from_ = from;
  to_ = std::move(to);
  return {};
}

Status BatchConverter::AddDefaults(const Schema& from, Schema* to) {
  for (const IcebergField& field : schema_.fields) {
    if ((field.initial_default_json.empty() && field.write_default_json.empty()) || from.Find(field.name)) continue;
    const Type type = ToNilusType(field.type);
    if (ToIcebergType(type).kind != field.type.kind) {
      return FailWithFix(ErrorKind::kUnsupported, "load the column too, or drop its default",
                         "column `{}` of table {} has a default of type {}, which Nilus does not write", field.name,
                         table_, field.type.ToString());
    }
    Literal value;
    if (!field.write_default_json.empty()) {
      NILUS_ASSIGN(value, LiteralFromJson(field.write_default_json, field.type));
    }
    to->fields.push_back(Field{.name = field.name, .type = type});
    defaults_.push_back({field.type, std::move(value)});
  }
  return {};
}

Result<RecordBatch> BatchConverter::Convert(const RecordBatch& batch) {
  if (batch.schema() != from_) NILUS_TRY(Prepare(batch.schema()));
  std::vector<Column> columns;
  columns.reserve(batch.columns().size());
  for (size_t i = 0; i < batch.columns().size(); ++i)
    columns.push_back(ConvertColumn(batch.columns()[i], to_->fields[i].type));
  for (const Default& one : defaults_) {
    ColumnBuilder builder(ToNilusType(one.type));
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      IsNull(one.value) ? builder.AppendNull() : AppendLiteral(one.value, one.type, &builder);
    }
    columns.push_back(builder.Finish());
  }
  return RecordBatch(to_, std::move(columns), batch.num_rows());
}

}  // namespace nilus::lake
