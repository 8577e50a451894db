#include "nilus/duck/stream_function.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "nilus/duck/column_type.h"
#include "nilus/duck/statement.h"
#include "nilus/duck/vector_writer.h"

namespace nilus::duck {
namespace {

constexpr const char* kFunctionName = "nilus_stream";

// State of a bound call.
struct BoundStream {
  std::shared_ptr<StreamFeed> feed;
};

// Which of the relation's columns the statement wants, in its order.
struct Projection {
  std::shared_ptr<StreamFeed> feed;
  std::vector<int> columns;
};

// One scanning thread. It may end before the stream does, while others wait for more.
struct Cursor {
  explicit Cursor(std::shared_ptr<StreamFeed> from) : feed(std::move(from)) {}
  ~Cursor() {
    current = previous = {};
    feed->Leave();
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  const std::shared_ptr<StreamFeed> feed;
  FedBatch current;
  // Vectors hold pointers into a batch's text. DuckDB is done with them when it asks this thread again; the batch
  // before stays one round longer for operators that hand their last chunk on late.
  FedBatch previous;
  int64_t row = 0;
};

template <typename T>
void Delete(void* data) {
  delete static_cast<T*>(data);
}

void Bind(duckdb_bind_info info) {
  auto* registry = static_cast<StreamRegistry*>(duckdb_bind_get_extra_info(info));
  duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
  int64_t id = duckdb_get_int64(parameter);
  duckdb_destroy_value(&parameter);
  std::shared_ptr<StreamFeed> feed = registry->Find(id);
  if (feed == nullptr) return duckdb_bind_set_error(info, "there is no stream of this number");
  for (const Field& field : feed->schema()->fields) {
    TypeHandle type(MakeLogicalType(field.type));
    duckdb_bind_add_result_column(info, field.name.c_str(), type.get());
  }
  duckdb_bind_set_bind_data(info, new BoundStream{std::move(feed)}, Delete<BoundStream>);
}

void Init(duckdb_init_info info) {
  const auto* bound = static_cast<const BoundStream*>(duckdb_init_get_bind_data(info));
  auto projection = std::make_unique<Projection>();
  projection->feed = bound->feed;
  idx_t count = duckdb_init_get_column_count(info);
  for (idx_t i = 0; i < count; ++i)
    projection->columns.push_back(static_cast<int>(duckdb_init_get_column_index(info, i)));
  duckdb_init_set_max_threads(info, static_cast<idx_t>(bound->feed->scan_threads()));
  duckdb_init_set_init_data(info, projection.release(), Delete<Projection>);
}

void InitThread(duckdb_init_info info) {
  const auto* bound = static_cast<const BoundStream*>(duckdb_init_get_bind_data(info));
  duckdb_init_set_init_data(info, new Cursor(bound->feed), Delete<Cursor>);
}

void Scan(duckdb_function_info info, duckdb_data_chunk output) {
  auto* projection = static_cast<Projection*>(duckdb_function_get_init_data(info));
  auto* cursor = static_cast<Cursor*>(duckdb_function_get_local_init_data(info));
  StreamFeed& feed = *projection->feed;
  while (cursor->row >= cursor->current.end_row) {
    std::optional<FedBatch> next = feed.Pop();
    if (std::optional<Error> reason = feed.abort_reason())
      return duckdb_function_set_error(info, reason->message.c_str());
    if (!next) return duckdb_data_chunk_set_size(output, 0);
    cursor->previous = std::exchange(cursor->current, *std::move(next));
    cursor->row = cursor->current.first_row;
  }
  const FedBatch& fed = cursor->current;
  int64_t count = std::min(static_cast<int64_t>(duckdb_vector_size()), fed.end_row - cursor->row);
  for (size_t i = 0; i < projection->columns.size(); ++i) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(output, i);
    int wanted = projection->columns[i];
    // No such column: DuckDB asks for row numbers when it only counts rows.
    bool is_column = wanted >= 0 && wanted < static_cast<int>(fed.columns->size());
    int at = is_column ? (*fed.columns)[static_cast<size_t>(wanted)] : -1;
    at < 0 ? FillNulls(vector, count) : FillVector(fed.batch.column(at), cursor->row, count, vector);
  }
  cursor->row += count;
  duckdb_data_chunk_set_size(output, static_cast<idx_t>(count));
}

}  // namespace

Status RegisterStreamFunction(duckdb_database database, StreamRegistry* registry) {
  duckdb_connection connection = nullptr;
  if (duckdb_connect(database, &connection) == DuckDBError)
    return Fail(ErrorKind::kInternal, "DuckDB opened no connection");
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, kFunctionName);
  TypeHandle bigint(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  duckdb_table_function_add_parameter(function, bigint.get());
  duckdb_table_function_set_extra_info(function, registry, nullptr);
  duckdb_table_function_set_bind(function, Bind);
  duckdb_table_function_set_init(function, Init);
  duckdb_table_function_set_local_init(function, InitThread);
  duckdb_table_function_set_function(function, Scan);
  duckdb_table_function_supports_projection_pushdown(function, true);
  duckdb_state state = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  duckdb_disconnect(&connection);
  if (state == DuckDBError)
    return Fail(ErrorKind::kInternal, "DuckDB did not take the table function {}", kFunctionName);
  return {};
}

std::string StreamRelation(int64_t id) { return fmt::format("{}({})", kFunctionName, id); }

}  // namespace nilus::duck
