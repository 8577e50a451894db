// DuckDB for the shared SQL of write strategies.
#pragma once

#include <string>

#include "nilus/connector/sql_dialect.h"

namespace nilus::duckdb {

// For the tables of one database: `catalog` is its name, which is that of its file without an ending.
SqlDialect DuckdbDialect(std::string catalog);

}  // namespace nilus::duckdb
