// Batches into CSV or JSON lines files of a bounded number of rows, written as README.md ("What is written") says, so
// that our own source reads the same values back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/files/format.h"
#include "nilus/data/record_batch.h"
#include "nilus/duck/parquet_writer.h"

namespace nilus::files {

struct TextWriterOptions {
  std::string directory;  // exists
  std::string prefix;     // files are named <prefix><number><ending>
  FileFormat format = FileFormat::kCsv;
  Compression compression = Compression::kNone;
  int64_t file_rows = 0;  // rows a file holds at most; 0: no bound
};

// One thread at a time. The contract of duck::ParquetWriter, which writes the third format.
class TextWriter {
 public:
  explicit TextWriter(TextWriterOptions options);
  ~TextWriter();  // without Finish: removes what it wrote

  Status Write(const RecordBatch& batch);
  // A file without rows: the header alone, or nothing at all.
  Status WriteEmpty(const SchemaPtr& schema);
  // Files are durable when it returns.
  Result<std::vector<duck::WrittenFile>> Finish();

 private:
  class File;

  Status StartFile(const SchemaPtr& schema);
  Status CloseFile();

  TextWriterOptions options_;
  std::unique_ptr<File> file_;
  SchemaPtr schema_;  // of file_
  std::vector<duck::WrittenFile> written_;
  std::vector<std::string> paths_;
  bool finished_ = false;
};

// One row each, for tests and the writer itself. `indexes`: for each field of the file its column in the batch, -1:
// NULL.
void AppendCsvHeader(const Schema& schema, std::string* out);
void AppendCsvRow(const RecordBatch& batch, const std::vector<int>& indexes, int64_t row, std::string* out);
void AppendJsonRow(const RecordBatch& batch, const Schema& schema, const std::vector<int>& indexes, int64_t row,
                   std::string* out);

}  // namespace nilus::files
