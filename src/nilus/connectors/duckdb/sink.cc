#include "nilus/connectors/duckdb/sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/base/option_spec.h"
#include "nilus/connector/sql_state.h"
#include "nilus/connectors/duckdb/cast_judge.h"
#include "nilus/connectors/duckdb/file_path.h"
#include "nilus/connectors/duckdb/open_file.h"
#include "nilus/connectors/duckdb/sink_session.h"
#include "nilus/connectors/duckdb/table_load.h"
#include "nilus/data/widening.h"

namespace nilus::duckdb {
namespace {

using duck::Connection;
using duck::TextRow;
using duck::TextValue;

// The tables of the load that is under way, shared with their writers.
struct Loads {
  Loads(duck::DatabaseConfig config, std::chrono::milliseconds lock_wait, std::stop_token stop)
      : session(std::move(config), lock_wait, std::move(stop)) {}
  SinkSession session;
  int64_t next_id = 0;
  std::map<int64_t, std::unique_ptr<TableLoad>> tables;
  std::string load_id;
};

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool IsSameTable(const TableName& a, const TableName& b) {  // as DuckDB compares names
  return EqualIgnoringCase(a.schema, b.schema) && EqualIgnoringCase(a.name, b.name);
}

std::string FolderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Status CheckFolder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(FolderOf(path), error)) return {};
  return FailWithFix(ErrorKind::kNotFound, "create it, or correct the address",
                     "the folder {} of the database {} does not exist", FolderOf(path), path);
}

class DuckdbWriter : public Writer {
 public:
  DuckdbWriter(std::shared_ptr<Loads> loads, int64_t id)
      : loads_(std::move(loads)), id_(id), load_number_(loads_->session.load_number()) {}

  Status Write(RecordBatch batch) override {
    std::lock_guard lock(loads_->session.mutex());
    NILUS_ASSIGN(TableLoad * table, Table());
    return table->Write(std::move(batch)).map_error([&](Error error) {
      return table->WithMemoryFix(std::move(error));
    });
  }
  Result<Receipt> Finish() override {
    std::lock_guard lock(loads_->session.mutex());
    NILUS_ASSIGN(TableLoad * table, Table());
    return table->Finish().map_error([&](Error error) { return table->WithMemoryFix(std::move(error)); });
  }

 private:
  Result<TableLoad*> Table() {
    if (load_number_ != loads_->session.load_number()) return Fail(ErrorKind::kInternal, "a writer outlived its load");
    return loads_->tables.at(id_).get();
  }

  std::shared_ptr<Loads> loads_;
  int64_t id_;
  int64_t load_number_;
};

class DuckdbSink : public Sink {
 public:
  explicit DuckdbSink(std::shared_ptr<Loads> loads) : loads_(std::move(loads)), session_(loads_->session) {}
  ~DuckdbSink() override {
    std::lock_guard lock(session_.mutex());
    Abandon();
    session_.Reopen();  // closes the file, though a forgotten writer may keep the session
  }

  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override;
  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override;
  Result<std::optional<Schema>> Describe(const TableName& table) override;
  Result<bool> CanWiden(const TableName& table, const Field& to) override;
  Result<FindRefused> RefusedBy(const TableName& table) override;
  Result<std::vector<std::string>> Explain(const WriteRequest& request) override;
  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override;
  Result<CommitResult> Commit(const CommitRequest& request) override;
  Result<std::vector<CheckItem>> Check() override;

 private:
  void Abandon() {
    loads_->tables.clear();
    loads_->load_id.clear();
    session_.AbandonLoad();
  }
  Result<CommitResult> TryCommit(const CommitRequest& request);
  Result<std::optional<CommittedState>> ReadState(const PipelineId& pipeline);
  Result<std::optional<int64_t>> VersionOf(const PipelineId& pipeline, const std::string& load_id);
  Status WriteState(const StateSql& sql, const CommitRequest& request, int64_t version);
  Result<CommitResult> AfterFailedCommit(const CommitRequest& request, Error error, const CommitResult& counts);

  std::shared_ptr<Loads> loads_;
  SinkSession& session_;
};

Result<std::optional<CommittedState>> DuckdbSink::ReadState(const PipelineId& pipeline) {
  NILUS_TRY(session_.IdleIfThere());
  NILUS_ASSIGN(StateSql sql, MakeStateSql(session_.dialect(), pipeline.state_schema));
  const TextValue key[] = {pipeline.value};
  NILUS_ASSIGN(std::vector<TextRow> rows, session_.QueryIfThere(sql.select_state, key));
  if (rows.empty()) return std::nullopt;
  const TextRow& row = rows[0];
  NILUS_ASSIGN(int64_t version, ParseStateVersion(row[0].value_or("NULL"), sql.state_table, pipeline));
  return CommittedState{.version = version, .load_id = row[1].value_or(""), .position = Position{row[2].value_or("")}};
}

Result<std::optional<int64_t>> DuckdbSink::VersionOf(const PipelineId& pipeline, const std::string& load_id) {
  NILUS_TRY(session_.IdleIfThere());
  NILUS_ASSIGN(StateSql sql, MakeStateSql(session_.dialect(), pipeline.state_schema));
  const TextValue keys[] = {pipeline.value, load_id};
  NILUS_ASSIGN(std::vector<TextRow> rows, session_.QueryIfThere(sql.select_load, keys));
  if (rows.empty()) return std::nullopt;
  NILUS_ASSIGN(int64_t version, ParseStateVersion(rows[0][0].value_or("NULL"), sql.loads_table, pipeline));
  return version;
}

Result<std::optional<CommittedState>> DuckdbSink::Committed(const PipelineId& pipeline) {
  std::lock_guard lock(session_.mutex());
  return ReadState(pipeline);
}

Result<bool> DuckdbSink::WasCommitted(const PipelineId& pipeline, const std::string& load_id) {
  std::lock_guard lock(session_.mutex());
  NILUS_ASSIGN(std::optional<int64_t> version, VersionOf(pipeline, load_id));
  return version.has_value();
}

Result<std::optional<Schema>> DuckdbSink::Describe(const TableName& table) {
  std::lock_guard lock(session_.mutex());
  NILUS_ASSIGN(std::optional<TargetTable> found, session_.FindTable(table));
  if (!found) return std::nullopt;
  return std::move(found->schema);
}

// DuckDB alters no column of a table with indexes.
Result<bool> DuckdbSink::CanWiden(const TableName& table, const Field& to) {
  std::lock_guard lock(session_.mutex());
  NILUS_ASSIGN(std::optional<TargetTable> found, session_.FindTable(table));
  if (!found || found->is_view || found->has_indexes) return false;
  const std::optional<int> at = found->schema.Find(to.name);
  return at && IsWidening(found->schema.fields[static_cast<size_t>(*at)].type, to.type);
}

Result<FindRefused> DuckdbSink::RefusedBy(const TableName& table) {
  std::lock_guard lock(session_.mutex());
  NILUS_ASSIGN(std::optional<TargetTable> found, session_.FindTable(table));
  if (!found) return FindRefused();
  return JudgeCasts(*found);
}

Result<std::vector<std::string>> DuckdbSink::Explain(const WriteRequest& request) {
  std::lock_guard lock(session_.mutex());
  NILUS_TRY(session_.IdleIfThere());
  NILUS_ASSIGN(LoadSql sql, LoadSql::Make(session_.dialect(), request));
  NILUS_ASSIGN(std::optional<TargetTable> target, session_.FindTable(request.table));
  TargetState state;
  if (target) state = TargetState{.existing = target->schema, .can_drop = target->can_drop};
  std::vector<std::string> statements = {"BEGIN TRANSACTION"};
  for (std::string& statement : sql.CreateStaging()) statements.push_back(std::move(statement));
  NILUS_ASSIGN(std::vector<SqlStep> prepare, sql.PrepareTarget(state));
  NILUS_ASSIGN(std::vector<SqlStep> apply, sql.Apply(state, std::nullopt));
  for (SqlStep& step : prepare) statements.push_back(std::move(step.sql));
  for (SqlStep& step : apply) statements.push_back(std::move(step.sql));
  statements.emplace_back("COMMIT");
  return statements;
}

Result<std::unique_ptr<Writer>> DuckdbSink::Open(const WriteRequest& request) {
  std::lock_guard lock(session_.mutex());
  if (session_.is_loading() && loads_->load_id != request.load_id) Abandon();  // the engine gave that one up
  for (const auto& [id, table] : loads_->tables) {
    if (IsSameTable(table->request().table, request.table))
      return Fail(ErrorKind::kInternal, "table {} is opened twice in one load", request.table.ToString());
  }
  NILUS_TRY(session_.BeginLoad(request.pipeline, request.stop));
  loads_->load_id = request.load_id;
  auto table = TableLoad::Open(&session_, request);
  if (!table) {
    Abandon();
    return Failure(std::move(table).error());
  }
  int64_t id = ++loads_->next_id;
  loads_->tables[id] = *std::move(table);
  return std::make_unique<DuckdbWriter>(loads_, id);
}

Status DuckdbSink::WriteState(const StateSql& sql, const CommitRequest& request, int64_t version) {
  std::string number = fmt::format("{}", version);
  std::string now = FormatWallTime(Now());
  int64_t changed = 0;
  if (request.expected_version == 0) {
    const TextValue row[] = {request.pipeline.value, number, request.load_id, request.position.json, now};
    NILUS_ASSIGN(changed, session_.Execute(sql.insert_state, {}, row));
  } else {
    const TextValue row[] = {number, request.load_id,        request.position.json,
                             now,    request.pipeline.value, fmt::format("{}", request.expected_version)};
    NILUS_ASSIGN(changed, session_.Execute(sql.update_state, {}, row));
  }
  if (changed != 1)
    return Failure(StateConflict(request.pipeline, request.expected_version, request.expected_version + 1));
  const TextValue load[] = {request.load_id, request.pipeline.value, number, now};
  NILUS_TRY(session_.Execute(sql.insert_load, {}, load));
  if (const std::optional<int64_t> forgotten = ForgottenVersion(version)) {
    const TextValue last[] = {request.pipeline.value, fmt::format("{}", *forgotten)};
    NILUS_TRY(session_.Execute(sql.forget_loads, {}, last));
  }
  return {};
}

Result<CommitResult> DuckdbSink::TryCommit(const CommitRequest& request) {
  if (session_.is_loading() && loads_->load_id != request.load_id) Abandon();
  NILUS_TRY(session_.BeginLoad(request.pipeline, {}));
  NILUS_TRY(session_.EndInsert());
  NILUS_ASSIGN(std::optional<int64_t> committed, VersionOf(request.pipeline, request.load_id));
  if (committed) {
    Abandon();
    return CommitResult{.version = *committed};
  }
  NILUS_ASSIGN(std::optional<CommittedState> state, ReadState(request.pipeline));
  int64_t found = state ? state->version : 0;
  if (found != request.expected_version)
    return Failure(StateConflict(request.pipeline, request.expected_version, found));

  for (const auto& [id, table] : loads_->tables) {
    if (!table->is_finished()) {
      return Fail(ErrorKind::kInternal, "the load of {} was committed before its end",
                  table->request().table.ToString());
    }
    if (table->request().stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    NILUS_TRY(table->CheckKeys());
  }
  CommitResult result{.version = request.expected_version + 1};
  NILUS_FAULT_POINT("duckdb.sink.before_apply");
  for (const auto& [id, table] : loads_->tables) {
    CommitResult counts;
    NILUS_TRY(table->Apply(request.interval, &counts));
    result.Add(table->request().table, counts);
  }
  NILUS_FAULT_POINT("duckdb.sink.applied");
  NILUS_ASSIGN(StateSql sql, MakeStateSql(session_.dialect(), request.pipeline.state_schema));
  for (const std::string& statement : sql.create) NILUS_TRY(session_.Execute(statement, {}));
  NILUS_TRY(WriteState(sql, request, result.version));
  NILUS_FAULT_POINT("duckdb.sink.state_written");
  Status done = session_.CommitLoad();
  if (!done) return AfterFailedCommit(request, std::move(done).error(), result);
  return result;
}

// DuckDB said no to COMMIT: what the file holds decides, seen through a new connection.
Result<CommitResult> DuckdbSink::AfterFailedCommit(const CommitRequest& request, Error error,
                                                   const CommitResult& counts) {
  if (error.kind == ErrorKind::kUnknownOutcome) return Failure(std::move(error));  // an injected loss of the answer
  for (const auto& [id, table] : loads_->tables) error = table->WithMemoryFix(std::move(error));
  loads_->tables.clear();
  session_.Reopen();
  Result<std::optional<int64_t>> version = VersionOf(request.pipeline, request.load_id);
  if (!version) {
    return Fail(ErrorKind::kUnknownOutcome, "COMMIT failed ({}), and the file cannot be read now: {}", error.message,
                version.error().message);
  }
  if (version->has_value()) return counts;
  return Failure(InContext("committing", std::move(error)));
}

Result<CommitResult> DuckdbSink::Commit(const CommitRequest& request) {
  std::lock_guard lock(session_.mutex());
  Result<CommitResult> result = TryCommit(request);
  Abandon();
  return result;
}

Result<std::vector<CheckItem>> DuckdbSink::Check() {
  std::lock_guard lock(session_.mutex());
  NILUS_ASSIGN(Connection * connection, session_.IdleIfThere());
  if (connection == nullptr) {
    std::string folder = FolderOf(session_.config().path);
    if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
      return std::vector<CheckItem>{
          {.what = "folder", .ok = false, .detail = fmt::format("no file can be made in {}", folder)}};
    }
    return std::vector<CheckItem>{
        {.what = "file",
         .ok = true,
         .detail = fmt::format("{} does not exist yet; the first load creates it", session_.config().path)}};
  }
  NILUS_ASSIGN(TextValue version, connection->QueryValue("SELECT version()"));
  std::vector<CheckItem> items = {
      {.what = "connect",
       .ok = true,
       .detail = fmt::format("{}, written by DuckDB {}", session_.config().path, version.value_or("?"))}};
  Status written = connection->Execute("BEGIN TRANSACTION").and_then([&](int64_t) {
    std::string table = QuoteTable(session_.dialect(), {.schema = "main", .name = "_nilus_check"});
    return connection->Execute(fmt::format("CREATE TABLE {} (id BIGINT)", table)).map([](int64_t) {});
  });
  Status undone = connection->Execute("ROLLBACK").map([](int64_t) {});
  if (written) written = undone;
  items.push_back(
      {.what = "create tables", .ok = written.has_value(), .detail = written ? "allowed" : written.error().ToString()});
  return items;
}

}  // namespace

Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext& context) {
  NILUS_ASSIGN(std::string path, FilePath(address));
  NILUS_ASSIGN(std::chrono::milliseconds lock_wait, LockWait(address, context.options));
  duck::DatabaseConfig config{.path = std::move(path),
                              .memory_bytes = context.duckdb_bytes,
                              // With one thread DuckDB inserts by another way, which fails with an internal error when
                              // a column was added to a table that holds rows of the same transaction (1.5.6).
                              .threads = std::max(context.threads, 2)};
  auto loads = std::make_shared<Loads>(std::move(config), lock_wait, context.stop);
  auto sink = std::make_unique<DuckdbSink>(loads);
  NILUS_TRY(CheckFolder(loads->session.config().path));
  NILUS_TRY(loads->session.IdleIfThere());
  return sink;
}

}  // namespace nilus::duckdb
