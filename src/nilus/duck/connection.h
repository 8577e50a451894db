// SQL on one connection: statements with bound texts, small results as text. Rows in bulk: query_reader.h,
// batch_stream.h.
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/duck/database.h"

namespace nilus::duck {

using TextValue = std::optional<std::string>;  // nothing: NULL
using TextRow = std::vector<TextValue>;
using TextParams = std::span<const TextValue>;

// One thread at a time; a statement is interrupted when its stop token asks (kCancelled). Movable.
class Connection {
 public:
  static Result<Connection> Open(std::shared_ptr<Database> database);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;

  // One statement; `?` or `$1` take the parameters as VARCHAR (cast them in SQL where the type matters). The number of
  // rows that it inserted, updated or deleted, or that COPY … TO wrote; 0 for others.
  Result<int64_t> Execute(const std::string& sql, TextParams params = {}, std::stop_token stop = {});
  // All rows of a small result as canonical texts (data/scalar.h); lists, structs and the like are NULL: cast them in
  // SQL.
  Result<std::vector<TextRow>> Query(const std::string& sql, TextParams params = {}, std::stop_token stop = {});
  // The first value of the first row; nothing for no row or NULL.
  Result<TextValue> QueryValue(const std::string& sql, TextParams params = {}, std::stop_token stop = {});

  // On how many threads DuckDB works for this database from now on. It waits for threads that it gives up, and one that
  // scans a stream waits for rows which perhaps only the caller has: while there are streams (batch_stream.h), the
  // caller's or others', none is given up, and this does nothing.
  Status UseThreads(int threads);

  // The name of the database, which stands before its schemas where a schema may be called the same.
  Result<std::string> CurrentCatalog();

  duckdb_connection handle() const { return handle_; }
  const std::shared_ptr<Database>& database() const { return database_; }

 private:
  Connection() = default;

  std::shared_ptr<Database> database_;
  duckdb_connection handle_ = nullptr;
};

}  // namespace nilus::duck
