// DuckDB for the shared SQL of write strategies.
#pragma once

#include "nilus/connector/sql_dialect.h"

namespace nilus::duckdb {

const SqlDialect& DuckdbDialect();

}  // namespace nilus::duckdb
