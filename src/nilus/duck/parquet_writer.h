// Batches into Parquet files of a bounded number of rows.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/duck/connection.h"

namespace nilus::duck {

enum class ParquetCompression { kNone, kSnappy, kZstd };

using ParquetFieldIds = std::map<std::string, int32_t, std::less<>>;  // by column name
using ParquetKeyValues = std::function<std::map<std::string, std::string>(const Schema& columns)>;

struct ParquetOptions {
  std::string directory;         // exists
  std::string prefix = "part-";  // files are <prefix><number>.parquet from 1 on, in order of their first rows
  ParquetCompression compression = ParquetCompression::kZstd;
  int zstd_level = 1;
  int64_t file_rows = 0;            // rows a file holds at most; 0: no limit
  int64_t row_group_rows = 65'536;  // a row group ends at about this many rows …
  int64_t row_group_bytes =
      32 << 20;  // … or this many uncompressed bytes: about half of what a file being written holds in memory
  int64_t queue_bytes = 4 << 20;      // batches waiting for each file being written
  int parallel_files = 2;             // files being written at the same time; fewer when the database has little memory
  int64_t file_bytes = 0;             // a file ends at about this many bytes of its batches in memory, too; 0: no limit
  ParquetFieldIds field_ids;          // that the file's schema gives to columns; the others have none
  std::vector<std::string> order_by;  // rows of each file are sorted by these columns, NULLs first; needs file_rows
  bool count_nans = false;            // WrittenFile::nan_counts is wanted
  ParquetKeyValues key_values;        // key-value metadata of a file with these columns; absent: none
  std::stop_token stop;
};

struct WrittenFile {
  std::string path;
  int64_t rows = 0;
  int64_t bytes = 0;                                       // size of the file
  std::map<std::string, int64_t, std::less<>> nan_counts;  // by column: those of floats, 0 too
};

// fsyncs the file and sets its `bytes`. Thread-safe.
Status MakeDurable(WrittenFile* file);

// Write, Finish and destruction on one thread; the work is done on others. Rows keep their arrival order, within a file
// (but for order_by) and from file to file, but for file_rows = 0, where one file is written by several threads. A
// batch whose schema is not covered by the current file's starts a new file. Files are complete and fsynced when Finish
// has returned them (their folder is not); a writer destroyed before that removes its files. No rows: no files. Memory
// does not depend on the number of rows, but on the largest: one that does not fit raises the database's limit and has
// a file of its own.
class ParquetWriter {
 public:
  // The database (usually one in memory) gives the memory; its preserve_insertion_order is off. With file_rows it is
  // set to one thread, unless rows are being streamed into it (Connection::UseThreads): each file has its own, and a
  // second one would only wait.
  static Result<std::unique_ptr<ParquetWriter>> Open(std::shared_ptr<Database> database, ParquetOptions options);
  ~ParquetWriter();

  Status Write(RecordBatch batch);
  // For files that begin from now on: columns were added.
  void SetColumns(ParquetFieldIds field_ids, ParquetKeyValues key_values);
  // Files that are complete by now, given away: Finish will not return them, nor destruction remove them. They are not
  // durable, and their `bytes` not known, before MakeDurable.
  std::vector<WrittenFile> TakeWritten();
  // A file of its own that has the schema and no rows.
  Status WriteEmpty(const SchemaPtr& schema);
  Result<std::vector<WrittenFile>> Finish();

 private:
  struct State;
  explicit ParquetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nilus::duck
