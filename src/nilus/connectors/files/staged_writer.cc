#include "nilus/connectors/files/staged_writer.h"

#include <algorithm>
#include <map>

#include "nilus/base/encoding.h"
#include "nilus/base/fault.h"
#include "nilus/base/text.h"
#include "nilus/connectors/files/posix.h"
#include "nilus/connectors/files/table_schema.h"
#include "nilus/data/null_column.h"

namespace nilus::files {
namespace {

Status CheckColumnNames(const Schema& schema) {
  for (const Field& field : schema.fields) {
    if (!field.name.empty() && field.name.find('\0') == std::string::npos && IsValidUtf8(field.name)) continue;
    return FailWithFix(ErrorKind::kInvalidInput, "rename or exclude it",
                       "a column's name is empty, has a NUL byte or is not UTF-8: '{}'", PercentEncode(field.name));
  }
  return {};
}

// DuckDB, which writes the files, and most who read them take such names for one.
Status CheckNamesDifferByMoreThanCase(const Schema& schema) {
  std::map<std::string, std::string> names;  // as written, by their lower case
  for (const Field& field : schema.fields) {
    const auto [known, is_new] = names.emplace(LowerCase(field.name), field.name);
    if (is_new) continue;
    return FailWithFix(ErrorKind::kInvalidInput, "rename one of them at the source, or exclude it",
                       "the columns `{}` and `{}` differ in case only, which Parquet's readers do not tell apart",
                       known->second, field.name);
  }
  return {};
}

// Parquet and text writers have the same shape; this is the one place that tells them apart.
class FileWriter {
 public:
  virtual ~FileWriter() = default;
  virtual Status Write(RecordBatch batch) = 0;
  virtual Status WriteEmpty(const SchemaPtr& schema) = 0;
  virtual Result<std::vector<duck::WrittenFile>> Finish() = 0;
};

class ParquetFiles final : public FileWriter {
 public:
  ParquetFiles(std::shared_ptr<DatabaseAhead> database, duck::ParquetOptions options)
      : database_(std::move(database)), options_(std::move(options)) {}
  Status Write(RecordBatch batch) override {
    NILUS_TRY(Open(batch.schema()));
    return writer_->Write(std::move(batch));
  }
  Status WriteEmpty(const SchemaPtr& schema) override {
    NILUS_TRY(Open(schema));
    return writer_->WriteEmpty(schema);
  }
  Result<std::vector<duck::WrittenFile>> Finish() override {
    if (writer_ == nullptr) return std::vector<duck::WrittenFile>();
    return writer_->Finish();
  }

 private:
  Status Open(const SchemaPtr& schema) {
    if (schema != checked_) NILUS_TRY(CheckNamesDifferByMoreThanCase(*schema));
    checked_ = schema;
    if (writer_ != nullptr) return {};
    NILUS_ASSIGN(std::shared_ptr<duck::Database> database, database_->Get());
    NILUS_ASSIGN(writer_, duck::ParquetWriter::Open(std::move(database), options_));
    return {};
  }

  const std::shared_ptr<DatabaseAhead> database_;
  const duck::ParquetOptions options_;
  std::unique_ptr<duck::ParquetWriter> writer_;
  SchemaPtr checked_;
};

class TextFiles final : public FileWriter {
 public:
  explicit TextFiles(TextWriterOptions options) : writer_(std::move(options)) {}
  Status Write(RecordBatch batch) override { return writer_.Write(batch); }
  Status WriteEmpty(const SchemaPtr& schema) override { return writer_.WriteEmpty(schema); }
  Result<std::vector<duck::WrittenFile>> Finish() override { return writer_.Finish(); }

 private:
  TextWriter writer_;
};

class StagedWriter final : public Writer {
 public:
  StagedWriter(std::unique_ptr<FileWriter> files, std::shared_ptr<StagedTable> staged, std::stop_token stop)
      : files_(std::move(files)), staged_(std::move(staged)), stop_(std::move(stop)) {}

  Status Write(RecordBatch batch) override {
    if (stop_.stop_requested())
      return Fail(ErrorKind::kCancelled, "stopped while writing {}", staged_->table.ToString());
    NILUS_FAULT_POINT("files.sink.before_write");
    if (batch.schema() != last_schema_) {
      NILUS_TRY(CheckColumnNames(*batch.schema()));
      last_schema_ = batch.schema();
      AddFields(*last_schema_, &staged_->schema);
      columns_ = std::make_shared<Schema>(staged_->schema);
    }
    if (batch.num_rows() == 0) return {};
    rows_ += batch.num_rows();
    return files_->Write(WithColumnsOf(columns_, batch));
  }

  Result<Receipt> Finish() override {
    NILUS_FAULT_POINT("files.sink.before_finish");
    // A table without rows is a table all the same: a file that has its columns.
    if (rows_ == 0 && !AddsNothing(*staged_)) NILUS_TRY(files_->WriteEmpty(std::make_shared<Schema>(staged_->schema)));
    NILUS_ASSIGN(std::vector<duck::WrittenFile> written, files_->Finish());
    for (const duck::WrittenFile& file : written) {
      staged_->files.emplace_back(NameOf(file.path));
      staged_->bytes += file.bytes;
    }
    NILUS_FAULT_POINT("files.sink.before_staging_sync");
    NILUS_TRY(SyncDirectory(staged_->folder));
    staged_->rows = rows_;
    staged_->finished = true;
    NILUS_FAULT_POINT("files.sink.after_finish");
    return Receipt{.table = staged_->table,
                   .rows = rows_,
                   .files = static_cast<int64_t>(staged_->files.size()),
                   .bytes = staged_->bytes};
  }

 private:
  std::unique_ptr<FileWriter> files_;
  std::shared_ptr<StagedTable> staged_;
  std::stop_token stop_;
  SchemaPtr last_schema_;
  SchemaPtr columns_;  // of all batches so far and, of an append, of the table
  int64_t rows_ = 0;
};

}  // namespace

bool AddsNothing(const StagedTable& staged) {
  return staged.rows == 0 && staged.found_data && staged.found &&
         std::all_of(staged.schema.fields.begin(), staged.schema.fields.end(),
                     [&](const Field& field) { return staged.found->Find(field.name).has_value(); });
}

Result<WriteFormat> ReadWriteFormat(const FormatOptions& options, const std::string& compression,
                                    const std::string& loader_format) {
  WriteFormat write;
  write.format = options.format.value_or(FileFormat::kParquet);
  if (loader_format == "csv") {
    write.format = FileFormat::kCsv;
  } else if (loader_format == "jsonl") {
    write.format = FileFormat::kJsonLines;
  } else if (loader_format == "parquet") {
    write.format = FileFormat::kParquet;
  } else if (!loader_format.empty()) {
    return FailWithFix(ErrorKind::kUnsupported, "write parquet, csv or jsonl", "files cannot be written as {}",
                       loader_format);
  }
  if (write.format == FileFormat::kJson || options.tab_separated) {
    return FailWithFix(ErrorKind::kUnsupported, "write parquet, csv or jsonl", "{} files can only be read",
                       options.tab_separated ? "tsv" : "json");
  }
  bool is_text = write.format != FileFormat::kParquet;
  if (compression == "snappy" && is_text) {
    return FailWithFix(ErrorKind::kUnsupported, "write zstd, gzip or none", "{} files cannot be compressed with snappy",
                       FormatName(write.format));
  }
  if (compression == "gzip" && !is_text) {
    return FailWithFix(ErrorKind::kUnsupported, "write zstd, snappy or none",
                       "Parquet files are not written with gzip");
  }
  if (compression == "snappy") write.parquet = duck::ParquetCompression::kSnappy;
  if (compression == "none") write.parquet = duck::ParquetCompression::kNone;
  if (compression == "gzip") write.text = Compression::kGzip;
  if (compression == "zstd") write.text = Compression::kZstd;
  return write;
}

Result<std::unique_ptr<Writer>> OpenStagedWriter(const WriteRequest& request, const WriteFormat& format,
                                                 std::string prefix, std::shared_ptr<DatabaseAhead> database,
                                                 std::shared_ptr<StagedTable> staged) {
  NILUS_FAULT_POINT("files.sink.open_writer");
  NILUS_TRY(CheckColumnNames(*request.schema));
  std::unique_ptr<FileWriter> files;
  if (format.format == FileFormat::kParquet) {
    duck::ParquetOptions options;
    options.directory = staged->folder;
    options.prefix = std::move(prefix);
    options.compression = format.parquet;
    options.file_rows = request.file_rows;
    options.queue_bytes = std::min<int64_t>(request.memory_bytes / 4, options.queue_bytes);
    options.parallel_files = std::max(request.threads, 1);
    options.stop = request.stop;
    files = std::make_unique<ParquetFiles>(std::move(database), std::move(options));
  } else {
    files = std::make_unique<TextFiles>(TextWriterOptions{.directory = staged->folder,
                                                          .prefix = std::move(prefix),
                                                          .format = format.format,
                                                          .compression = format.text,
                                                          .file_rows = request.file_rows});
  }
  return std::make_unique<StagedWriter>(std::move(files), std::move(staged), request.stop);
}

}  // namespace nilus::files
