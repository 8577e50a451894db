// The table function `nilus_stream(<feed number>)`: a StreamFeed as a relation of SQL. Written against DuckDB's C table
// functions and not duckdb_arrow_scan: that one leaves a view in the database file, takes part in its transactions, and
// forgets filters that the optimizer pushes into it (seen with DuckDB 1.5.6).
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <string>

#include "nilus/base/result.h"
#include "nilus/duck/stream_feed.h"

namespace nilus::duck {

// `registry` outlives the database.
Status RegisterStreamFunction(duckdb_database database, StreamRegistry* registry);
// What stands in FROM.
std::string StreamRelation(int64_t id);

}  // namespace nilus::duck
