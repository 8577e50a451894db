// CSV and JSON files, with the inference behind them. The first byte chooses the format and the size of reads; rows and
// errors do not depend on that size, and every value fits the type that was inferred from all of them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "nilus/connectors/files/column_inference.h"
#include "nilus/connectors/files/row_block.h"

using namespace nilus::files;

namespace {

struct Outcome {
  std::string text;  // all cells, or the error
  std::vector<ColumnInference> columns;
};

Outcome ReadAll(const std::string& bytes, bool is_json, size_t chunk) {
  auto tokenizer = is_json ? MakeJsonTokenizer(BytesFromMemory(bytes, chunk), "f")
                           : MakeCsvTokenizer(BytesFromMemory(bytes, chunk), {}, "f");
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

void CheckValuesFit(const std::string& bytes, bool is_json, const std::vector<ColumnInference>& columns) {
  std::vector<nilus::ColumnBuilder> builders;
  for (const ColumnInference& column : columns) builders.emplace_back(column.Resolve());
  auto tokenizer = is_json ? MakeJsonTokenizer(BytesFromMemory(bytes, 4096), "f")
                           : MakeCsvTokenizer(BytesFromMemory(bytes, 4096), {}, "f");
  RowBlock block;
  while (tokenizer->Next(&block) && block.num_rows() > 0) {
    for (const Cell& cell : block.cells) {
      if (cell.kind == CellKind::kNull) continue;
      if (!AppendCell(cell.kind, block.Text(cell), &builders[cell.column])) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  bool is_json = (data[0] & 1) != 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Outcome whole = ReadAll(bytes, is_json, 1 << 20);
  Outcome pieces = ReadAll(bytes, is_json, 1 + data[0] / 2);
  if (whole.text != pieces.text) std::abort();
  if (!whole.columns.empty()) CheckValuesFit(bytes, is_json, whole.columns);
  return 0;
}
