#include "nilus/duck/query_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/duck/error.h"
#include "nilus/duck/quote.h"
#include "nilus/duck/statement.h"
#include "nilus/duck/vector_reader.h"

namespace nilus::duck {
namespace {

struct Plan {
  PreparedHandle statement;
  std::vector<VectorReader> readers;
  std::shared_ptr<Schema> schema = std::make_shared<Schema>();
};

Plan PlanOf(PreparedHandle statement, bool keep_narrow) {
  Plan plan{.statement = std::move(statement)};
  idx_t columns = duckdb_prepared_statement_column_count(plan.statement.get());
  for (idx_t i = 0; i < columns; ++i) {
    TypeHandle type(duckdb_prepared_statement_column_logical_type(plan.statement.get(), i));
    const char* name = duckdb_prepared_statement_column_name(plan.statement.get(), i);
    plan.readers.push_back(VectorReader::For(type.get(), keep_narrow));
    plan.schema->fields.push_back(Field{.name = name == nullptr ? "" : name, .type = plan.readers.back().type()});
    duckdb_free(const_cast<char*>(name));
  }
  return plan;
}

// A batch has its columns by name, and a DuckDB table ignores case in them: one of the two would be lost.
Status CheckNamesDiffer(const Schema& schema) {
  std::set<std::string> seen;
  for (const Field& field : schema.fields) {
    std::string folded = field.name;
    std::transform(folded.begin(), folded.end(), folded.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!seen.insert(std::move(folded)).second) {
      return FailWithFix(
          ErrorKind::kInvalidInput, fmt::format("give each an alias of its own: … AS {}_2", field.name),
          "the query has two columns named `{}` (case does not count), of which only one could be loaded", field.name);
    }
  }
  return {};
}

// The query with those columns that have no layout of ours turned into text or JSON by DuckDB.
std::string WithCasts(const std::string& sql, const Plan& plan) {
  std::string list;
  std::string names;
  for (size_t i = 0; i < plan.readers.size(); ++i) {
    // By position: a name may hold anything.
    std::string column = fmt::format("c{}", i);
    std::string value = column;
    if (const char* cast = plan.readers[i].cast()) {
      value = std::string_view(cast) == "CAST" ? fmt::format("CAST({} AS VARCHAR)", column)
                                               : fmt::format("{}({})", cast, column);
    }
    list += fmt::format("{}{} AS {}", i == 0 ? "" : ", ", value, QuoteIdentifier(plan.schema->fields[i].name));
    names += (i == 0 ? "" : ", ") + column;
  }
  return fmt::format("SELECT {} FROM ({}\n) AS q({})", list, sql, names);
}

Result<Plan> MakePlan(Connection& connection, const std::string& sql, TextParams params, bool keep_narrow) {
  NILUS_ASSIGN(PreparedHandle statement, Prepare(connection, sql, params));
  Plan plan = PlanOf(std::move(statement), keep_narrow);
  NILUS_TRY(CheckNamesDiffer(*plan.schema));
  bool needs_casts = false;
  for (const VectorReader& reader : plan.readers) needs_casts |= reader.cast() != nullptr;
  if (!needs_casts) return plan;
  std::string text = sql;
  while (!text.empty() && (text.back() == ';' || text.back() == ' ' || text.back() == '\n')) text.pop_back();
  NILUS_ASSIGN(PreparedHandle with_casts, Prepare(connection, WithCasts(text, plan), params));
  return PlanOf(std::move(with_casts), keep_narrow);
}

}  // namespace

struct QueryReader::State {
  // What still runs would be waited for by the connection's next statement, or its end.
  ~State() {
    if (connection != nullptr && !at_end) duckdb_interrupt(connection->handle());
  }

  Connection* connection = nullptr;
  QueryReaderOptions options;
  Plan plan;
  ResultHandle result;
  int64_t fixed_row_bytes = 0;
  std::optional<BatchBuilder> builder;

  bool at_end = false;
  ChunkHandle chunk;
  int64_t chunk_rows = 0;
  int64_t next_row = 0;
  std::array<int64_t, 8192> row_bytes;  // of the chunk; only where a column has values of different lengths

  Status FetchChunk(const std::stop_token& stop);
  int64_t RowsThatFit(int64_t rows_so_far, int64_t bytes_so_far) const;
};

// The next chunk with rows; none at the end.
Status QueryReader::State::FetchChunk(const std::stop_token& stop) {
  std::stop_callback interrupt(stop, [this] { duckdb_interrupt(connection->handle()); });
  do {
    chunk.reset();
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    chunk.reset(duckdb_fetch_chunk(*result.get()));
    if (chunk == nullptr) {
      const char* message = duckdb_result_error(result.get());
      if (message == nullptr || *message == '\0') {
        at_end = true;
        return {};
      }
      if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
      return Failure(MapError(duckdb_result_error_type(result.get()), message));
    }
    chunk_rows = static_cast<int64_t>(duckdb_data_chunk_get_size(chunk.get()));
  } while (chunk_rows == 0);
  next_row = 0;
  if (chunk_rows > static_cast<int64_t>(row_bytes.size())) {
    return Fail(ErrorKind::kInternal, "DuckDB gave a chunk of {} rows", chunk_rows);
  }
  std::fill_n(row_bytes.begin(), chunk_rows, fixed_row_bytes);
  for (size_t i = 0; i < plan.readers.size(); ++i) {
    plan.readers[i].AddByteSizes(duckdb_data_chunk_get_vector(chunk.get(), i), 0, chunk_rows, row_bytes.data());
  }
  const int64_t largest = *std::max_element(row_bytes.begin(), row_bytes.begin() + chunk_rows);
  if (largest > std::numeric_limits<int32_t>::max()) {  // the offsets of a column's values
    return Fail(ErrorKind::kData, "a row has {} MiB: no more than 2 GiB can be moved at once", largest >> 20);
  }
  return {};
}

int64_t QueryReader::State::RowsThatFit(int64_t rows_so_far, int64_t bytes_so_far) const {
  int64_t row = next_row;
  while (row < chunk_rows && rows_so_far < options.page_rows) {
    bytes_so_far += row_bytes[static_cast<size_t>(row)];
    if (bytes_so_far > options.batch_bytes && rows_so_far > 0) break;
    ++rows_so_far;
    ++row;
  }
  return row - next_row;
}

QueryReader::QueryReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
QueryReader::~QueryReader() = default;

Result<std::unique_ptr<QueryReader>> QueryReader::Open(Connection& connection, const std::string& sql,
                                                       TextParams params, const QueryReaderOptions& options,
                                                       std::stop_token stop) {
  auto state = std::make_unique<State>();
  state->connection = &connection;
  state->options = options;
  NILUS_ASSIGN(state->plan, MakePlan(connection, sql, params, options.keep_narrow));
  for (const VectorReader& reader : state->plan.readers) {
    state->fixed_row_bytes += reader.has_bytes() ? 4 : FixedWidth(reader.type().id);
  }
  NILUS_ASSIGN(state->result, Run(connection, state->plan.statement.get(), ResultMode::kStreaming, stop));
  SchemaPtr schema = state->plan.schema;
  state->builder.emplace(schema);
  std::unique_ptr<QueryReader> reader(new QueryReader(std::move(state)));
  reader->schema_ = std::move(schema);
  return reader;
}

Result<std::optional<RecordBatch>> QueryReader::Next(std::stop_token stop) {
  State& state = *state_;
  if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  BatchBuilder& builder = *state.builder;
  int64_t bytes = 0;
  while (!state.at_end) {
    if (state.next_row >= state.chunk_rows) {
      NILUS_TRY(state.FetchChunk(stop));
      if (state.at_end) break;
    }
    int64_t count = state.RowsThatFit(builder.num_rows(), bytes);
    if (count == 0) break;
    int64_t end = state.next_row + count;
    for (int64_t row = state.next_row; row < end; ++row) bytes += state.row_bytes[static_cast<size_t>(row)];
    for (size_t i = 0; i < state.plan.readers.size(); ++i) {
      state.plan.readers[i].Append(duckdb_data_chunk_get_vector(state.chunk.get(), i), state.next_row, end,
                                   static_cast<int>(i), &builder);
    }
    builder.FinishRows(count);
    state.next_row = end;
  }
  if (builder.num_rows() == 0) return std::nullopt;
  return builder.Finish();
}

Result<Schema> DescribeQuery(Connection& connection, const std::string& sql, TextParams params, bool keep_narrow) {
  NILUS_ASSIGN(Plan plan, MakePlan(connection, sql, params, keep_narrow));
  return *plan.schema;
}

}  // namespace nilus::duck
