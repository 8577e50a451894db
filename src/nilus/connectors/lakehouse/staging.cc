#include "nilus/connectors/lakehouse/staging.h"

#include <utility>

#include "nilus/connector/sql_strategy.h"
#include "nilus/data/builder.h"
#include "nilus/duck/quote.h"

namespace nilus::lakehouse {
Result<RecordBatch> SelectColumns(const RecordBatch& batch, const std::vector<std::string>& names) {
  auto schema = std::make_shared<Schema>();
  std::vector<int> indexes;
  for (const std::string& name : names) {
    std::optional<int> at = batch.schema()->Find(name);
    if (!at) return Fail(ErrorKind::kData, "rows came without the key column `{}`", name);
    indexes.push_back(*at);
    schema->fields.push_back(batch.schema()->fields[static_cast<size_t>(*at)]);
  }
  return batch.Select(std::move(schema), indexes);
}

RecordBatch WithSequence(const RecordBatch& batch, int64_t first) {
  auto schema = std::make_shared<Schema>(*batch.schema());
  schema->fields.push_back(Field{.name = std::string(kSequenceColumn), .type = MakeType(TypeId::kInt64)});
  ColumnBuilder numbers(MakeType(TypeId::kInt64));
  for (int64_t row = 0; row < batch.num_rows(); ++row) numbers.Append<int64_t>(first + row);
  std::vector<Column> columns = batch.columns();
  columns.push_back(numbers.Finish());
  return RecordBatch(std::move(schema), std::move(columns), batch.num_rows());
}

Result<std::unique_ptr<StagedRows>> StagedRows::Make(std::shared_ptr<duck::Database> database,
                                                     std::vector<std::string> columns, bool with_sequence,
                                                     std::stop_token stop) {
  std::unique_ptr<StagedRows> staged(new StagedRows);
  NILUS_ASSIGN(staged->folder_, MakeTemporaryFolder("nilus-staged-"));
  staged->columns_ = std::move(columns);
  staged->with_sequence_ = with_sequence;
  constexpr int64_t kFileRows = 1'000'000;
  duck::ParquetOptions options;
  options.directory = staged->folder_.path();
  options.compression = duck::ParquetCompression::kSnappy;
  options.file_rows = kFileRows;
  options.stop = std::move(stop);
  NILUS_ASSIGN(staged->writer_, duck::ParquetWriter::Open(std::move(database), std::move(options)));
  return staged;
}

Status StagedRows::Write(const RecordBatch& batch) {
  RecordBatch rows = batch;
  if (!columns_.empty()) {
    NILUS_ASSIGN(rows, SelectColumns(batch, columns_));
  }
  if (batch.schema() != last_schema_) {
    last_schema_ = batch.schema();
    for (const Field& field : last_schema_->fields) seen_.insert(field.name);
  }
  if (with_sequence_) rows = WithSequence(rows, rows_);
  rows_ += rows.num_rows();
  return writer_->Write(std::move(rows));
}

Status StagedRows::Finish() {
  NILUS_ASSIGN(std::vector<duck::WrittenFile> files, writer_->Finish());
  writer_.reset();
  std::vector<std::string> paths;
  for (const duck::WrittenFile& file : files) {
    paths.push_back(duck::QuotePath(file.path));
    bytes_ += file.bytes;
  }
  if (!paths.empty()) relation_ = fmt::format("read_parquet([{}], union_by_name = true)", fmt::join(paths, ", "));
  return {};
}

}  // namespace nilus::lakehouse
