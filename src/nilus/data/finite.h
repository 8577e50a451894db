// Whether a value can stand in an order that goes on: what is asked of cursors.
#pragma once

#include <cmath>

#include "nilus/data/record_batch.h"

namespace nilus {

// False for NaN and infinities; values of other types than floats are finite. The value is not NULL.
inline bool IsFinite(const Column& column, int64_t row) {
  if (column.type.id == TypeId::kFloat64) return std::isfinite(column.Value<double>(row));
  return column.type.id != TypeId::kFloat32 || std::isfinite(column.Value<float>(row));
}

}  // namespace nilus
