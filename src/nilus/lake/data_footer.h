// The footer of a Parquet file: what metrics, split offsets and the question "does it have field ids?" need of it.
// Source of the format: apache/parquet-format, README and parquet.thrift (Thrift's compact protocol). Bytes in, values
// out; no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::lake {

enum class ParquetType : uint8_t {
  kBoolean = 0,
  kInt32 = 1,
  kInt64 = 2,
  kInt96 = 3,
  kFloat = 4,
  kDouble = 5,
  kByteArray = 6,
  kFixedByteArray = 7
};

// A column that holds values (a leaf of the schema).
struct ParquetColumn {
  std::string name;
  bool is_nested = false;  // below the top level
  std::optional<int32_t> field_id;
  ParquetType type = ParquetType::kInt32;
};

struct ParquetChunk {
  int64_t compressed_bytes = 0;
  int64_t values = 0;  // with NULLs
  int64_t offset = 0;  // of its first page
  std::optional<int64_t> nulls;
  // Plain encoding of the column's type, without a length. Not exact ones bound the values all the same.
  std::optional<std::string> min;
  std::optional<std::string> max;
};

struct ParquetRowGroup {
  int64_t rows = 0;
  std::vector<ParquetChunk> chunks;  // one for each of ParquetFooter::columns
};

// A column as SQL names it: a leaf, or a group of them (struct, list, map).
struct ParquetTopColumn {
  std::string name;
  std::optional<int32_t> field_id;
  std::optional<ParquetType> type;  // nothing: a group
  // Absent where a writer names logical types alone: DuckDB then sees the physical type of text, decimals and dates.
  bool has_converted_type = false;
};

struct ParquetFooter {
  int64_t rows = 0;
  std::vector<ParquetTopColumn> top_columns;
  std::vector<ParquetColumn> columns;
  std::vector<ParquetRowGroup> row_groups;
  bool has_field_ids = false;  // some top-level element has one
  std::string schema_bytes;    // equal for files of equal schemas
};

// The last bytes of a file that ParquetFooterSize wants.
inline constexpr int64_t kParquetTailBytes = 8;
// Bytes of the footer with its tail. kData: no Parquet file; kUnsupported: an encrypted footer.
Result<int64_t> ParquetFooterSize(std::string_view tail);
// `footer`: the last ParquetFooterSize bytes of the file.
Result<ParquetFooter> ParseParquetFooter(std::string_view footer);
// Of a local file.
Result<ParquetFooter> ReadParquetFooter(const std::string& path);

}  // namespace nilus::lake
