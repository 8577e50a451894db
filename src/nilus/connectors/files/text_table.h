// CSV and JSON files as one table: its columns and types from all values of all files, then its rows, file after file.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/connectors/files/input_files.h"
#include "nilus/connectors/files/key_filter.h"
#include "nilus/connectors/files/row_block.h"

namespace nilus::files {

struct TextTable {
  std::vector<InputFile> files;
  SchemaPtr schema;  // columns in order of first appearance. JSON: those that have a value somewhere
  std::vector<std::string> null_columns;  // JSON: the others
  std::optional<int64_t> rows;
  bool is_declared = false;  // the schema is what a sink of ours wrote, not what the values say
};

// Reads every file once. Memory: one block of rows (JSON: a chunk a thread) and a few numbers a column. Any malformed
// row is an error, and one of more than `largest_row` bytes (LargestRowBytes). `threads`: at most so many read JSON at
// once.
Result<TextTable> InferTextTable(std::vector<InputFile> files, size_t largest_row, int threads, std::stop_token stop);

// The files of a folder that a sink of ours wrote, with the types that it wrote down.
Result<TextTable> DeclaredTextTable(InputSet set);

struct TextReadOptions {
  std::vector<std::string> columns;  // to give, in the table's order; names of the schema
  std::optional<KeyRange> range;
  std::optional<int64_t> limit;
  int64_t page_rows = 50'000;
  int64_t batch_bytes = 4 << 20;
  size_t largest_row = kDefaultLargestRowBytes;
  int threads = 1;  // that decode JSON
};

// `table` stays alive by itself. The key of the range need not be among the columns.
Result<std::unique_ptr<Reader>> OpenTextReader(std::shared_ptr<const TextTable> table, const TextReadOptions& options);

}  // namespace nilus::files
