#include "nilus/lake/scan_columns.h"

#include <algorithm>

#include "nilus/data/scalar.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"

namespace nilus::lake {
namespace {

const ParquetTopColumn* FindColumn(const IcebergField& field, const ParquetFooter& footer, const NameMapping& mapping) {
  for (const ParquetTopColumn& column : footer.top_columns) {
    const std::optional<int32_t> id = footer.has_field_ids ? column.field_id : MappedId(mapping, column.name);
    if (id == field.id) return &column;
  }
  return nullptr;
}

// A constant of the type, as SQL.
std::string ConstantOf(const Literal& value, const IcebergType& type) {
  if (IsNull(value)) return NullOf(type);
  ColumnBuilder builder(ToNilusType(type));
  AppendLiteral(value, type, &builder);
  const Column column = builder.Finish();
  const Scalar scalar = ScalarAt(column, 0);
  const std::string text = duck::QuoteLiteral(duck::CastableText(scalar));
  if (scalar.type.id == TypeId::kBinary) return fmt::format("from_hex({})", text);
  return fmt::format("CAST({} AS {})", text, duck::SqlTypeName(scalar.type));
}

// The column's values as DuckDB's type for them. For text, decimals and dates it goes by the converted type alone,
// which newer writers may leave out.
Result<std::string> ValuesOf(const ParquetTopColumn& column, const IcebergField& field, const DataFile& file) {
  std::string name = duck::QuoteIdentifier(column.name);
  if (column.has_converted_type || !column.type) return name;
  switch (field.type.kind) {
    case TypeKind::kString:
      return *column.type == ParquetType::kByteArray ? fmt::format("decode({})", name) : name;
    case TypeKind::kDate:
      return *column.type == ParquetType::kInt32 ? fmt::format("(DATE '1970-01-01' + {})", name) : name;
    case TypeKind::kDecimal:
      if (*column.type == ParquetType::kInt32 || *column.type == ParquetType::kInt64) {
        return fmt::format("({0}::DECIMAL(19,0) * CAST('1e-{1}' AS DECIMAL({2},{1})))", name, field.type.scale,
                           field.type.scale + 1);
      }
      return FailWithFix(ErrorKind::kUnsupported, "rewrite the file with the engine that wrote it",
                         "column `{}` of {} is a decimal by its logical type alone, which DuckDB does not read",
                         field.name, file.path);
    default:
      return name;
  }
}

// The value that identity partitioning gives to all rows of the file; null: there is no such partition field.
const Literal* PartitionValue(const IcebergField& field, const TableMetadata& metadata, const DataFile& file) {
  const PartitionSpecPtr spec = metadata.FindSpec(file.spec_id);
  if (spec == nullptr) return nullptr;
  for (size_t i = 0; i < spec->fields.size() && i < file.partition.size(); ++i) {
    if (spec->fields[i].source_id == field.id && spec->fields[i].transform.kind == Transform::Kind::kIdentity)
      return &file.partition[i];
  }
  return nullptr;
}

}  // namespace

bool IsReadable(const IcebergType& type) {
  switch (type.kind) {
    case TypeKind::kVariant:
    case TypeKind::kGeometry:
    case TypeKind::kGeography:
      return false;
    default:
      return std::all_of(type.children.begin(), type.children.end(),
                         [](const IcebergField& child) { return IsReadable(child.type); });
  }
}

std::string NullOf(const IcebergType& type) {
  return fmt::format("CAST(NULL AS {})", duck::SqlTypeName(ToNilusType(type)));
}

std::string JsonOf(std::string_view text) {
  return fmt::format("CASE WHEN {0} IS NOT NULL THEN coalesce(TRY_CAST({0} AS JSON), to_json({0})) END", text);
}

Result<NameMapping> MappingOf(const TableMetadata& metadata) {
  constexpr std::string_view kProperty = "schema.name-mapping.default";
  if (std::optional<std::string_view> json = metadata.Property(kProperty)) return NameMappingFromJson(*json);
  return MakeNameMapping(metadata.schema());
}

Result<std::string> ColumnExpression(const IcebergField& field, const ParquetFooter& footer, const NameMapping& mapping,
                                     const TableMetadata& metadata, const DataFile& file) {
  if (const ParquetTopColumn* column = FindColumn(field, footer, mapping)) {
    if (field.type.is_nested()) return fmt::format("to_json({})", duck::QuoteIdentifier(column->name));
    NILUS_ASSIGN(std::string values, ValuesOf(*column, field, file));
    return fmt::format("CAST({} AS {})", values, duck::SqlTypeName(ToNilusType(field.type)));
  }
  if (const Literal* value = PartitionValue(field, metadata, file)) return ConstantOf(*value, field.type);
  if (!field.initial_default_json.empty() && !field.type.is_nested()) {
    NILUS_ASSIGN(Literal value, LiteralFromJson(field.initial_default_json, field.type));
    return ConstantOf(value, field.type);
  }
  return NullOf(field.type);
}

}  // namespace nilus::lake
