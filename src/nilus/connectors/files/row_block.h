// Rows as the tokenizers of CSV and JSON leave them: bytes and where each value lies, not yet typed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/files/byte_stream.h"

namespace nilus::files {

enum class CellKind : uint8_t {
  kPlain,   // CSV, unquoted
  kQuoted,  // CSV, quoted (unescaped here)
  kString,  // JSON string (unescaped here)
  kNumber,  // JSON number, as written
  kBool,    // true or false
  kNested,  // JSON object or array, as written
  kNull,    // JSON null: NULL, but in a column of JSON values that a sink of ours wrote
};

struct Cell {
  size_t offset = 0;
  size_t length = 0;
  uint32_t column = 0;  // index into the tokenizer's columns
  CellKind kind = CellKind::kPlain;
};

// Values that are not there have no cell.
struct RowBlock {
  std::string bytes;
  std::vector<Cell> cells;       // row after row
  std::vector<size_t> row_ends;  // index behind the last cell of each row

  size_t num_rows() const { return row_ends.size(); }
  std::string_view Text(const Cell& cell) const { return std::string_view(bytes).substr(cell.offset, cell.length); }
  void Clear() {
    bytes.clear();
    cells.clear();
    row_ends.clear();
  }
};

// A block ends at these; one row always fits. One value has at most kLargestValueBytes.
inline constexpr size_t kBlockRows = 2048;
inline constexpr size_t kBlockBytes = 1 << 20;
inline constexpr size_t kLargestValueBytes = size_t{1} << 30;
inline constexpr size_t kMostColumns = 16'384;

// One thread at a time.
class RowTokenizer {
 public:
  virtual ~RowTokenizer() = default;
  // Fills `block` with the next rows; none at the end. kData names file, line and column of what is malformed.
  virtual Status Next(RowBlock* block) = 0;
  // Names by cell column. CSV knows them after the first Next; JSON's grow as keys appear.
  virtual const std::vector<std::string>& columns() const = 0;
};

// `name` stands for the file in errors.
std::unique_ptr<RowTokenizer> MakeCsvTokenizer(std::unique_ptr<ByteStream> bytes, const CsvOptions& options,
                                               std::string name);
// An array of objects, or objects one after another (JSON lines, or a single one).
std::unique_ptr<RowTokenizer> MakeJsonTokenizer(std::unique_ptr<ByteStream> bytes, std::string name);

}  // namespace nilus::files
