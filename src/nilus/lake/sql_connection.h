// The little SQL that a catalog in a database needs: statements with texts as parameters, on SQLite or PostgreSQL.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::lake {

struct SqlResult {
  std::vector<std::vector<std::optional<std::string>>> rows;
  int64_t affected = 0;  // by INSERT, UPDATE, DELETE
};

// One thread at a time. A PostgreSQL connection that broke is opened anew by the next statement outside a transaction.
class SqlConnection {
 public:
  virtual ~SqlConnection() = default;
  // A SQLite database that is not there: makes its file. Before, Run is kNotFound.
  virtual Status Create() { return {}; }
  // `$1`, `$2`, … in the order of their first use take the parameters. kTransient: try again (busy, connection lost);
  // kConflict: a key exists already; kNotFound: there is no such table; kAuth as usual. Messages hold no password.
  virtual Result<SqlResult> Run(const std::string& sql, std::span<const std::string> parameters = {}) = 0;
  // False: in the middle of COMMIT the connection was lost, so nobody knows.
  virtual bool knows_outcome() const = 0;
};

// sqlite:///path (three slashes and a relative path, or four and an absolute one, as SQLAlchemy has it;
// "sqlite:///:memory:" for tests), postgresql://user:password@host/db?sslmode=…. kInvalidInput for other schemes.
Result<std::unique_ptr<SqlConnection>> OpenSql(const std::string& uri);

}  // namespace nilus::lake
