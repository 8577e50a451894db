// A prepared statement and its run: the inner part of Connection, QueryReader and BatchStream.
#pragma once

#include <duckdb.h>

#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/duck/connection.h"

namespace nilus::duck {

// Owners of DuckDB's handles.
struct DestroyPrepared {
  void operator()(duckdb_prepared_statement statement) const { duckdb_destroy_prepare(&statement); }
};
using PreparedHandle = std::unique_ptr<std::remove_pointer_t<duckdb_prepared_statement>, DestroyPrepared>;
struct DestroyChunk {
  void operator()(duckdb_data_chunk chunk) const { duckdb_destroy_data_chunk(&chunk); }
};
using ChunkHandle = std::unique_ptr<std::remove_pointer_t<duckdb_data_chunk>, DestroyChunk>;
struct DestroyType {
  void operator()(duckdb_logical_type type) const { duckdb_destroy_logical_type(&type); }
};
using TypeHandle = std::unique_ptr<std::remove_pointer_t<duckdb_logical_type>, DestroyType>;

class ResultHandle {
 public:
  ResultHandle() = default;
  ~ResultHandle() { duckdb_destroy_result(&result_); }
  ResultHandle(ResultHandle&& other) noexcept { std::swap(result_, other.result_); }
  ResultHandle& operator=(ResultHandle&& other) noexcept {
    std::swap(result_, other.result_);
    return *this;
  }
  duckdb_result* get() { return &result_; }

 private:
  duckdb_result result_ = {};
};

// Parses, binds to the catalog and binds the parameters. More than one statement is refused.
Result<PreparedHandle> Prepare(Connection& connection, const std::string& sql, TextParams params);

enum class ResultMode { kMaterialized, kStreaming };
// Runs to its end (kStreaming: to its first rows). A stop requested at any moment ends it with kCancelled.
Result<ResultHandle> Run(Connection& connection, duckdb_prepared_statement statement, ResultMode mode,
                         const std::stop_token& stop);

// A materialized result as canonical texts (data/scalar.h); nested values are NULL.
Result<std::vector<TextRow>> TextRowsOf(ResultHandle& result);

}  // namespace nilus::duck
