#include "nilus/duck/batch_stream.h"

#include <exception>
#include <future>
#include <optional>
#include <utility>

#include "nilus/duck/statement.h"
#include "nilus/duck/stream_function.h"

namespace nilus::duck {

struct BatchStream::State {
  Connection* connection = nullptr;
  std::shared_ptr<StreamFeed> feed;
  int64_t id = 0;
  std::string sql;

  // Where the columns of the last pushed schema are.
  SchemaPtr last_schema;
  std::shared_ptr<const std::vector<int>> last_columns;

  std::stop_source interrupt;  // ends the running statement
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  Result<std::vector<TextRow>> outcome;  // the statement's thread's until `done`
  std::future<void> done;

  void RunStatement();
  void Abort(Error reason);
  ~State();
};

void BatchStream::State::RunStatement() {
  auto run = [this]() -> Result<std::vector<TextRow>> {
    NILUS_ASSIGN(PreparedHandle statement, Prepare(*connection, sql, {}));
    NILUS_ASSIGN(ResultHandle result,
                 Run(*connection, statement.get(), ResultMode::kMaterialized, interrupt.get_token()));
    return TextRowsOf(result);
  };
  try {
    outcome = run();
  } catch (const std::exception& problem) {
    outcome = Fail(ErrorKind::kExhausted, "running a statement of DuckDB: {}", problem.what());
  }
  if (outcome) {
    // A statement that ended without reading everything (LIMIT) leaves nobody to make room for further batches.
    feed->Abort(Error{ErrorKind::kInternal, "the statement ended before its rows did", {}});
  } else {
    feed->Abort(outcome.error());
  }
}

void BatchStream::State::Abort(Error reason) {
  feed->Abort(std::move(reason));
  interrupt.request_stop();
}

BatchStream::State::~State() {
  on_stop.reset();
  if (done.valid()) {
    Abort(Error{ErrorKind::kCancelled, "the rows' producer gave up", {}});
    done.get();
  }
  if (feed != nullptr) connection->database()->streams().Remove(id);
}

BatchStream::BatchStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
BatchStream::~BatchStream() = default;

Result<std::unique_ptr<BatchStream>> BatchStream::Start(Connection& connection, const StatementFor& statement_for,
                                                        BatchStreamOptions options) {
  auto state = std::make_unique<State>();
  state->connection = &connection;
  int threads = options.single_thread ? 1 : connection.database()->config().threads;
  state->feed = std::make_shared<StreamFeed>(std::move(options.schema), options.queue_bytes, threads);
  state->id = connection.database()->streams().Add(state->feed);
  state->sql = statement_for(StreamRelation(state->id));
  State* raw = state.get();
  state->on_stop.emplace(options.stop, [raw] { raw->Abort(Error{ErrorKind::kCancelled, "stopped", {}}); });
  state->done = connection.database()->threads().Start([raw] { raw->RunStatement(); });
  return std::unique_ptr<BatchStream>(new BatchStream(std::move(state)));
}

bool BatchStream::Accepts(const Schema& schema) const {
  for (const Field& field : schema.fields) {
    std::optional<int> at = state_->feed->schema()->Find(field.name);
    if (!at || !(state_->feed->schema()->fields[static_cast<size_t>(*at)].type == field.type)) return false;
  }
  return true;
}

Status BatchStream::Push(RecordBatch batch) {
  int64_t rows = batch.num_rows();
  return PushRows(std::move(batch), 0, rows);
}

void BatchStream::CloseInput() { state_->feed->Close(); }

Status BatchStream::PushRows(RecordBatch batch, int64_t first_row, int64_t count) {
  State& state = *state_;
  if (count == 0) return {};
  if (state.last_columns == nullptr || batch.schema() != state.last_schema) {
    if (!Accepts(*batch.schema()))
      return Fail(ErrorKind::kInternal, "a batch has columns that its stream does not have");
    auto columns = std::make_shared<std::vector<int>>();
    for (const Field& field : state.feed->schema()->fields)
      columns->push_back(batch.schema()->Find(field.name).value_or(-1));
    state.last_schema = batch.schema();
    state.last_columns = std::move(columns);
  }
  if (state.feed->Push(FedBatch{std::move(batch), first_row, first_row + count, state.last_columns})) return {};
  return Failure(
      state.feed->abort_reason().value_or(Error{ErrorKind::kInternal, "rows were pushed behind the end", {}}));
}

Result<std::vector<TextRow>> BatchStream::Finish() {
  State& state = *state_;
  state.feed->Close();
  state.done.get();
  state.on_stop.reset();
  if (state.outcome) return std::move(state.outcome);
  // What made the statement fail, rather than how it noticed.
  return Failure(state.feed->abort_reason().value_or(state.outcome.error()));
}

}  // namespace nilus::duck
