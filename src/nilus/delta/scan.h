// Data files of a snapshot as one relation of DuckDB's SQL: columns found by name or field id, partition values from
// the log, deleted rows left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/delta/snapshot.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/row_filter.h"
#include "nilus/storage/local_copies.h"
#include "nilus/storage/object_store.h"

namespace nilus::delta {

// Keeps deleted rows, and local copies of files of a remote store, until destroyed: its statements end before. One
// thread at a time.
class ScanRelation {
 public:
  struct Request {
    storage::ObjectStore* store = nullptr;  // outlives the relation
    std::string folder;                     // of the table in the store
    const Snapshot* snapshot = nullptr;
    std::span<const DataFile> files;  // of the snapshot, not none
    nilus::Schema columns;            // some of ToNilusSchema's, in the order wanted
    std::stop_token stop;
  };
  // A file that is gone is kTransient: the table was vacuumed since the snapshot was read.
  static Result<ScanRelation> Open(duck::Connection& connection, const Request& request);

  // "SELECT …": one row for each live row.
  const std::string& sql() const { return sql_; }

  ScanRelation(ScanRelation&& other) noexcept = default;
  ScanRelation& operator=(ScanRelation&& other) noexcept = default;
  ~ScanRelation() = default;

 private:
  explicit ScanRelation(storage::ObjectStore& store) : copies_(store) {}

  storage::LocalCopies copies_;
  std::vector<duck::RowFilter> live_;
  std::string sql_;
};

// The SQL of a column's value: `source` is the column of the data file, of the type that DuckDB finds there. Structs
// get their fields' names back under column mapping; nested values become JSON.
std::string ValueExpression(const DeltaField& field, const Type& wanted, const Type& found, const std::string& source,
                            ColumnMapping mapping);
// The SQL of a partition value.
std::string PartitionExpression(const std::optional<std::string>& text, const Type& wanted);

}  // namespace nilus::delta
