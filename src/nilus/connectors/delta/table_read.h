// One planned read of a Delta table: columns, files and how they are shared among readers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/delta/snapshot.h"
#include "nilus/duck/query_reader.h"
#include "nilus/storage/object_store.h"

namespace nilus::delta_source {

// "schema.table" or "folder/table" as the key of the table's folder in the store; quotes around a part that holds a
// dot. One part alone lies in `collection`. "." is the store's root itself. kInvalidInput shows how to write it.
Result<std::string> FolderOf(std::string_view table, std::string_view collection);

// Immutable once planned; read from several threads.
struct TableRead {
  std::shared_ptr<storage::ObjectStore> store;
  std::string folder;
  delta::Snapshot snapshot;
  Schema columns;  // of the table, without excluded ones, as the table has them
  Schema schema;   // what the rows come as, by the reflection level
  std::optional<KeyRange> range;
  std::optional<Field> key;  // of the range, as the table has it
  std::optional<int64_t> limit;
  duck::QueryReaderOptions options;
  struct Part {
    size_t first = 0;  // of snapshot.files
    size_t count = 0;
  };
  std::vector<Part> splits;
};

// kInvalidInput: a column that is excluded, or the range's, does not exist.
Result<std::shared_ptr<const TableRead>> PlanTableRead(std::shared_ptr<storage::ObjectStore> store, std::string folder,
                                                       delta::Snapshot snapshot, const ReadRequest& request);

// The highest key in the files; nothing: no rows have one. Files of a remote store are downloaded for it, a split at a
// time.
Result<std::optional<Scalar>> HighestKey(const TableRead& read, duck::Connection& connection,
                                         const std::stop_token& stop);

// Rows of one split.
Result<std::unique_ptr<Reader>> OpenTableReader(std::shared_ptr<const TableRead> read, size_t split,
                                                std::shared_ptr<duck::Database> database, std::stop_token stop);

}  // namespace nilus::delta_source
