// JSON files as one table, read by several threads at once: its columns and types from all values, then its rows in the
// order of the files and in them.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>

#include "nilus/connectors/files/json_chunks.h"
#include "nilus/connectors/files/text_batches.h"

namespace nilus::files {

// Reads everything once; only columns that have a value somewhere are there. Memory: a chunk a thread and a few numbers
// a column.
Result<TextColumns> InferJsonColumns(JsonChunks* chunks, int threads, const std::stop_token& stop);

struct JsonReadOptions {
  SchemaPtr schema;          // what to build; keys that it does not have are passed over
  bool is_declared = false;  // the schema is what a sink of ours wrote: values are checked, a json null is one
  int64_t page_rows = 50'000;
  int64_t batch_bytes = 4 << 20;
  int threads = 1;
};

std::unique_ptr<TextBatches> ReadJsonBatches(std::unique_ptr<JsonChunks> chunks, const JsonReadOptions& options);

}  // namespace nilus::files
