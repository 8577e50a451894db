#include "nilus/connectors/postgres/sink.h"

#include <utility>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/connector/sql_state.h"
#include "nilus/connectors/postgres/dialect.h"
#include "nilus/connectors/postgres/sink_check.h"
#include "nilus/connectors/postgres/sink_session.h"
#include "nilus/connectors/postgres/table_load.h"

namespace nilus::postgres {
namespace {

constexpr OptionSpec kSinkOptions[] = {
    {"lock_timeout", OptionType::kInteger, "10",
     "seconds to wait for another load of the pipeline, or for sessions that hold the table"},
};

// A writer's hold on its load. The load itself is the sink's, and outlives the writer until the commit.
class PostgresWriter : public Writer {
 public:
  PostgresWriter(SinkSession* session, TableLoad* load)
      : session_(session), load_(load), load_number_(session->load_number()) {}

  Status Write(RecordBatch batch) override {
    std::lock_guard lock(session_->mutex());
    NILUS_TRY(CheckLoad());
    return Ended(load_->Write(batch));
  }

  Result<Receipt> Finish() override {
    std::lock_guard lock(session_->mutex());
    NILUS_TRY(CheckLoad());
    auto receipt = load_->Finish();
    if (!receipt) session_->AbandonLoad();
    return receipt;
  }

 private:
  Status CheckLoad() const {
    if (session_->load_number() == load_number_) return {};
    return Fail(ErrorKind::kTransient, "the load that this writer belongs to has ended");
  }
  // Any error has aborted the transaction: nothing of the load can be kept.
  Status Ended(Status status) {
    if (!status) session_->AbandonLoad();
    return status;
  }

  SinkSession* const session_;
  TableLoad* const load_;  // valid while the session's load number is ours
  const int64_t load_number_;
};

class PostgresSink : public Sink {
 public:
  PostgresSink(const Address& address, const OpenContext& context) : session_(address, context) {}

  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    std::lock_guard lock(session_.mutex());
    return FindCommitted(pipeline, session_.context().stop);
  }

  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
    std::lock_guard lock(session_.mutex());
    NILUS_TRY(session_.AwaitOutcome(pipeline, session_.context().stop));
    NILUS_ASSIGN(std::optional<int64_t> version, FindLoad(pipeline, load_id, session_.context().stop));
    return version.has_value();
  }

  Result<std::optional<Schema>> Describe(const TableName& table) override {
    std::lock_guard lock(session_.mutex());
    NILUS_ASSIGN(Connection * connection, session_.Idle(session_.context().stop));
    NILUS_ASSIGN(std::optional<TargetTable> found, FindTable(connection, table, session_.context().stop));
    if (!found) return std::optional<Schema>();
    return std::optional<Schema>(found->ToSchema());
  }

  Result<bool> CanWiden(const TableName& table, const Field& to) override {
    std::lock_guard lock(session_.mutex());
    NILUS_ASSIGN(Connection * connection, session_.Idle(session_.context().stop));
    NILUS_ASSIGN(std::optional<TargetTable> found, FindTable(connection, table, session_.context().stop));
    if (!found) return false;
    return CanWidenColumn(connection, *found, to, session_.context().stop);
  }

  Result<FindRefused> RefusedBy(const TableName& table) override {
    std::lock_guard lock(session_.mutex());
    NILUS_ASSIGN(Connection * connection, session_.Idle(session_.context().stop));
    NILUS_ASSIGN(std::optional<TargetTable> found, FindTable(connection, table, session_.context().stop));
    if (!found) return FindRefused();
    return FindRefused([there = *std::move(found)](const Field& field, const Column& column) {
      const TargetColumn* target = there.Find(field.name);
      return RefusedOf(FitColumn(column, PlanColumn(column.type, target != nullptr ? *target : CreatedColumn(field))));
    });
  }

  Result<std::vector<std::string>> Explain(const WriteRequest& request) override {
    std::lock_guard lock(session_.mutex());
    return ExplainLoad(&session_, request);
  }

  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    std::lock_guard lock(session_.mutex());
    const bool is_another = !loads_.empty() && loads_.front()->request().load_id != request.load_id;
    if (is_another) session_.AbandonLoad();  // nobody will commit that one any more
    if (!session_.is_loading()) loads_.clear();
    for (const auto& load : loads_) {
      if (load->table() == request.table)
        return Fail(ErrorKind::kInternal, "table {} is opened twice in one load", request.table.ToString());
    }
    NILUS_TRY(session_.BeginLoad(request.pipeline, request.stop));
    auto load = TableLoad::Open(&session_, request);
    if (!load) {
      session_.AbandonLoad();
      return Failure(InContext("while preparing table " + request.table.ToString(), std::move(load).error()));
    }
    loads_.push_back(*std::move(load));
    return std::make_unique<PostgresWriter>(&session_, loads_.back().get());
  }

  Result<CommitResult> Commit(const CommitRequest& request) override {
    std::lock_guard lock(session_.mutex());
    if (!session_.is_loading() && !loads_.empty()) {  // else the position would move without the rows
      loads_.clear();
      return Fail(ErrorKind::kTransient, "load {} failed before its commit: nothing of it is left to commit",
                  request.load_id);
    }
    const std::stop_token stop = loads_.empty() ? session_.context().stop : loads_.front()->request().stop;
    auto committed = CommitLocked(request, stop);
    session_.AbandonLoad();  // does nothing after a COMMIT
    loads_.clear();
    return committed;
  }

  Result<std::vector<CheckItem>> Check() override {
    std::lock_guard lock(session_.mutex());
    return CheckSink(&session_);
  }

 private:
  Result<CommitResult> CommitLocked(const CommitRequest& request, const std::stop_token& stop) {
    NILUS_TRY(session_.BeginLoad(request.pipeline, stop));
    NILUS_ASSIGN(std::optional<int64_t> done, FindLoad(request.pipeline, request.load_id, stop));
    if (done) return CommitResult{.version = *done};
    NILUS_ASSIGN(std::optional<CommittedState> state, FindCommitted(request.pipeline, stop));
    const int64_t found = state ? state->version : 0;
    if (found != request.expected_version)
      return Failure(StateConflict(request.pipeline, request.expected_version, found));

    CommitResult result;
    for (const auto& load : loads_) {
      if (!load->is_finished()) {
        return Fail(ErrorKind::kInternal, "commit of table {} before its writer has finished",
                    load->table().ToString());
      }
      CommitResult counts;
      if (Status applied = load->Apply(request.interval, &counts); !applied) {
        return Failure(
            InContext(fmt::format("while loading table {}", load->table().ToString()), std::move(applied).error()));
      }
      result.Add(load->table(), counts);
    }
    NILUS_TRY(WriteState(request, stop));
    result.version = request.expected_version + 1;
    NILUS_TRY(session_.CommitLoad(stop));
    return result;
  }

  Result<std::optional<CommittedState>> FindCommitted(const PipelineId& pipeline, const std::stop_token& stop) {
    NILUS_ASSIGN(StateSql sql, MakeStateSql(PostgresDialect(), pipeline.state_schema));
    NILUS_TRY(session_.Idle(stop));
    NILUS_ASSIGN(bool exists, session_.TableExists(sql.state_table, stop));
    if (!exists) return std::optional<CommittedState>();
    const Connection::Parameter parameters[] = {pipeline.value};
    NILUS_ASSIGN(PgResult row, session_.Query(sql.select_state, parameters, stop));
    if (PQntuples(row.get()) == 0) return std::optional<CommittedState>();
    CommittedState state;
    NILUS_ASSIGN(state.version, ParseStateVersion(FieldText(row, 0, 0), sql.state_table, pipeline));
    state.load_id = FieldText(row, 0, 1);
    state.position.json = FieldText(row, 0, 2);
    return std::optional<CommittedState>(std::move(state));
  }

  Result<std::optional<int64_t>> FindLoad(const PipelineId& pipeline, const std::string& load_id,
                                          const std::stop_token& stop) {
    NILUS_ASSIGN(StateSql sql, MakeStateSql(PostgresDialect(), pipeline.state_schema));
    NILUS_TRY(session_.Idle(stop));
    NILUS_ASSIGN(bool exists, session_.TableExists(sql.loads_table, stop));
    if (!exists) return std::optional<int64_t>();
    const Connection::Parameter parameters[] = {pipeline.value, load_id};
    NILUS_ASSIGN(PgResult row, session_.Query(sql.select_load, parameters, stop));
    if (PQntuples(row.get()) == 0) return std::optional<int64_t>();
    NILUS_ASSIGN(int64_t version, ParseStateVersion(FieldText(row, 0, 0), sql.loads_table, pipeline));
    return version;
  }

  // The last thing before COMMIT: pipelines that share the state tables wait for each other only this long.
  Status WriteState(const CommitRequest& request, const std::stop_token& stop) {
    NILUS_ASSIGN(StateSql sql, MakeStateSql(PostgresDialect(), request.pipeline.state_schema));
    NILUS_FAULT_POINT("postgres.sink.before_state");
    NILUS_ASSIGN(bool has_state, session_.TableExists(sql.state_table, stop));
    NILUS_ASSIGN(bool has_loads, session_.TableExists(sql.loads_table, stop));
    if (!has_state || !has_loads) {
      // Two first commits at once: the second one waits here, and then finds the tables.
      const PipelineId everybody{"", request.pipeline.state_schema};
      const Connection::Parameter key[] = {std::to_string(PipelineLockKey(everybody))};
      NILUS_TRY(session_.Query("SELECT pg_catalog.pg_advisory_xact_lock($1::bigint)", key, stop));
      for (std::string& statement : sql.create) {
        NILUS_TRY(session_.ExecuteStep(SqlStep{std::move(statement)}, request.pipeline.state_schema, nullptr, stop));
      }
    }
    const std::string now = FormatWallTime(Now());
    const std::string version = std::to_string(request.expected_version + 1);
    const std::string expected = std::to_string(request.expected_version);
    Result<PgResult> written = Fail(ErrorKind::kInternal, "nothing written");
    if (request.expected_version == 0) {
      const Connection::Parameter parameters[] = {request.pipeline.value, version, request.load_id,
                                                  request.position.json, now};
      written = session_.Query(sql.insert_state, parameters, stop);
    } else {
      const Connection::Parameter parameters[] = {version, request.load_id,        request.position.json,
                                                  now,     request.pipeline.value, expected};
      written = session_.Query(sql.update_state, parameters, stop);
    }
    if (!written) return Failure(InContext("while storing the position", std::move(written).error()));
    if (ParseInteger(PQcmdTuples(written->get())).value_or(0) != 1) {
      NILUS_ASSIGN(std::optional<CommittedState> state, FindCommitted(request.pipeline, stop));
      return Failure(StateConflict(request.pipeline, request.expected_version, state ? state->version : 0));
    }
    NILUS_FAULT_POINT("postgres.sink.before_load_row");
    const Connection::Parameter parameters[] = {request.load_id, request.pipeline.value, version, now};
    NILUS_TRY(session_.Query(sql.insert_load, parameters, stop));
    if (const std::optional<int64_t> forgotten = ForgottenVersion(request.expected_version + 1)) {
      const Connection::Parameter last[] = {request.pipeline.value, std::to_string(*forgotten)};
      NILUS_TRY(session_.Query(sql.forget_loads, last, stop));
    }
    return {};
  }

  SinkSession session_;
  std::vector<std::unique_ptr<TableLoad>> loads_;  // of the session's present load
};

}  // namespace

std::span<const OptionSpec> SinkOptions() { return kSinkOptions; }

Result<std::unique_ptr<Sink>> OpenPostgresSink(const Address& address, const OpenContext& context) {
  return std::make_unique<PostgresSink>(address, context);
}

}  // namespace nilus::postgres
