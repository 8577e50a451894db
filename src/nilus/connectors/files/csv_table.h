// CSV files as one table: its columns and types from all values, then its rows.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "nilus/connectors/files/input_files.h"
#include "nilus/connectors/files/row_block.h"
#include "nilus/connectors/files/text_batches.h"

namespace nilus::files {

// Reads every file once. Memory: one block of rows and a few numbers a column.
Result<TextColumns> InferCsvColumns(const std::vector<InputFile>& files, size_t largest_row,
                                    const std::stop_token& stop);

struct CsvReadOptions {
  size_t largest_row = kDefaultLargestRowBytes;
  int64_t page_rows = 50'000;
  int64_t batch_bytes = 4 << 20;
};

// `files` stay as they are meanwhile. Columns that the schema does not have are passed over.
std::unique_ptr<TextBatches> ReadCsvBatches(const std::vector<InputFile>& files, SchemaPtr schema,
                                            const CsvReadOptions& options);

}  // namespace nilus::files
