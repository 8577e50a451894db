// Rows as CSV's tokenizer leaves them: bytes and where each value lies, not yet typed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/files/byte_stream.h"

namespace nilus::files {

enum class CellKind : uint8_t {
  kPlain,   // unquoted
  kQuoted,  // quoted (unescaped here)
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
  void Clear();  // also gives back the memory of a row that was much larger than a block
  bool IsFull() const;
};

// A block ends at whichever of these comes first; one row always fits.
inline constexpr size_t kBlockRows = 2048;
inline constexpr size_t kBlockBytes = 1 << 20;
inline constexpr size_t kBlockCells = 256 * 1024;
inline constexpr size_t kMostColumns = 16'384;

inline bool RowBlock::IsFull() const {
  return num_rows() >= kBlockRows || bytes.size() >= kBlockBytes || cells.size() >= kBlockCells;
}

inline void RowBlock::Clear() {
  if (bytes.capacity() > 4 * kBlockBytes) std::string().swap(bytes);
  bytes.clear();
  cells.clear();
  row_ends.clear();
}

// The largest row, in bytes, that a reader with so much memory for its buffers takes (OpenContext::memory_bytes: an
// eighth of the process's memory limit, 64 MiB by default). A row is held up to three times over at once: as it stands
// in the file, unescaped, and in the batch; none of that may come near the process's limit.
inline size_t LargestRowBytes(int64_t memory_bytes) {
  constexpr int64_t kLeast = 1 << 20;
  constexpr int64_t kMost = int64_t{1} << 30;  // offsets of a batch are 32 bits wide
  return static_cast<size_t>(std::clamp(memory_bytes * 2, kLeast, kMost));
}
inline constexpr size_t kDefaultLargestRowBytes = size_t{128} << 20;

// One thread at a time.
class RowTokenizer {
 public:
  virtual ~RowTokenizer() = default;
  // Fills `block` with the next rows; none at the end. kData names file, line and column of what is malformed.
  virtual Status Next(RowBlock* block) = 0;
  // Names by cell column; known after the first Next.
  virtual const std::vector<std::string>& columns() const = 0;
};

// `name` stands for the file in errors. A row of more than `largest_row` bytes is kData.
std::unique_ptr<RowTokenizer> MakeCsvTokenizer(std::unique_ptr<ByteStream> bytes, const CsvOptions& options,
                                               std::string name, size_t largest_row = kDefaultLargestRowBytes);

}  // namespace nilus::files
