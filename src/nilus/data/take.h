// Rows picked from several columns or batches of one shape, in any order, as often as wanted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nilus/data/record_batch.h"

namespace nilus {

struct RowPick {
  int32_t from = 0;  // which column or batch; -1: NULL
  int32_t row = 0;
};

// All of `from` are of `type`; a null pointer is a column of NULLs.
Column TakeRows(const Type& type, std::span<const Column* const> from, const std::vector<RowPick>& picks);

// Rows of one batch.
RecordBatch TakeRows(const RecordBatch& batch, const std::vector<int32_t>& rows);

}  // namespace nilus
