// Rows of a query as text, written while they arrive: memory does not grow with their number.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "nilus/cli/text_output.h"
#include "nilus/data/record_batch.h"

namespace nilus::cli {

enum class RowFormat {
  kTable,      // aligned columns; widths from the first rows, longer values are cut with "…"
  kJsonLines,  // an object a line; decimals are numbers with all digits, binary is hex, json is embedded
  kCsv,        // RFC 4180 with a header; NULL is nothing between the commas, empty text is ""
};

struct RowOutputOptions {
  RowFormat format = RowFormat::kTable;
  bool to_terminal = false;  // control characters are escaped (table: always)
  int columns = 120;         // the table's width, as far as that is possible
};

class RowOutput {
 public:
  virtual ~RowOutput() = default;
  // Batches may have further variant columns (Field.variant_of): a value there is shown in place of the NULL beside it.
  virtual void Write(const RecordBatch& batch) = 0;
  // After the last batch: what was held back, and the count of rows (table).
  virtual void Finish() = 0;
};

// `schema` gives the columns and their order (variant fields are left out); batches' columns are matched by name.
std::unique_ptr<RowOutput> MakeRowOutput(SchemaPtr schema, const RowOutputOptions& options, TextOutput& out);

}  // namespace nilus::cli
