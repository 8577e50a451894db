// A key range in Nilus's words as a filter over a table's column.
#pragma once

#include <optional>

#include "nilus/base/result.h"
#include "nilus/data/scalar.h"
#include "nilus/lake/scan_filter.h"

namespace nilus::lake {

// Texts are read as the column's type. kData: one is not of that type.
Result<RangeFilter> MakeRangeFilter(const IcebergField& field, const std::optional<Scalar>& lower,
                                    const std::optional<Scalar>& upper, bool upper_inclusive, bool with_nulls);

}  // namespace nilus::lake
