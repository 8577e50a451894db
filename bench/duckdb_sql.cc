// duckdb_sql 'SQL…': runs statements in an in-memory DuckDB with its defaults, as a person with DuckDB's shell would.
// For bench/run.
#include <duckdb.h>

#include <cstdio>

int main(int count, char** arguments) {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  if (duckdb_open(nullptr, &database) != DuckDBSuccess || duckdb_connect(database, &connection) != DuckDBSuccess)
    return 1;
  int code = 0;
  for (int i = 1; i < count && code == 0; ++i) {
    duckdb_result result;
    if (duckdb_query(connection, arguments[i], &result) != DuckDBSuccess) {
      std::fprintf(stderr, "%s\n", duckdb_result_error(&result));
      code = 1;
    }
    duckdb_destroy_result(&result);
  }
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return code;
}
