#include "nilus/connectors/files/csv_table.h"

#include <unordered_map>

#include "nilus/connectors/files/column_inference.h"
#include "nilus/data/builder.h"

namespace nilus::files {
namespace {

Failure Cancelled() { return Fail(ErrorKind::kCancelled, "stopped"); }

Result<std::unique_ptr<RowTokenizer>> OpenTokenizer(const InputFile& file, size_t largest_row) {
  NILUS_ASSIGN(std::unique_ptr<ByteStream> bytes, OpenBytes(file));
  return MakeCsvTokenizer(std::move(bytes), file.csv, file.path, largest_row);
}

// All columns of the CSV files so far and what their values can be.
class CsvInference {
 public:
  Status ReadFile(const InputFile& file, size_t largest_row, const std::stop_token& stop) {
    NILUS_ASSIGN(std::unique_ptr<RowTokenizer> tokenizer, OpenTokenizer(file, largest_row));
    RowBlock block;
    std::vector<size_t> column_of;  // the tokenizer's columns → ours
    while (true) {
      if (stop.stop_requested()) return Cancelled();
      NILUS_TRY(tokenizer->Next(&block));
      for (size_t i = column_of.size(); i < tokenizer->columns().size(); ++i) {
        auto [found, is_new] = index_.try_emplace(tokenizer->columns()[i], names_.size());
        if (is_new) {
          names_.push_back(tokenizer->columns()[i]);
          columns_.emplace_back();
        }
        column_of.push_back(found->second);
      }
      if (names_.size() > kMostColumns) {
        return Fail(ErrorKind::kData, "{} and the files before it have more than {} columns together", file.path,
                    kMostColumns);
      }
      if (block.num_rows() == 0) return {};
      rows_ += static_cast<int64_t>(block.num_rows());
      for (const Cell& cell : block.cells) columns_[column_of[cell.column]].Observe(cell.kind, block.Text(cell));
    }
  }

  TextColumns Finish() const {
    TextColumns table{.fields = {}, .rows = rows_};
    for (size_t i = 0; i < names_.size(); ++i) {  // those without values too: a header is a schema
      table.fields.push_back(
          Field{.name = names_[i], .type = columns_[i].Resolve(), .nullable = true, .variant_of = {}});
    }
    return table;
  }

 private:
  std::vector<std::string> names_;
  std::vector<ColumnInference> columns_;
  std::unordered_map<std::string, size_t> index_;
  int64_t rows_ = 0;
};

// The batches of CSV files.
class CsvBatches final : public TextBatches {
 public:
  CsvBatches(const std::vector<InputFile>& files, SchemaPtr schema, const CsvReadOptions& options)
      : files_(&files), options_(options), schema_(std::move(schema)), builder_(schema_) {
    for (size_t i = 0; i < schema_->fields.size(); ++i) index_.emplace(schema_->fields[i].name, static_cast<int>(i));
  }

  Result<std::optional<RecordBatch>> Next(const std::stop_token& stop) override {
    NILUS_TRY(FillBatch(stop));
    if (builder_.num_rows() == 0) return std::nullopt;
    pending_bytes_ = 0;
    return builder_.Finish();
  }

 private:
  bool IsFull() const { return builder_.num_rows() >= options_.page_rows || pending_bytes_ >= options_.batch_bytes; }

  // Rows until the batch is full, or there are no more.
  Status FillBatch(const std::stop_token& stop) {
    while (!IsFull()) {
      if (stop.stop_requested()) return Cancelled();
      if (next_row_ == block_.num_rows()) {
        NILUS_ASSIGN(bool more, NextBlock());
        if (!more) return {};
      }
      for (; next_row_ < block_.num_rows() && !IsFull(); ++next_row_) NILUS_TRY(AppendRow());
    }
    return {};
  }

  Result<bool> NextBlock() {
    next_row_ = 0;
    next_cell_ = 0;
    while (true) {
      if (tokenizer_ == nullptr) {
        if (next_file_ == (*files_).size()) {
          block_.Clear();
          return false;
        }
        NILUS_ASSIGN(tokenizer_, OpenTokenizer((*files_)[next_file_], options_.largest_row));
        column_of_.clear();
        rows_before_block_ = 0;
      } else {
        rows_before_block_ += static_cast<int64_t>(block_.num_rows());
      }
      NILUS_TRY(tokenizer_->Next(&block_));
      for (size_t i = column_of_.size(); i < tokenizer_->columns().size(); ++i) {
        auto found = index_.find(tokenizer_->columns()[i]);
        column_of_.push_back(found == index_.end() ? -1 : found->second);
      }
      if (block_.num_rows() > 0) return true;
      tokenizer_.reset();
      ++next_file_;
    }
  }

  Status AppendRow() {
    const int64_t row = builder_.num_rows();
    for (; next_cell_ < block_.row_ends[next_row_]; ++next_cell_) {
      const Cell& cell = block_.cells[next_cell_];
      int index = column_of_[cell.column];
      if (index < 0) continue;
      std::string_view text = block_.Text(cell);
      if (!AppendCell(cell.kind, text, &builder_.column(index))) {
        return Misfit({.path = (*files_)[next_file_].path,
                       .row = rows_before_block_ + static_cast<int64_t>(next_row_) + 1,
                       .column = index,
                       .bytes = text.size()});
      }
      pending_bytes_ += static_cast<int64_t>(text.size());
    }
    for (int i = 0; i < schema_->size(); ++i) {
      if (builder_.column(i).length() == row) builder_.column(i).AppendNull();
    }
    pending_bytes_ += 8LL * schema_->size();
    builder_.FinishRow();
    return {};
  }

  const std::vector<InputFile>* files_;
  CsvReadOptions options_;
  SchemaPtr schema_;
  BatchBuilder builder_;
  std::unordered_map<std::string, int> index_;  // of schema_
  std::unique_ptr<RowTokenizer> tokenizer_;
  std::vector<int> column_of_;  // the tokenizer's columns in schema_; -1: not wanted
  RowBlock block_;
  size_t next_file_ = 0;
  int64_t rows_before_block_ = 0;  // of this file
  size_t next_row_ = 0;
  size_t next_cell_ = 0;
  int64_t pending_bytes_ = 0;
};

}  // namespace

Result<TextColumns> InferCsvColumns(const std::vector<InputFile>& files, size_t largest_row,
                                    const std::stop_token& stop) {
  CsvInference inference;
  for (const InputFile& file : files) NILUS_TRY(inference.ReadFile(file, largest_row, stop));
  return inference.Finish();
}

std::unique_ptr<TextBatches> ReadCsvBatches(const std::vector<InputFile>& files, SchemaPtr schema,
                                            const CsvReadOptions& options) {
  return std::make_unique<CsvBatches>(files, std::move(schema), options);
}

}  // namespace nilus::files
