#include "nilus/connectors/files/text_table.h"

#include <algorithm>
#include <unordered_map>

#include "nilus/base/fault.h"
#include "nilus/connectors/files/column_inference.h"
#include "nilus/connectors/files/row_block.h"
#include "nilus/connectors/files/table_schema.h"
#include "nilus/data/builder.h"

namespace nilus::files {
namespace {

Failure Cancelled() { return Fail(ErrorKind::kCancelled, "stopped"); }

Result<std::unique_ptr<RowTokenizer>> OpenTokenizer(const InputFile& file, size_t largest_row) {
  NILUS_ASSIGN(std::unique_ptr<ByteStream> bytes, OpenBytes(file));
  if (file.format == FileFormat::kCsv) return MakeCsvTokenizer(std::move(bytes), file.csv, file.path, largest_row);
  return MakeJsonTokenizer(std::move(bytes), file.path, largest_row);
}

// All columns of the files so far and what their values can be.
class TableInference {
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

  TextTable Finish(std::vector<InputFile> files) const {
    bool keeps_empty = !files.empty() && files.front().format == FileFormat::kCsv;  // a header is a schema
    auto schema = std::make_shared<Schema>();
    for (size_t i = 0; i < names_.size(); ++i) {
      if (!columns_[i].has_values() && !keeps_empty) continue;
      schema->fields.push_back(
          Field{.name = names_[i], .type = columns_[i].Resolve(), .nullable = true, .variant_of = {}});
    }
    return TextTable{.files = std::move(files), .schema = std::move(schema), .rows = rows_};
  }

 private:
  std::vector<std::string> names_;
  std::vector<ColumnInference> columns_;
  std::unordered_map<std::string, size_t> index_;
  int64_t rows_ = 0;
};

class TextReader final : public Reader {
 public:
  TextReader(std::shared_ptr<const TextTable> table, TextReadOptions options, SchemaPtr schema, std::vector<int> output,
             SchemaPtr output_schema, std::optional<KeyFilter> filter)
      : table_(std::move(table)),
        options_(std::move(options)),
        schema_(std::move(schema)),
        output_(std::move(output)),
        output_schema_(std::move(output_schema)),
        filter_(std::move(filter)),
        builder_(schema_),
        left_(options_.limit) {
    for (size_t i = 0; i < schema_->fields.size(); ++i) index_.emplace(schema_->fields[i].name, static_cast<int>(i));
  }

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    while (true) {
      if (left_ && *left_ <= 0) return std::nullopt;
      NILUS_ASSIGN(bool more, FillBatch(stop));
      if (builder_.num_rows() == 0) {
        if (!more) return std::nullopt;
        continue;
      }
      pending_bytes_ = 0;
      RecordBatch batch = builder_.Finish();
      if (filter_) batch = filter_->Filter(batch);
      if (left_ && batch.num_rows() > *left_) {
        std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()), 0);
        std::fill_n(keep.begin(), *left_, uint8_t{1});
        batch = batch.Filter(keep);
      }
      if (left_) *left_ -= batch.num_rows();
      if (batch.num_rows() == 0) continue;
      NILUS_FAULT_POINT("files.source.batch");
      return Batch{.rows = batch.Select(output_schema_, output_), .table = {}, .position = {}};
    }
  }

 private:
  bool IsFull() const { return builder_.num_rows() >= options_.page_rows || pending_bytes_ >= options_.batch_bytes; }

  // Rows until the batch is full; false when there are no more.
  Result<bool> FillBatch(const std::stop_token& stop) {
    while (!IsFull()) {
      if (stop.stop_requested()) return Cancelled();
      if (next_row_ == block_.num_rows()) {
        NILUS_ASSIGN(bool more, NextBlock());
        if (!more) return false;
      }
      for (; next_row_ < block_.num_rows() && !IsFull(); ++next_row_) NILUS_TRY(AppendRow());
    }
    return true;
  }

  Result<bool> NextBlock() {
    next_row_ = 0;
    next_cell_ = 0;
    while (true) {
      if (tokenizer_ == nullptr) {
        if (next_file_ == table_->files.size()) {
          block_.Clear();
          return false;
        }
        NILUS_ASSIGN(tokenizer_, OpenTokenizer(table_->files[next_file_], options_.largest_row));
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
      if (index < 0 || (cell.kind == CellKind::kNull && !IsJsonNull(index))) continue;
      std::string_view text = block_.Text(cell);
      if (!AppendCell(cell.kind, text, &builder_.column(index))) return Misfit(index, text.size());
      pending_bytes_ += static_cast<int64_t>(text.size());
    }
    for (int i = 0; i < schema_->size(); ++i) {
      if (builder_.column(i).length() == row) builder_.column(i).AppendNull();
    }
    pending_bytes_ += 8LL * schema_->size();
    builder_.FinishRow();
    return {};
  }

  // Our sink leaves out what is NULL in a column of JSON values, and writes a JSON null as one.
  bool IsJsonNull(int index) const {
    return table_->is_declared && schema_->fields[static_cast<size_t>(index)].type.id == TypeId::kJson;
  }

  // The value itself is not shown: it may be a secret.
  Failure Misfit(int index, size_t bytes) const {
    const std::string& path = table_->files[next_file_].path;
    if (!table_->is_declared) return FileChanged(path);
    const Field& field = schema_->fields[static_cast<size_t>(index)];
    return FailWithFix(ErrorKind::kData,
                       fmt::format("correct the file, or remove {} from its folder", kTableSchemaFile),
                       "{}, row {} of the data: column '{}' is {} by {}, but the value there ({} bytes) is none", path,
                       rows_before_block_ + static_cast<int64_t>(next_row_) + 1, field.name, field.type.ToString(),
                       kTableSchemaFile, bytes);
  }

  std::shared_ptr<const TextTable> table_;
  TextReadOptions options_;
  SchemaPtr schema_;         // what is built: the output's columns and the key
  std::vector<int> output_;  // the output's columns in schema_
  SchemaPtr output_schema_;
  std::optional<KeyFilter> filter_;
  BatchBuilder builder_;
  std::optional<int64_t> left_;
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

Result<TextTable> InferTextTable(std::vector<InputFile> files, size_t largest_row, std::stop_token stop) {
  TableInference inference;
  for (const InputFile& file : files) NILUS_TRY(inference.ReadFile(file, largest_row, stop));
  return inference.Finish(std::move(files));
}

Result<TextTable> DeclaredTextTable(InputSet set) {
  NILUS_ASSIGN(std::string text, ReadWhole(set.schema_file, kLargestTableSchemaBytes));
  auto declared = ParseTableSchema(text);
  if (!declared) return Failure(InContext("reading " + set.schema_file, std::move(declared).error()));
  return TextTable{.files = std::move(set.files),
                   .schema = std::make_shared<const Schema>(std::move(declared->schema)),
                   .rows = std::nullopt,
                   .is_declared = true};
}

Result<std::unique_ptr<Reader>> OpenTextReader(std::shared_ptr<const TextTable> table, const TextReadOptions& options) {
  auto output_schema = std::make_shared<Schema>();
  std::vector<int> output;
  auto schema = std::make_shared<Schema>();
  for (const Field& field : table->schema->fields) {
    bool wanted = std::find(options.columns.begin(), options.columns.end(), field.name) != options.columns.end();
    if (!wanted && !(options.range && options.range->column == field.name)) continue;
    if (wanted) {
      output_schema->fields.push_back(field);
      output.push_back(schema->size());
    }
    schema->fields.push_back(field);
  }
  std::optional<KeyFilter> filter;
  if (options.range) {
    NILUS_ASSIGN(filter, KeyFilter::Make(*options.range, *schema));
  }
  return std::make_unique<TextReader>(std::move(table), options, std::move(schema), std::move(output),
                                      std::move(output_schema), std::move(filter));
}

}  // namespace nilus::files
