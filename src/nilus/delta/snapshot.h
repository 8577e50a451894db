// One version of a Delta table: its columns and the data files that make it up, by replaying the log.
// Source of the format: Delta Lake's PROTOCOL.md, "Action Reconciliation", "Checkpoints", "Reader Requirements".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/base/result.h"
#include "nilus/delta/action.h"
#include "nilus/delta/table_schema.h"
#include "nilus/duck/connection.h"
#include "nilus/storage/object_store.h"

namespace nilus::delta {

// Neither: the latest version. A time: the last version committed up to it (in-commit timestamps where the table has
// them, else when the commit's file was written).
struct VersionWish {
  std::optional<int64_t> version;
  std::optional<WallTime> time;
};

struct DataFile {
  std::string key;  // in the store
  int64_t size = 0;
  std::optional<int64_t> rows;                                         // deleted ones included
  std::map<std::string, std::optional<std::string>> partition_values;  // by physical name, as text; nothing: NULL
  std::optional<DeletionVector> deletion_vector;
};

struct Snapshot {
  int64_t version = 0;
  DeltaSchema schema;
  std::vector<DataFile> files;  // sorted by key
};

// `folder`: the table's key in the store, "" for its root. Checkpoints are read by DuckDB: downloaded first where the
// store is a remote one. Memory grows with the number of data files, not with the length of the log.
//   kNotFound     there is no Delta table, or it has no such version any more
//   kUnsupported  the table needs a reader feature that is not known here: the message names it
//   kData         the log has a gap or is damaged: the message names the file
Result<Snapshot> ReadSnapshot(storage::ObjectStore& store, const std::string& folder, const VersionWish& wish,
                              duck::Connection& connection, std::stop_token stop);

}  // namespace nilus::delta
