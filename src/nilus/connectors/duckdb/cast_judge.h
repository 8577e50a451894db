// What the columns of a table refuse or would change (column_cast.h), said of rows that are not on their way to it yet:
// DuckDB casts them in memory.
#pragma once

#include "nilus/connectors/duckdb/sink_session.h"
#include "nilus/data/refused.h"

namespace nilus::duckdb {

// Empty: the table's columns hold all values of their types.
Result<FindRefused> JudgeCasts(const TargetTable& table);

}  // namespace nilus::duckdb
