// SQLite database files, read and written through the SQLite library. README.md says what is supported.
#pragma once

#include "nilus/connector/connector.h"

namespace nilus {

extern const Connector kSqliteConnector;

}  // namespace nilus
