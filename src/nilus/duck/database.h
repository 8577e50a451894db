// One DuckDB instance inside this process: a file or memory, with its share of memory, threads and disk.
#pragma once

#include <duckdb.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "nilus/base/private_folder.h"
#include "nilus/base/result.h"
#include "nilus/duck/statement_threads.h"

namespace nilus::duck {

class RowSetRegistry;
class StreamRegistry;

struct DatabaseConfig {
  std::string path;                  // empty: in memory
  bool read_only = false;            // several processes may then read the file at once
  int64_t memory_bytes = 256 << 20;  // DuckDB's memory_limit
  int threads = 2;
  int64_t spill_bytes = int64_t{64} << 30;  // most that may be spilled to the temporary folder
  // Rows keep their order through COPY, INSERT … SELECT and results, at the price of memory. Only where order is
  // promised.
  bool preserve_insertion_order = false;
};

// Thread-safe; outlives its connections (they share it). Nothing is loaded or fetched from the network: extensions that
// are not built in stay out. Spilled data lies in a folder of its own (mode 0700) under TMPDIR, removed at the end, or
// by a later process when this one is killed.
class Database {
 public:
  // A file that this process has open already is shared, whatever its memory and threads; kUnsupported when that one is
  // read-only and this one is to be written. kTransient when another process holds the file.
  static Result<std::shared_ptr<Database>> Open(const DatabaseConfig& config);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  duckdb_database handle() const { return handle_; }
  StreamRegistry& streams() const { return *streams_; }
  RowSetRegistry& row_sets() const { return *row_sets_; }
  StatementThreads& threads() { return threads_; }
  std::atomic<int>& threads_in_use() { return threads_in_use_; }  // Connection::UseThreads
  const DatabaseConfig& config() const { return config_; }

 private:
  Database() = default;
  static Result<std::shared_ptr<Database>> OpenNew(const DatabaseConfig& config);

  DatabaseConfig config_;
  bool listed_ = false;  // among the open files
  duckdb_database handle_ = nullptr;
  PrivateFolder spill_folder_;  // goes after the handle is closed
  std::unique_ptr<StreamRegistry> streams_;
  std::unique_ptr<RowSetRegistry> row_sets_;
  StatementThreads threads_;
  std::atomic<int> threads_in_use_ = 0;
};

}  // namespace nilus::duck
