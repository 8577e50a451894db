#include "nilus/duck/statement.h"

#include <utility>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/duck/error.h"
#include "nilus/duck/vector_reader.h"

namespace nilus::duck {
namespace {

struct DestroyPending {
  void operator()(duckdb_pending_result pending) const { duckdb_destroy_pending(&pending); }
};
using PendingHandle = std::unique_ptr<std::remove_pointer_t<duckdb_pending_result>, DestroyPending>;

Failure Cancelled() { return Fail(ErrorKind::kCancelled, "stopped"); }

std::string TextOr(const char* text) { return text == nullptr ? "unknown error" : text; }

}  // namespace

Result<PreparedHandle> Prepare(Connection& connection, const std::string& sql, TextParams params) {
  if (sql.find('\0') != std::string::npos) {
    return Fail(ErrorKind::kInvalidInput,
                "a name or text in SQL for DuckDB holds a NUL character, which it cannot have there");
  }
  duckdb_prepared_statement raw = nullptr;
  duckdb_state state = duckdb_prepare(connection.handle(), sql.c_str(), &raw);
  PreparedHandle statement(raw);
  if (state == DuckDBError) {
    return Failure(MapError(DUCKDB_ERROR_INVALID, TextOr(duckdb_prepare_error(raw))));
  }
  if (idx_t wanted = duckdb_nparams(raw); wanted != params.size()) {
    return Fail(ErrorKind::kInvalidInput, "the statement has {} parameters, {} were given", wanted, params.size());
  }
  for (size_t i = 0; i < params.size(); ++i) {
    state = params[i] ? duckdb_bind_varchar_length(raw, i + 1, params[i]->data(), params[i]->size())
                      : duckdb_bind_null(raw, i + 1);
    if (state == DuckDBError) {
      return Failure(MapError(DUCKDB_ERROR_INVALID, TextOr(duckdb_prepare_error(raw))));
    }
  }
  return statement;
}

Result<ResultHandle> Run(Connection& connection, duckdb_prepared_statement statement, ResultMode mode,
                         const std::stop_token& stop) {
  // An interrupt counts only while a statement runs: its start clears what came before, so that is asked for again. The
  // statement is run even then: its tasks may be at work already, and only the run waits for their end.
  std::stop_callback interrupt(stop, [&] { duckdb_interrupt(connection.handle()); });
  duckdb_pending_result raw = nullptr;
  duckdb_state state = mode == ResultMode::kStreaming ? duckdb_pending_prepared_streaming(statement, &raw)
                                                      : duckdb_pending_prepared(statement, &raw);
  PendingHandle pending(raw);
  if (stop.stop_requested()) duckdb_interrupt(connection.handle());
  if (state == DuckDBError) {
    if (stop.stop_requested()) return Cancelled();
    return Failure(MapError(DUCKDB_ERROR_INVALID, TextOr(duckdb_pending_error(raw))));
  }
  ResultHandle result;
  if (duckdb_execute_pending(raw, result.get()) == DuckDBError) {
    if (stop.stop_requested()) return Cancelled();
    return Failure(MapError(duckdb_result_error_type(result.get()), TextOr(duckdb_result_error(result.get()))));
  }
  return result;
}

Result<std::vector<TextRow>> TextRowsOf(ResultHandle& result) {
  std::vector<VectorReader> readers;
  auto schema = std::make_shared<Schema>();
  for (idx_t i = 0; i < duckdb_column_count(result.get()); ++i) {
    TypeHandle type(duckdb_column_logical_type(result.get(), i));
    readers.push_back(VectorReader::For(type.get(), /*keep_narrow=*/true));
    schema->fields.push_back(Field{.name = duckdb_column_name(result.get(), i), .type = readers.back().type()});
  }
  std::vector<TextRow> rows;
  while (ChunkHandle chunk{duckdb_fetch_chunk(*result.get())}) {
    int64_t size = static_cast<int64_t>(duckdb_data_chunk_get_size(chunk.get()));
    BatchBuilder builder(schema);
    for (size_t i = 0; i < readers.size(); ++i) {
      readers[i].Append(duckdb_data_chunk_get_vector(chunk.get(), i), 0, size, static_cast<int>(i), &builder);
    }
    builder.FinishRows(size);
    RecordBatch batch = builder.Finish();
    for (int64_t row = 0; row < size; ++row) {
      TextRow texts;
      for (int i = 0; i < batch.schema()->size(); ++i) {
        const Column& column = batch.column(i);
        bool is_variant =
            !batch.schema()->fields[static_cast<size_t>(i)].variant_of.empty();  // of the column before it
        if (!is_variant) texts.emplace_back();
        if (column.IsNull(row)) continue;
        AppendCellText(column, row, &texts.back().emplace());
      }
      rows.push_back(std::move(texts));
    }
  }
  return rows;
}

}  // namespace nilus::duck
