// CSV and JSON files, with the inference behind them. The first byte chooses the format, the size of reads and of
// chunks; rows and errors do not depend on that size, and every value fits the type that was inferred from all of them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "nilus/connectors/files/column_inference.h"
#include "nilus/connectors/files/json_table.h"
#include "nilus/connectors/files/row_block.h"
#include "nilus/data/scalar.h"

using namespace nilus::files;

namespace {

struct Outcome {
  std::string text;  // all cells, or the error
  std::vector<ColumnInference> columns;
};

Outcome ReadCsv(const std::string& bytes, size_t chunk) {
  auto tokenizer = MakeCsvTokenizer(BytesFromMemory(bytes, chunk), {}, "f");
  Outcome outcome;
  RowBlock block;
  while (true) {
    if (auto status = tokenizer->Next(&block); !status) {
      outcome.text = status.error().message;
      outcome.columns.clear();
      return outcome;
    }
    if (block.num_rows() == 0) return outcome;
    outcome.columns.resize(tokenizer->columns().size());
    for (const Cell& cell : block.cells) {
      outcome.text += std::to_string(cell.column) + "=" + std::string(block.Text(cell)) + ";";
      outcome.columns[cell.column].Observe(cell.kind, block.Text(cell));
    }
  }
}

void CheckValuesFit(const std::string& bytes, const std::vector<ColumnInference>& columns) {
  std::vector<nilus::ColumnBuilder> builders;
  for (const ColumnInference& column : columns) builders.emplace_back(column.Resolve());
  auto tokenizer = MakeCsvTokenizer(BytesFromMemory(bytes, 4096), {}, "f");
  RowBlock block;
  while (tokenizer->Next(&block) && block.num_rows() > 0) {
    for (const Cell& cell : block.cells) {
      if (!AppendCell(cell.kind, block.Text(cell), &builders[cell.column])) std::abort();
    }
  }
}

std::unique_ptr<JsonChunks> Chunks(const std::string& bytes, size_t chunk) {
  return std::make_unique<JsonChunks>(
      [&bytes, chunk, done = false]() mutable -> nilus::Result<std::optional<JsonChunks::File>> {
        if (std::exchange(done, true)) return std::nullopt;
        return JsonChunks::File{BytesFromMemory(bytes, chunk), "f"};
      },
      1 << 20, chunk);
}

std::string ReadJson(const std::string& bytes, size_t chunk, int threads) {
  auto chunks = Chunks(bytes, chunk);
  auto columns = InferJsonColumns(chunks.get(), threads, {});
  if (!columns) return columns.error().message;
  auto schema = std::make_shared<nilus::Schema>(nilus::Schema{columns->fields});
  auto batches = ReadJsonBatches(Chunks(bytes, chunk), {.schema = schema, .page_rows = 7, .threads = threads});
  std::string text = std::to_string(columns->rows);
  while (true) {
    auto batch = batches->Next({});
    if (!batch) std::abort();  // the same text was read before: every value fits, nothing is malformed
    if (!*batch) return text;
    for (int64_t row = 0; row < (*batch)->num_rows(); ++row) {
      for (const nilus::Column& column : (*batch)->columns()) {
        text += column.IsNull(row) ? "-" : "+";
        if (!column.IsNull(row)) nilus::AppendCellText(column, row, &text);
      }
      text += ";";
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool is_json = (data[0] & 1) != 0;
  const size_t chunk = 1 + data[0] / 2;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (is_json) {
    if (ReadJson(bytes, 1 << 16, 1) != ReadJson(bytes, chunk, 2)) std::abort();
    return 0;
  }
  Outcome whole = ReadCsv(bytes, 1 << 20);
  Outcome pieces = ReadCsv(bytes, chunk);
  if (whole.text != pieces.text) std::abort();
  if (!whole.columns.empty()) CheckValuesFit(bytes, whole.columns);
  return 0;
}
