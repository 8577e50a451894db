// The two databases of sql_connection.h. Internal to it.
#pragma once

#include <memory>
#include <string>

#include "nilus/lake/sql_connection.h"

namespace nilus::lake {

Result<std::unique_ptr<SqlConnection>> OpenSqliteConnection(const std::string& path);
Result<std::unique_ptr<SqlConnection>> OpenPostgresConnection(const std::string& uri);

}  // namespace nilus::lake
