// DuckDB files as source and sink: `duckdb:///path`.
#pragma once

#include "nilus/connector/connector.h"

namespace nilus {

extern const Connector kDuckdbConnector;

}  // namespace nilus
