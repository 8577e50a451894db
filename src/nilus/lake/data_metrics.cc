#include "nilus/lake/data_metrics.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "nilus/base/encoding.h"

namespace nilus::lake {
namespace {

template <typename T>
std::optional<T> LittleValue(std::string_view bytes) {
  if (bytes.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));  // x86 and ARM are little-endian, as Parquet is
  return value;
}

std::optional<Int128> BigEndianInteger(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > sizeof(Int128)) return std::nullopt;
  auto value = static_cast<unsigned __int128>(static_cast<Int128>(static_cast<int8_t>(bytes[0])));
  for (char byte : bytes.substr(1)) value = value << 8 | static_cast<uint8_t>(byte);
  return static_cast<Int128>(value);
}

std::optional<int64_t> IntegerOf(ParquetType type, std::string_view bytes) {
  if (type == ParquetType::kInt64) return LittleValue<int64_t>(bytes);
  if (type != ParquetType::kInt32) return std::nullopt;
  std::optional<int32_t> value = LittleValue<int32_t>(bytes);
  return value ? std::optional<int64_t>(*value) : std::nullopt;
}

// A bound in the column's type; nothing when it says nothing of use.
std::optional<Literal> BoundOf(ParquetType stored, const IcebergType& type, std::string_view bytes) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      if (stored != ParquetType::kBoolean || bytes.size() != 1) return std::nullopt;
      return Literal(bytes[0] != 0);
    case TypeKind::kInt:
    case TypeKind::kDate: {
      std::optional<int64_t> value = IntegerOf(stored, bytes);
      if (!value || stored != ParquetType::kInt32) return std::nullopt;
      return Literal(static_cast<int32_t>(*value));
    }
    case TypeKind::kLong:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz: {
      std::optional<int64_t> value = IntegerOf(stored, bytes);
      return value ? std::optional<Literal>(Literal(*value)) : std::nullopt;
    }
    case TypeKind::kFloat: {
      std::optional<float> value = stored == ParquetType::kFloat ? LittleValue<float>(bytes) : std::nullopt;
      return value && !std::isnan(*value) ? std::optional<Literal>(Literal(*value)) : std::nullopt;
    }
    case TypeKind::kDouble: {
      std::optional<double> value = stored == ParquetType::kDouble ? LittleValue<double>(bytes) : std::nullopt;
      return value && !std::isnan(*value) ? std::optional<Literal>(Literal(*value)) : std::nullopt;
    }
    case TypeKind::kDecimal: {
      if (stored == ParquetType::kFixedByteArray || stored == ParquetType::kByteArray) {
        std::optional<Int128> value = BigEndianInteger(bytes);
        return value ? std::optional<Literal>(Literal(*value)) : std::nullopt;
      }
      std::optional<int64_t> value = IntegerOf(stored, bytes);
      return value ? std::optional<Literal>(Literal(Int128{*value})) : std::nullopt;
    }
    case TypeKind::kString:
      if (stored != ParquetType::kByteArray || !IsValidUtf8(bytes)) return std::nullopt;
      return Literal(std::string(bytes));
    case TypeKind::kBinary:
      if (stored != ParquetType::kByteArray) return std::nullopt;
      return Literal(std::string(bytes));
    default:
      return std::nullopt;
  }
}

// Writers may give 0.0 for a column that holds both zeros.
Literal WithBothZeros(Literal bound, bool is_lower) {
  if (auto* value = std::get_if<double>(&bound); value != nullptr && *value == 0) *value = is_lower ? -0.0 : 0.0;
  if (auto* value = std::get_if<float>(&bound); value != nullptr && *value == 0) *value = is_lower ? -0.0F : 0.0F;
  return bound;
}

struct Bounds {
  std::optional<Literal> lower;
  std::optional<Literal> upper;
};

Bounds BoundsOf(const ParquetFooter& footer, size_t column, const IcebergType& type) {
  Bounds bounds;
  for (const ParquetRowGroup& group : footer.row_groups) {
    const ParquetChunk& chunk = group.chunks[column];
    if (chunk.values == 0 || chunk.nulls == chunk.values) continue;
    std::optional<Literal> low = chunk.min ? BoundOf(footer.columns[column].type, type, *chunk.min) : std::nullopt;
    std::optional<Literal> high = chunk.max ? BoundOf(footer.columns[column].type, type, *chunk.max) : std::nullopt;
    if (!low || !high) return {};
    if (!bounds.lower || CompareLiterals(*low, *bounds.lower) < 0) bounds.lower = std::move(low);
    if (!bounds.upper || CompareLiterals(*high, *bounds.upper) > 0) bounds.upper = std::move(high);
  }
  if (bounds.lower) bounds.lower = WithBothZeros(*std::move(bounds.lower), true);
  if (bounds.upper) bounds.upper = WithBothZeros(*std::move(bounds.upper), false);
  return bounds;
}

void AddBounds(const Bounds& bounds, const IcebergField& field, DataFile* file) {
  const bool is_cut = field.type.kind == TypeKind::kString || field.type.kind == TypeKind::kBinary;
  if (bounds.lower) {
    file->lower_bounds.emplace_back(field.id, is_cut
                                                  ? TruncateLowerBound(std::get<std::string>(*bounds.lower), field.type)
                                                  : ToBytes(*bounds.lower, field.type));
  }
  if (!bounds.upper) return;
  if (!is_cut) {
    file->upper_bounds.emplace_back(field.id, ToBytes(*bounds.upper, field.type));
  } else if (auto cut = TruncateUpperBound(std::get<std::string>(*bounds.upper), field.type)) {
    file->upper_bounds.emplace_back(field.id, *std::move(cut));
  }
}

void SortById(DataFile* file) {
  const auto by_id = [](const auto& a, const auto& b) { return a.first < b.first; };
  for (ById<int64_t>* list : {&file->column_sizes, &file->value_counts, &file->null_counts, &file->nan_counts})
    std::sort(list->begin(), list->end(), by_id);
  for (ById<std::string>* list : {&file->lower_bounds, &file->upper_bounds})
    std::sort(list->begin(), list->end(), by_id);
}

}  // namespace

void FillMetrics(const ParquetFooter& footer, const IcebergSchema& schema,
                 const std::map<std::string, int64_t, std::less<>>& nan_counts, DataFile* file) {
  file->record_count = footer.rows;
  for (const ParquetRowGroup& group : footer.row_groups) {
    int64_t start = -1;
    for (const ParquetChunk& chunk : group.chunks) start = start < 0 ? chunk.offset : std::min(start, chunk.offset);
    if (start >= 0) file->split_offsets.push_back(start);
  }
  if (!std::is_sorted(file->split_offsets.begin(), file->split_offsets.end())) file->split_offsets.clear();
  for (size_t i = 0; i < footer.columns.size(); ++i) {
    const ParquetColumn& column = footer.columns[i];
    if (column.is_nested || !column.field_id) continue;
    const IcebergField* field = schema.FindById(*column.field_id);
    if (field == nullptr) continue;
    int64_t bytes = 0;
    int64_t values = 0;
    std::optional<int64_t> nulls = 0;
    for (const ParquetRowGroup& group : footer.row_groups) {
      const ParquetChunk& chunk = group.chunks[i];
      bytes += chunk.compressed_bytes;
      values += chunk.values;
      nulls = nulls && chunk.nulls ? std::optional<int64_t>(*nulls + *chunk.nulls) : std::nullopt;
    }
    file->column_sizes.emplace_back(field->id, bytes);
    file->value_counts.emplace_back(field->id, values);
    if (nulls) file->null_counts.emplace_back(field->id, *nulls);
    const bool is_float = field->type.kind == TypeKind::kFloat || field->type.kind == TypeKind::kDouble;
    auto nans = nan_counts.find(column.name);
    if (is_float && nans != nan_counts.end()) file->nan_counts.emplace_back(field->id, nans->second);
    if (file->column_sizes.size() <= kColumnsWithBounds) AddBounds(BoundsOf(footer, i, field->type), *field, file);
  }
  SortById(file);
}

}  // namespace nilus::lake
