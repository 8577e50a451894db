// A batch as a table that SQL can select from: INSERT INTO t SELECT * FROM it reads values straight out of the columns,
// without binding them one by one, and without SQLite's limit on the number of variables.
// (An eponymous virtual table, sqlite.org/vtab.html.)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nilus/connectors/sqlite/database.h"
#include "nilus/data/record_batch.h"

namespace nilus::sqlite {

class BatchRows {
 public:
  // Makes table `name` known on the connection: first a running number when `with_sequence`, then `columns` columns.
  // The object outlives every statement that reads it, and the connection outlives the object.
  static Result<std::unique_ptr<BatchRows>> Register(Database& db, const std::string& name, int columns,
                                                     bool with_sequence);

  ~BatchRows() { sqlite3_create_module_v2(db_, name_.c_str(), nullptr, nullptr, nullptr); }
  BatchRows(const BatchRows&) = delete;
  BatchRows& operator=(const BatchRows&) = delete;

  // What the table holds from now on: column i is batch column `indexes[i]`, NULL when that is -1. The batch stays in
  // place until the statement is done. Numbers start at `first`.
  void Set(const RecordBatch* batch, std::vector<int> indexes, int64_t first);

  int total_columns() const { return columns_ + (with_sequence_ ? 1 : 0); }
  int64_t num_rows() const { return batch_ == nullptr ? 0 : batch_->num_rows(); }
  // The value at (row, column) becomes the result.
  void Emit(sqlite3_context* context, int64_t row, int column);

 private:
  BatchRows(sqlite3* db, std::string name, int columns, bool with_sequence)
      : db_(db), name_(std::move(name)), columns_(columns), with_sequence_(with_sequence) {}

  sqlite3* db_;
  std::string name_;
  int columns_;
  bool with_sequence_;
  const RecordBatch* batch_ = nullptr;
  std::vector<const Column*> sources_;
  int64_t first_ = 0;
  std::string scratch_;
};

}  // namespace nilus::sqlite
