// Rows of a load that wait on the local disk until the table can be asked about their keys: whole rows, or keys only.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/private_folder.h"
#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/duck/parquet_writer.h"

namespace nilus::lakehouse {

// The columns of these names. kData: there is none of a name.
Result<RecordBatch> SelectColumns(const RecordBatch& batch, const std::vector<std::string>& names);
// The batch with _nilus_seq behind its columns: first, first + 1, …
RecordBatch WithSequence(const RecordBatch& batch, int64_t first);

// One thread at a time. The files are private to this process and gone with the object. Memory is DuckDB's.
class StagedRows {
 public:
  // `columns` empty: all columns of each batch, else those. `with_sequence`: _nilus_seq (0, 1, 2, … in order of
  // arrival) stands behind them.
  static Result<std::unique_ptr<StagedRows>> Make(std::shared_ptr<duck::Database> database,
                                                  std::vector<std::string> columns, bool with_sequence,
                                                  std::stop_token stop);
  Status Write(const RecordBatch& batch);
  Status Finish();

  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }
  // Some batch had this column.
  bool Has(std::string_view column) const { return seen_.contains(column); }
  // After Finish, any number of times: "read_parquet([…], …)". No rows: empty.
  const std::string& relation() const { return relation_; }

 private:
  StagedRows() = default;

  PrivateFolder folder_;  // goes last
  std::vector<std::string> columns_;
  bool with_sequence_ = false;
  std::set<std::string, std::less<>> seen_;
  SchemaPtr last_schema_;
  std::unique_ptr<duck::ParquetWriter> writer_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  std::string relation_;
};

}  // namespace nilus::lakehouse
