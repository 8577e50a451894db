// PostgreSQL for the shared SQL of connector/sql_strategy.h and sql_state.h.
#pragma once

#include "nilus/connector/sql_dialect.h"

namespace nilus::postgres {

const SqlDialect& PostgresDialect();

}  // namespace nilus::postgres
