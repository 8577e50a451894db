// What a table is to look like for a load: its columns with their field ids, partitions and order. Pure.
#pragma once

#include <string>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/lake/partition.h"
#include "nilus/lake/table_metadata.h"

namespace nilus::lakehouse {

struct Target {
  lake::IcebergSchema schema;
  lake::PartitionSpec spec;  // its id is -1 (or another one's) until a transaction gives it one
  lake::SortOrder order;
  // Columns that data files are sorted by; empty: by none.
  std::vector<std::string> sort_by;
};

// The load makes the table's rows anew: replace, or full_refresh.
bool MakesAnew(const WriteRequest& request);

// Rows are told apart by their primary key.
bool IsKeyed(const WriteRequest& request);

// A child table whose rows go with the rows that the load replaces or removes in its root table.
bool FollowsRoot(const WriteRequest& request);

// A child table under scd2: of the load's rows those come in that belong to new versions in its root table.
bool FollowsVersions(const WriteRequest& request);

// Columns that the strategy adds to the load's own (scd2).
std::vector<Field> OwnColumns(const WriteRequest& request);

// `columns` are the load's so far, without the strategy's own. `existing` null: there is no table yet. A table made
// anew keeps the ids of columns whose type stays. kInvalidInput, kUnsupported and kNotFound name the column and the way
// out.
Result<Target> PlanTarget(const lake::TableMetadata* existing, const WriteRequest& request, const Schema& columns);

// The request's names and keys are usable and there; kInvalidInput says which is not.
Status CheckRequest(const WriteRequest& request);
// No two columns that differ in case only, no name of ours, valid UTF-8.
Status CheckColumns(const WriteRequest& request, const Schema& columns);

// Rows written by `written` can be committed under `current`: each load column has the same id and a type that the
// written one may be read as, json or text as before, and takes NULLs where the written one did. False after another
// writer changed the schema in between.
bool FitsFiles(const lake::IcebergSchema& written, const lake::IcebergSchema& current);

}  // namespace nilus::lakehouse
