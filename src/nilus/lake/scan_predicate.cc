#include "nilus/lake/scan_predicate.h"

#include "nilus/data/builder.h"

namespace nilus::lake {
namespace {

Result<std::optional<Literal>> BoundOf(const IcebergField& field, const std::optional<Scalar>& scalar) {
  if (!scalar) return std::nullopt;
  ColumnBuilder builder(ToNilusType(field.type));
  Status parsed = AppendParsed(scalar->text, &builder);
  if (!parsed) return Failure(InContext("reading a bound of column " + field.name, std::move(parsed).error()));
  return LiteralAt(builder.Finish(), 0, field.type);
}

}  // namespace

Result<RangeFilter> MakeRangeFilter(const IcebergField& field, const std::optional<Scalar>& lower,
                                    const std::optional<Scalar>& upper, bool upper_inclusive, bool with_nulls) {
  RangeFilter filter{.field_id = field.id, .upper_inclusive = upper_inclusive, .with_nulls = with_nulls};
  NILUS_ASSIGN(filter.lower, BoundOf(field, lower));
  NILUS_ASSIGN(filter.upper, BoundOf(field, upper));
  return filter;
}

}  // namespace nilus::lake
