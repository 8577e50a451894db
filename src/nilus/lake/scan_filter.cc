#include "nilus/lake/scan_filter.h"

#include <algorithm>

namespace nilus::lake {
namespace {

// Floats keep every file: their bounds say nothing of NaNs, which come last here and nowhere at all elsewhere.
bool HasTotalOrder(const IcebergType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean:
    case TypeKind::kInt:
    case TypeKind::kLong:
    case TypeKind::kDecimal:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
    case TypeKind::kString:
    case TypeKind::kBinary:
      return true;
    default:
      return false;
  }
}

// A bound as the transform maps it; nothing when the transform does not keep the order, or cannot take it.
std::optional<Literal> Mapped(const SpecField& field, const IcebergType& type, const Literal& value) {
  Result<Literal> mapped = ApplyTransform(field.transform, type, value);
  if (!mapped || IsNull(*mapped)) return std::nullopt;
  return *std::move(mapped);
}

bool KeepsOrder(Transform::Kind kind) {
  switch (kind) {
    case Transform::Kind::kIdentity:
    case Transform::Kind::kTruncate:
    case Transform::Kind::kYear:
    case Transform::Kind::kMonth:
    case Transform::Kind::kDay:
    case Transform::Kind::kHour:
      return true;
    default:
      return false;
  }
}

// Values between `lowest` and `highest` (absent: unknown) of something that may be among the filter's.
bool Overlaps(const std::optional<Literal>& lower, const std::optional<Literal>& upper, bool upper_inclusive,
              const std::optional<Literal>& lowest, const std::optional<Literal>& highest) {
  // A promotion in between may leave literals of two types: nothing is known then.
  const auto comparable = [](const Literal& a, const Literal& b) { return a.index() == b.index(); };
  if (lower && highest && comparable(*lower, *highest) && CompareLiterals(*highest, *lower) < 0) return false;
  if (upper && lowest && comparable(*upper, *lowest)) {
    const auto order = CompareLiterals(*lowest, *upper);
    if (order > 0 || (order == 0 && !upper_inclusive)) return false;
  }
  return true;
}

std::optional<Literal> BoundIn(const std::optional<std::string>& bytes, const IcebergType& type) {
  if (!bytes) return std::nullopt;
  Result<Literal> value = FromBytes(*bytes, type);
  return value ? std::optional<Literal>(*std::move(value)) : std::nullopt;
}

struct MappedFilter {
  std::optional<Literal> lower;
  std::optional<Literal> upper;
  bool upper_inclusive = true;
};

MappedFilter MapFilter(const RangeFilter& filter, const SpecField& field, const IcebergType& type) {
  MappedFilter mapped;
  if (filter.lower) mapped.lower = Mapped(field, type, *filter.lower);
  if (filter.upper) mapped.upper = Mapped(field, type, *filter.upper);
  // Values below an excluded bound may lie in the bound's own hour, day, prefix.
  mapped.upper_inclusive = filter.upper_inclusive || field.transform.kind != Transform::Kind::kIdentity;
  return mapped;
}

}  // namespace

bool MayHoldRows(const RangeFilter& filter, const IcebergSchema& schema, const DataFile& file) {
  const IcebergField* field = schema.FindById(filter.field_id);
  if (field == nullptr || !HasTotalOrder(field->type)) return true;
  const int64_t* nulls = FindId(file.null_counts, filter.field_id);
  if (filter.with_nulls && (nulls == nullptr || *nulls > 0)) return true;
  const int64_t* values = FindId(file.value_counts, filter.field_id);
  if (nulls != nullptr && values != nullptr && *nulls == *values && *values == file.record_count) return false;
  const std::string* low = FindId(file.lower_bounds, filter.field_id);
  const std::string* high = FindId(file.upper_bounds, filter.field_id);
  return Overlaps(filter.lower, filter.upper, filter.upper_inclusive,
                  BoundIn(low != nullptr ? std::optional(*low) : std::nullopt, field->type),
                  BoundIn(high != nullptr ? std::optional(*high) : std::nullopt, field->type));
}

bool MayHoldRows(const RangeFilter& filter, const IcebergSchema& schema, const PartitionSpec& spec,
                 const std::vector<Literal>& partition) {
  const IcebergField* source = schema.FindById(filter.field_id);
  if (source == nullptr || !HasTotalOrder(source->type)) return true;
  for (size_t i = 0; i < spec.fields.size() && i < partition.size(); ++i) {
    const SpecField& field = spec.fields[i];
    if (field.source_id != filter.field_id || !KeepsOrder(field.transform.kind)) continue;
    if (IsNull(partition[i])) {
      if (filter.with_nulls) continue;
      return false;
    }
    const MappedFilter mapped = MapFilter(filter, field, source->type);
    if (!Overlaps(mapped.lower, mapped.upper, mapped.upper_inclusive, partition[i], partition[i])) return false;
  }
  return true;
}

bool MayHoldRows(const RangeFilter& filter, const IcebergSchema& schema, const PartitionSpec& spec,
                 const ManifestFile& manifest) {
  const IcebergField* source = schema.FindById(filter.field_id);
  if (source == nullptr || !HasTotalOrder(source->type)) return true;
  if (manifest.partitions.size() != spec.fields.size()) return true;
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    const SpecField& field = spec.fields[i];
    const FieldSummary& summary = manifest.partitions[i];
    if (field.source_id != filter.field_id || !KeepsOrder(field.transform.kind)) continue;
    if (filter.with_nulls && summary.contains_null) continue;
    const IcebergType type = TransformedType(field.transform, source->type);
    const MappedFilter mapped = MapFilter(filter, field, source->type);
    if (!Overlaps(mapped.lower, mapped.upper, mapped.upper_inclusive, BoundIn(summary.lower_bound, type),
                  BoundIn(summary.upper_bound, type))) {
      return false;
    }
  }
  return true;
}

bool MayHoldRows(const RangeFilters& filters, const IcebergSchema& schema, const PartitionSpec* spec,
                 const DataFile& file) {
  return std::all_of(filters.begin(), filters.end(), [&](const RangeFilter& filter) {
    return MayHoldRows(filter, schema, file) && (spec == nullptr || MayHoldRows(filter, schema, *spec, file.partition));
  });
}

}  // namespace nilus::lake
