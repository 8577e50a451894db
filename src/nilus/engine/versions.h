// Rows of one key beside each other, as versions (scd2: docs/decisions/0018-versions-have-children.md) or as they came
// (append).
#pragma once

#include "nilus/data/schema.h"
#include "nilus/engine/job.h"

namespace nilus {

// Two rows of one key in a load each bring child rows: they must not share the id that a key gives, and are numbered.
bool NumbersVersions(const BatchJob& job, bool key_is_unique);

// Rows of one key have another id in each load.
bool NamesVersionsByLoad(const BatchJob& job);

// Columns of the table that is there and of which this load has no values, so that a value which is gone is seen as a
// change: variant columns of the load's own; where the source's columns are inferred from its values, all.
void AddAbsentColumns(const BatchJob& job, const Schema& there, bool is_inferred, Schema* schema);

}  // namespace nilus
