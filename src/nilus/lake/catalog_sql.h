// A catalog in a database: the tables of Iceberg's JDBC catalog (iceberg_tables, iceberg_namespace_properties), which
// other engines share. A commit writes <N>-<uuid>.metadata.json, then moves the table's row to it if the row still says
// the base's file. Several tables are committed in one database transaction.
#pragma once

#include <functional>
#include <string>

#include "nilus/lake/catalog.h"

namespace nilus::lake {

struct SqlCatalogOptions {
  std::string uri;               // sqlite:///path or postgresql://…
  std::string name = "default";  // catalog_name: several catalogs may share the tables
  StorePtr warehouse;            // where new tables go: <schema>/<table>, <schema>/<table>-<8 digits> if that is taken
  // Opens the store of a table that lies elsewhere. Absent: such tables are refused.
  std::function<Result<StorePtr>(const std::string& location)> open_store;
};

// Connects. The two tables (and SQLite's file) are made by the first creation of a table: reading leaves no trace, and
// needs no right to create.
Result<CatalogPtr> OpenSqlCatalog(SqlCatalogOptions options);

}  // namespace nilus::lake
