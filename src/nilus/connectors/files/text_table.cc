#include "nilus/connectors/files/text_table.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/connectors/files/csv_table.h"
#include "nilus/connectors/files/json_table.h"
#include "nilus/connectors/files/table_schema.h"

namespace nilus::files {
namespace {

// The chunks of all files; `files` stays as it is meanwhile.
std::unique_ptr<JsonChunks> OpenJsonChunks(const std::vector<InputFile>& files, size_t largest_row) {
  return std::make_unique<JsonChunks>(
      [&files, next = size_t{0}]() mutable -> Result<std::optional<JsonChunks::File>> {
        if (next == files.size()) return std::nullopt;
        const InputFile& file = files[next++];
        NILUS_ASSIGN(std::unique_ptr<ByteStream> bytes, OpenBytes(file));
        return JsonChunks::File{std::move(bytes), file.path};
      },
      largest_row);
}

bool IsCsv(const std::vector<InputFile>& files) { return files.empty() || files.front().format == FileFormat::kCsv; }

std::unique_ptr<TextBatches> OpenBatches(const TextTable& table, const SchemaPtr& schema,
                                         const TextReadOptions& options) {
  if (IsCsv(table.files)) {
    return ReadCsvBatches(
        table.files, schema,
        {.largest_row = options.largest_row, .page_rows = options.page_rows, .batch_bytes = options.batch_bytes});
  }
  return ReadJsonBatches(OpenJsonChunks(table.files, options.largest_row), {.schema = schema,
                                                                            .is_declared = table.is_declared,
                                                                            .page_rows = options.page_rows,
                                                                            .batch_bytes = options.batch_bytes,
                                                                            .threads = options.threads});
}

// What of the rows is given.
struct Selection {
  SchemaPtr schema;         // what is read: the output's columns and the key
  std::vector<int> output;  // the output's columns in it
  SchemaPtr output_schema;
  std::optional<KeyFilter> filter;
  std::optional<int64_t> left;  // rows until the limit
};

class TextReader final : public Reader {
 public:
  TextReader(std::shared_ptr<const TextTable> table, std::unique_ptr<TextBatches> batches, Selection selection)
      : table_(std::move(table)), batches_(std::move(batches)), selection_(std::move(selection)) {}

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    std::optional<int64_t>& left = selection_.left;
    while (true) {
      if (left && *left <= 0) return std::nullopt;
      auto next = batches_->Next(stop);
      if (!next && batches_->misfit()) return Misfit(*batches_->misfit());
      if (!next) return Failure(std::move(next).error());
      if (!*next) return std::nullopt;
      RecordBatch batch = **std::move(next);
      if (selection_.filter) batch = selection_.filter->Filter(batch);
      if (left && batch.num_rows() > *left) {
        std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()), 0);
        std::fill_n(keep.begin(), *left, uint8_t{1});
        batch = batch.Filter(keep);
      }
      if (left) *left -= batch.num_rows();
      if (batch.num_rows() == 0) continue;
      NILUS_FAULT_POINT("files.source.batch");
      return Batch{.rows = batch.Select(selection_.output_schema, selection_.output), .table = {}, .position = {}};
    }
  }

 private:
  // The value itself is not shown: it may be a secret.
  Failure Misfit(const TextMisfit& misfit) const {
    if (!table_->is_declared) return FileChanged(misfit.path);
    const Field& field = selection_.schema->fields[static_cast<size_t>(misfit.column)];
    return FailWithFix(ErrorKind::kData,
                       fmt::format("correct the file, or remove {} from its folder", kTableSchemaFile),
                       "{}, row {} of the data: column '{}' is {} by {}, but the value there ({} bytes) is none",
                       misfit.path, misfit.row, field.name, field.type.ToString(), kTableSchemaFile, misfit.bytes);
  }

  std::shared_ptr<const TextTable> table_;  // outlives the batches
  std::unique_ptr<TextBatches> batches_;
  Selection selection_;
};

}  // namespace

Result<TextTable> InferTextTable(std::vector<InputFile> files, size_t largest_row, int threads, std::stop_token stop) {
  TextColumns columns;
  if (IsCsv(files)) {
    NILUS_ASSIGN(columns, InferCsvColumns(files, largest_row, stop));
  } else {
    auto chunks = OpenJsonChunks(files, largest_row);
    NILUS_ASSIGN(columns, InferJsonColumns(chunks.get(), threads, stop));
  }
  auto schema = std::make_shared<Schema>(Schema{std::move(columns.fields)});
  return TextTable{.files = std::move(files),
                   .schema = std::move(schema),
                   .null_columns = std::move(columns.null_columns),
                   .rows = columns.rows};
}

Result<TextTable> DeclaredTextTable(InputSet set) {
  NILUS_ASSIGN(std::string text, ReadWhole(set.schema_file, kLargestTableSchemaBytes));
  auto declared = ParseTableSchema(text);
  if (!declared) return Failure(InContext("reading " + set.schema_file, std::move(declared).error()));
  return TextTable{.files = std::move(set.files),
                   .schema = std::make_shared<const Schema>(std::move(declared->schema)),
                   .null_columns = {},
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
  std::unique_ptr<TextBatches> batches = OpenBatches(*table, schema, options);
  return std::make_unique<TextReader>(
      std::move(table), std::move(batches),
      Selection{std::move(schema), std::move(output), std::move(output_schema), std::move(filter), options.limit});
}

}  // namespace nilus::files
