// The connection of a sink and the one transaction of a load. What happens between BeginLoad and CommitLoad leaves
// nothing in the file unless the COMMIT succeeds: every other way out, this process's death included, rolls back.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/connector.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/duckdb/dialect.h"
#include "nilus/connectors/duckdb/pipeline_lock.h"
#include "nilus/duck/batch_stream.h"
#include "nilus/duck/connection.h"

namespace nilus::duckdb {

// The target as DuckDB describes it.
struct TargetTable {
  Schema schema;
  std::map<std::string, std::string, std::less<>> declared;  // types by column, as DuckDB spells them
  bool is_view = false;
  bool has_indexes = false;  // also those of keys
  bool can_drop = true;      // no index, constraint, default, generated column or comment would be lost with it
};

// Used by one thread at a time: sinks and their writers hold mutex().
class SinkSession {
 public:
  // `lock_wait`: how long another process may hold the file.
  SinkSession(duck::DatabaseConfig config, std::chrono::milliseconds lock_wait, std::stop_token stop)
      : config_(std::move(config)), lock_wait_(lock_wait), stop_(std::move(stop)) {}
  ~SinkSession() { AbandonLoad(); }

  // A connection, inside the load's transaction if there is one; rows that are streaming in are waited for. Opens the
  // file when it is not open, and anew after a fatal error.
  Result<duck::Connection*> Idle();

  // Null, and nothing is made, while there is no file: only a load makes it.
  Result<duck::Connection*> IdleIfThere();

  Status BeginLoad(const PipelineId& pipeline, const std::stop_token& stop);
  bool is_loading() const { return lock_ != nullptr; }
  // Changes whenever a load begins or ends: writers of an earlier load know by it that theirs is over.
  int64_t load_number() const { return load_number_; }
  void AbandonLoad();
  Status CommitLoad();
  // DuckDB may have ended the transaction by itself, or the whole database: the next use opens it anew.
  void Reopen();

  // Statements of the load.
  Result<int64_t> Execute(const std::string& sql, std::stop_token stop, duck::TextParams params = {});
  Status ExecuteStep(const SqlStep& step, CommitResult* counts, std::stop_token stop);
  Result<std::optional<TargetTable>> FindTable(const TableName& table);
  // The rows of a query; none when a table that it names does not exist. A transaction goes on after either.
  Result<std::vector<duck::TextRow>> QueryIfThere(const std::string& sql, duck::TextParams params);

  // Starts an INSERT … SELECT that takes the batches pushed into it. One at a time: whatever else is executed ends it.
  // Its rows are added to *rows at its end.
  Status StartInsert(const duck::BatchStream::StatementFor& statement_for, duck::BatchStreamOptions options,
                     int64_t* rows);
  // The stream that StartInsert made for the same counter; null when it was ended.
  duck::BatchStream* InsertOf(const int64_t* rows) { return insert_rows_ == rows ? insert_.get() : nullptr; }
  Status EndInsert();
  // Before a column is added to a table that holds rows of the load.
  Status ExpectLateColumn();

  const duck::DatabaseConfig& config() const { return config_; }
  // Of the file as it is open: use after Idle().
  const SqlDialect& dialect() const { return dialect_; }
  std::mutex& mutex() { return mutex_; }

 private:
  Status SetWritesEarly(bool on);

  const duck::DatabaseConfig config_;
  const std::chrono::milliseconds lock_wait_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::optional<duck::Connection> connection_;
  SqlDialect dialect_ = DuckdbDialect("");
  std::unique_ptr<PipelineLock> lock_;  // there while a load's transaction is open
  int64_t load_number_ = 0;
  std::unique_ptr<duck::BatchStream> insert_;
  int64_t* insert_rows_ = nullptr;
  bool writes_early_ = true;  // DuckDB's setting
};

}  // namespace nilus::duckdb
