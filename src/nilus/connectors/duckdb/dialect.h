// DuckDB for the shared SQL of write strategies.
#pragma once

#include "nilus/connector/sql_dialect.h"

namespace nilus::duckdb {

const SqlDialect& DuckdbDialect();

// A canonical text (data/scalar.h) as DuckDB's casts read it: they know no '+' before years past 9999.
std::string CastableText(const Scalar& value);

}  // namespace nilus::duckdb
