// Columns to the bytes of `COPY … FROM STDIN (FORMAT binary)`. No I/O. The format: postgresql.org/docs/current/
// sql-copy.html, "Binary Format"; each field is what the receive function of the target column's type reads
// (numeric_recv, timestamp_recv, jsonb_recv, …, in the server's src/backend/utils/adt).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/buffer.h"
#include "nilus/data/builder.h"
#include "nilus/data/record_batch.h"

namespace nilus::postgres {

// A field's form on the wire, and the column type it is made from.
enum class CopyForm : uint8_t {
  kBool,       // bool: from kBool
  kInt2,       // int2: kInt16
  kInt4,       // int4: kInt32
  kInt8,       // int8: kInt64
  kFloat4,     // float4: kFloat32
  kFloat8,     // float8: kFloat64
  kNumeric,    // numeric: kDecimal
  kText,       // text, varchar, bpchar, json, enums, …: kText, kJson
  kBytea,      // bytea: kBinary
  kJsonb,      // jsonb: kJson
  kUuid,       // uuid: kText, well-formed
  kDate,       // date: kDate
  kTime,       // time: kTime
  kTimestamp,  // timestamp and timestamptz: kTimestamp, kTimestampNtz
};

// Bytes of numeric's binary form: 4 header words and at most 11 digits of base 10,000 for 38 decimal digits.
inline constexpr int kMaxNumericBytes = 8 + 2 * 11;

// Writes value × 10^-scale so that it *ends* at `end`; returns its length. `end` has kMaxNumericBytes before it.
int EncodeNumeric(Int128 value, int scale, uint8_t* end);

// What starts and ends a stream.
void AppendCopyHeader(BufferBuilder* out);
void AppendCopyTrailer(BufferBuilder* out);

// One field of each row: a column of a batch, in a form that its type allows (see CopyForm). Null column: NULL
// everywhere.
struct CopyField {
  const Column* column = nullptr;
  CopyForm form = CopyForm::kText;
};

// Turns column-major batches into rows. Values must fit their wire types (coerce.h sees to that). Keeps scratch memory
// between calls; one thread at a time.
class CopyEncoder {
 public:
  // Rows encoded at a time: cursors and a few columns' worth of rows stay in the first-level cache.
  static constexpr int64_t kBlockRows = 256;
  // The server builds a row in one piece of memory, and has none larger (MaxAllocSize in src/include/utils/memutils.h).
  static constexpr uint64_t kMaxRowBytes = 0x3FFFFFFF;

  // Appends rows [begin, end), at most kBlockRows, to `out`. When `first_sequence` is not negative, each row gets one
  // more field at its end: int8 first_sequence, first_sequence + 1, … kData, and nothing appended, when a row is larger
  // than kMaxRowBytes.
  Status EncodeRows(std::span<const CopyField> fields, int64_t begin, int64_t end, int64_t first_sequence,
                    BufferBuilder* out);

 private:
  Status SizeRows(std::span<const CopyField> fields, int64_t begin, int64_t rows, bool has_sequence);
  void SizeNumeric(const Column& column, int64_t begin, int64_t rows);

  std::vector<uint32_t> row_bytes_;
  std::vector<uint8_t*> cursors_;
  std::vector<uint8_t>
      numeric_slots_;  // kBlockRows slots of kMaxNumericBytes for each numeric column, values at their ends
  std::vector<uint8_t> numeric_lengths_;  // 0: NULL
};

}  // namespace nilus::postgres
