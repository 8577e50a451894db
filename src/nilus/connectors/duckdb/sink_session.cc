#include "nilus/connectors/duckdb/sink_session.h"

#include <filesystem>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/base/option_spec.h"
#include "nilus/connectors/duckdb/dialect.h"
#include "nilus/connectors/duckdb/open_file.h"
#include "nilus/duck/query_reader.h"

namespace nilus::duckdb {

using duck::Connection;
using duck::TextRow;
using duck::TextValue;

Result<Connection*> SinkSession::Idle() {
  NILUS_TRY(EndInsert());
  if (!connection_) {
    NILUS_ASSIGN(std::shared_ptr<duck::Database> database, OpenFile(config_, lock_wait_, stop_));
    NILUS_ASSIGN(Connection connection, Connection::Open(std::move(database)));
    NILUS_ASSIGN(std::string catalog, connection.CurrentCatalog());
    dialect_ = DuckdbDialect(std::move(catalog));
    connection_ = std::move(connection);
    writes_early_ = true;
  }
  return &*connection_;
}

Result<Connection*> SinkSession::IdleIfThere() {
  std::error_code error;
  if (!connection_ && !std::filesystem::exists(config_.path, error)) return nullptr;
  return Idle();
}

Status SinkSession::BeginLoad(const PipelineId& pipeline, const std::stop_token& stop) {
  if (is_loading()) return {};
  NILUS_FAULT_POINT("duckdb.sink.begin");
  NILUS_ASSIGN(Connection * connection, Idle());
  NILUS_ASSIGN(std::unique_ptr<PipelineLock> lock,
               PipelineLock::Take(connection->database()->config().path, pipeline, stop));
  NILUS_TRY(SetWritesEarly(true));
  NILUS_TRY(connection->Execute("BEGIN TRANSACTION"));
  lock_ = std::move(lock);
  ++load_number_;
  return {};
}

void SinkSession::AbandonLoad() {
  insert_.reset();
  insert_rows_ = nullptr;
  if (!is_loading()) return;
  ++load_number_;
  // A transaction that cannot be rolled back by a statement is rolled back by closing its connection.
  if (connection_ && !connection_->Execute("ROLLBACK")) connection_.reset();
  lock_.reset();
}

void SinkSession::Reopen() {
  AbandonLoad();
  connection_.reset();
}

Status SinkSession::CommitLoad() {
  NILUS_FAULT_POINT("duckdb.sink.before_commit");
  NILUS_TRY(connection_->Execute("COMMIT"));
  lock_.reset();
  ++load_number_;
  NILUS_FAULT_ACK("duckdb.sink.committed");
  return {};
}

Result<int64_t> SinkSession::Execute(const std::string& sql, std::stop_token stop, duck::TextParams params) {
  NILUS_ASSIGN(Connection * connection, Idle());
  return connection->Execute(sql, params, std::move(stop));
}

Status SinkSession::ExecuteStep(const SqlStep& step, CommitResult* counts, std::stop_token stop) {
  NILUS_ASSIGN(int64_t affected, Execute(step.sql, std::move(stop)));
  NILUS_TRY(CheckStep(step, affected, counts));
  if (counts != nullptr) CountRows(step.effect, affected, counts);
  return {};
}

Result<std::optional<TargetTable>> SinkSession::FindTable(const TableName& table) {
  NILUS_ASSIGN(Connection * connection, IdleIfThere());
  if (connection == nullptr) return std::nullopt;
  const TextValue names[] = {table.schema, table.name};
  // DuckDB's own functions: the views of information_schema cost five times as much to plan.
  constexpr std::string_view kHere =
      "database_name = current_database() AND lower(schema_name) = lower($1) AND lower(table_name) = lower($2)";
  NILUS_ASSIGN(
      std::vector<TextRow> tables,
      connection->Query(fmt::format("SELECT comment IS NOT NULL FROM duckdb_tables() WHERE {}", kHere), names));
  NILUS_ASSIGN(TextValue views, connection->QueryValue(
                                    "SELECT count(*) FROM duckdb_views() WHERE database_name = current_database() AND "
                                    "lower(schema_name) = lower($1) AND lower(view_name) = lower($2)",
                                    names));
  TargetTable found;
  found.is_view = views != "0";
  if (tables.empty() && !found.is_view) return std::nullopt;
  NILUS_ASSIGN(found.schema,
               duck::DescribeQuery(*connection, fmt::format("SELECT * FROM {}", QuoteTable(dialect_, table)), {},
                                   /*keep_narrow=*/true));
  NILUS_ASSIGN(
      std::vector<TextRow> declared,
      connection->Query(fmt::format("SELECT column_name, data_type FROM duckdb_columns() WHERE {}", kHere), names));
  for (const TextRow& column : declared) found.declared.emplace(column[0].value_or(""), column[1].value_or(""));
  NILUS_ASSIGN(TextValue indexes,
               connection->QueryValue(fmt::format("SELECT count(*) FROM duckdb_indexes() WHERE {}", kHere), names));
  NILUS_ASSIGN(std::vector<TextRow> constraints,
               connection->Query(fmt::format("SELECT count(*) FILTER ({0} AND constraint_type <> 'NOT NULL'), "
                                             "count(*) FILTER ({0}), "
                                             "count(*) FILTER (lower(referenced_table) = lower($2)) "
                                             "FROM duckdb_constraints() WHERE database_name = current_database()",
                                             kHere),
                                 names));
  const TextRow& counts = constraints[0];
  // What a table of ours never has, and a table in its place would not have either.
  NILUS_ASSIGN(TextValue settings,
               connection->QueryValue(fmt::format("SELECT count(*) FROM duckdb_columns() WHERE {} AND (column_default "
                                                  "IS NOT NULL OR NOT is_nullable OR comment IS NOT NULL)",
                                                  kHere),
                                      names));
  bool has_comment = !tables.empty() && tables[0][0] == "true";
  found.has_indexes = indexes != "0" || counts[0] != "0";
  found.can_drop = !found.has_indexes && counts[1] == "0" && counts[2] == "0" && settings == "0" && !has_comment;
  return found;
}

Result<std::vector<TextRow>> SinkSession::QueryIfThere(const std::string& sql, duck::TextParams params) {
  NILUS_ASSIGN(Connection * connection, IdleIfThere());
  if (connection == nullptr) return std::vector<TextRow>{};
  Result<std::vector<TextRow>> rows = connection->Query(sql, params);
  if (!rows && rows.error().kind == ErrorKind::kNotFound) return std::vector<TextRow>{};
  return rows;
}

Status SinkSession::StartInsert(const duck::BatchStream::StatementFor& statement_for, duck::BatchStreamOptions options,
                                int64_t* rows) {
  NILUS_ASSIGN(Connection * connection, Idle());
  NILUS_ASSIGN(insert_, duck::BatchStream::Start(*connection, statement_for, std::move(options)));
  insert_rows_ = rows;
  return {};
}

Status SinkSession::SetWritesEarly(bool on) {
  if (writes_early_ == on) return {};
  NILUS_ASSIGN(Connection * connection, Idle());
  Result<int64_t> set = connection->Execute(fmt::format("SET enable_optimistic_write = {}", on));
  bool is_unknown = !set && set.error().kind == ErrorKind::kInvalidInput;  // to an older DuckDB
  if (!set && !is_unknown) return Failure(std::move(set).error());
  writes_early_ = on;
  return {};
}

// DuckDB 1.5.6 writes row groups of a transaction to the file before its end, and counts them wrong once a column came:
// "Row group prev allocated size is larger than currently allocated size", an internal error that closes the database.
// Held back, they stay in memory or in the spill folder until COMMIT.
Status SinkSession::ExpectLateColumn() { return SetWritesEarly(false); }

Status SinkSession::EndInsert() {
  if (insert_ == nullptr) return {};
  std::unique_ptr<duck::BatchStream> insert = std::move(insert_);
  int64_t* rows = std::exchange(insert_rows_, nullptr);
  NILUS_ASSIGN(std::vector<TextRow> result, insert->Finish());
  if (!result.empty() && !result[0].empty() && result[0][0]) *rows += ParseInteger(*result[0][0]).value_or(0);
  return {};
}

}  // namespace nilus::duckdb
