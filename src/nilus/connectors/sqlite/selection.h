// What a read request asks of a SQLite file, as one SELECT with its parameters.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/connectors/sqlite/database.h"

namespace nilus::sqlite {

struct SelectedColumn {
  std::string name;
  std::string declared;
  Type type;
  bool not_null = false;
};

// Named parameters (":interval_start") and their values.
using Parameters = std::vector<std::pair<std::string, Scalar>>;

struct Selection {
  std::string label;                    // for people: "orders", "query"
  std::vector<SelectedColumn> columns;  // without excluded ones
  std::vector<std::string> primary_key;
  std::string sql;        // SELECT columns FROM … WHERE range LIMIT n
  std::string upper_sql;  // highest key, one row or none; empty: the request has no range
  Type key_type;
  std::string estimate_sql;  // empty: there is no cheap estimate
  Parameters parameters;
};

// Looks at the file inside the caller's transaction. kNotFound for a table or column that does not exist, kInvalidInput
// for a query that is no single SELECT, unknown excluded columns, bounds that are none of the key's type. Columns
// without a telling declaration get the type that all their values in the range have in common (a scan).
Result<Selection> Select(Database& db, const ReadRequest& request);

Status BindParameters(const Statement& statement, const Parameters& parameters);

}  // namespace nilus::sqlite
