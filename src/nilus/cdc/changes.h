// Choosing among the changes of a batch, with everything that belongs to them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "nilus/connector/change_source.h"
#include "nilus/data/take.h"

namespace nilus {

int64_t ByteSize(const ChangeBatch& batch);
int64_t RowCount(const ChangeChunk& chunk);

// A change that is kept, and as what: the whole change, the removal of its old row (a delete of what is known of it),
// or the arrival of its new row under a key that was not there (a create, without the old row).
enum class KeepAs : uint8_t { kNothing, kWhole, kRemoval, kArrival };

// One entry a change. kRemoval only of changes that have an old row.
ChangeBatch KeepChanges(const ChangeBatch& batch, const std::vector<KeepAs>& keep);

// Rows in the shape of `batch.rows`, taken from them (0) and from its old rows (1), which may lack columns.
RecordBatch PickRows(const ChangeBatch& batch, const std::vector<RowPick>& picks);

// By change: the row of old_rows that belongs to it; -1: none.
std::vector<int32_t> OldRowOf(const ChangeBatch& batch);

// Takes the changes at or before `until` out of a chunk; those behind it stay. `until` is the end of a transaction.
ChangeChunk TakeUntil(const LogPosition& until, ChangeChunk* chunk);

}  // namespace nilus
