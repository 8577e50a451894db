// Rows of one key beside each other, as versions (scd2: docs/decisions/0018-versions-have-children.md) or as they came
// (append).
#pragma once

#include <string>
#include <vector>

#include "nilus/data/schema.h"
#include "nilus/engine/job.h"

namespace nilus {

// Two rows of one key in a load each bring child rows: they must not share the id that a key gives, and are numbered.
bool NumbersVersions(const BatchJob& job, bool key_is_unique);

// Rows of one key have another id in each load.
bool NamesVersionsByLoad(const BatchJob& job);

// The source's columns are those that its values have: one that is missing is NULL.
bool IsInferred(const Schema& source);

// Columns of the table that is there and of which this load has no values, so that a value which is gone is seen as a
// change: `brought`, and the variant columns of those and of the load's own.
void AddAbsentColumns(const BatchJob& job, const Schema& there, const std::vector<std::string>& brought,
                      Schema* schema);

// What a load of this schema brings, for Checkpoint::columns: all but Nilus's own columns.
std::vector<std::string> ColumnsBrought(const Schema& loaded);

}  // namespace nilus
