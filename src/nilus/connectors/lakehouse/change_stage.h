// The folded changes of a load (connector/change_fold.h) until the table can be asked about their keys. A row that is
// known whole, of a key that no earlier part of the load has, is the caller's to write into a data file at once: only
// its key stays here. All others are held: rows that go, rows that miss values, and whatever becomes of a key later.
// A held row supersedes the one that was written of its key.
//
// All of it is in temporary tables of DuckDB, whose memory bounds them, and spills.
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
#include "nilus/duck/batch_stream.h"

namespace nilus::lakehouse {

// Columns of ChangeStage::held() beside the table's.
inline constexpr const char* kKeptColumn = "_nilus_kept";        // boolean; false: the row with this key goes
inline constexpr const char* kMissingColumn = "_nilus_missing";  // names of columns whose values are missing; or NULL
// A key column's value under which the row with the missing values is found, among those that were written or else in
// the table; NULL: nothing is missing.
std::string OriginColumn(size_t key);
// a."k1" = b."_nilus_origin_0" AND …
std::string OriginEquals(const std::vector<std::string>& keys, std::string_view a, std::string_view b);

// One thread at a time.
class ChangeStage {
 public:
  static Result<std::unique_ptr<ChangeStage>> Make(const Session& session, const WriteRequest& request);

  // The next part of a fold; `rows` are part.rows without the fold's own columns, in the types of the table. Returns
  // those that are to be written: none unless `may_write`. Where the part truncates, rows that were written before it
  // are gone. kData (unless the table may lack rows): a value is not known, and an earlier part has removed its row;
  // that a truncate has, shows when the row is looked for.
  Result<RecordBatch> Add(const FoldedChanges& part, const RecordBatch& rows, bool may_write);

  bool truncates() const { return truncates_; }  // the table's rows go first
  bool has_written() const { return has_written_; }
  bool has_held() const { return has_held_; }
  bool empty() const { return !has_written_ && !has_held_; }  // no keys
  bool supersedes() const { return supersedes_; }             // some held rows supersede written ones
  bool may_miss() const { return !missing_.empty(); }         // some held row may have kMissingColumn
  const std::set<std::string, std::less<>>& missing() const { return missing_; }  // columns that may be missing
  // may_lack_rows: columns of which values are NULL, since an earlier change has removed their row.
  const std::set<std::string>& unknown_columns() const { return unknown_columns_; }
  bool Holds(std::string_view column) const { return columns_.contains(column); }  // held() has it

  // For connection(), "SELECT …". One row a key each.
  std::string held() const;              // the held rows; has_held()
  std::string held_keys() const;         // their key columns and kKeptColumn; has_held()
  std::string superseding_keys() const;  // the same of those that supersede written rows; supersedes()
  std::string keys() const;              // the same of all rows; not empty()
  // A condition on a held row `h`: what it misses is not among the rows that were written.
  std::string IsFromTable() const;
  duck::Connection& connection() { return connection_; }

 private:
  ChangeStage(duck::Connection connection, const WriteRequest& request)
      : connection_(std::move(connection)), request_(request) {}
  Status Truncate();
  Status MarkKnownKeys(const RecordBatch& rows, std::vector<bool>* is_held);
  Status NoteWritten(const RecordBatch& rows);
  Status Hold(const FoldedChanges& part, const RecordBatch& rows);
  std::string SelectHeld(const FoldedChanges& part, const Schema& rows, const std::string& relation) const;
  Status MergeHeld(const FoldedChanges& part, const Schema& rows);
  Status CheckEarlier(const std::string& join);
  Status TakeFromEarlier(const FoldedChanges& part, const Schema& rows);
  Status Stream(const RecordBatch& rows, const duck::BatchStream::StatementFor& statement_for);

  duck::Connection connection_;
  const WriteRequest request_;
  std::set<std::string, std::less<>> columns_;
  std::set<std::string, std::less<>> missing_;
  std::set<std::string> unknown_columns_;
  bool truncates_ = false;
  bool has_written_ = false;
  bool has_held_ = false;
  bool supersedes_ = false;
  int64_t rows_ = 0;  // of all parts
};

}  // namespace nilus::lakehouse
