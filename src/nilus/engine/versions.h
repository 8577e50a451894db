// What scd2 asks of a load beyond what the sink does: see docs/decisions/0018-versions-have-children.md.
#pragma once

#include "nilus/data/schema.h"
#include "nilus/engine/job.h"

namespace nilus {

// Of two rows of one key in a load only one becomes a version, and each brings child rows: rows must not share the id
// that a key gives, and are numbered.
bool NumbersVersions(const BatchJob& job, bool key_is_unique);

// Columns of the table that is there and of which this load has no values, so that a value which is gone is seen as a
// change: variant columns of the load's own; where the source's columns are inferred from its values, all.
void AddAbsentColumns(const BatchJob& job, const Schema& there, bool is_inferred, Schema* schema);

}  // namespace nilus
