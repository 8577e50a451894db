// The folded changes of a load (connector/change_fold.h) in temporary tables of DuckDB, until the table can be asked
// about their keys. DuckDB's memory bounds them, and spills.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/connector/change_fold.h"
#include "nilus/connectors/lakehouse/session.h"
#include "nilus/data/record_batch.h"

namespace nilus::lakehouse {

// Columns of ChangeStage::relation() beside the table's.
inline constexpr const char* kKeptColumn = "_nilus_kept";        // boolean; false: the row with this key goes
inline constexpr const char* kMissingColumn = "_nilus_missing";  // names of columns that the table has to give; or NULL
std::string OriginColumn(
    size_t key);  // a key column's value under which the table has that row; NULL: nothing is missing

// One thread at a time.
class ChangeStage {
 public:
  static Result<std::unique_ptr<ChangeStage>> Make(const Session& session, const WriteRequest& request);

  // The next part of a fold; `rows` are part.rows without the fold's own columns, in the types of the table.
  // kData: a value is not known, and an earlier part has removed its row.
  Status Add(const FoldedChanges& part, const RecordBatch& rows);

  bool truncates() const { return truncates_; }                                   // the table's rows go first
  bool empty() const { return parts_ == 0; }                                      // no keys
  bool may_miss() const { return !missing_.empty(); }                             // some row may have kMissingColumn
  const std::set<std::string, std::less<>>& missing() const { return missing_; }  // columns that may be missing
  bool Has(std::string_view column) const { return columns_.contains(column); }
  // A "SELECT …" for connection(): one row a key.
  const std::string& relation() const { return relation_; }
  duck::Connection& connection() { return connection_; }

 private:
  ChangeStage(duck::Connection connection, const WriteRequest& request)
      : connection_(std::move(connection)), request_(request) {}
  Status Insert(const FoldedChanges& part, const RecordBatch& rows);
  std::string SelectPart(const FoldedChanges& part, const Schema& rows) const;
  Status Merge(const FoldedChanges& part, const Schema& rows);
  Status TakeFromEarlier(const FoldedChanges& part, const Schema& rows);

  duck::Connection connection_;
  const WriteRequest request_;
  std::set<std::string, std::less<>> columns_;
  std::set<std::string, std::less<>> missing_;
  std::string relation_;
  bool truncates_ = false;
  int64_t rows_ = 0;
  int parts_ = 0;
};

}  // namespace nilus::lakehouse
