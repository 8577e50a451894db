// What stands in a SQLite file: tables, their columns and what hangs on them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/sqlite/database.h"
#include "nilus/connectors/sqlite/types.h"

namespace nilus::sqlite {

struct ColumnInfo {
  std::string name;
  std::string declared;
  bool not_null = false;
  int primary_key = 0;  // place in the primary key, from 1; 0: none
  bool generated = false;
  bool has_default = false;
};

struct TableInfo {
  std::string name;  // as SQLite spells it
  bool is_view = false;
  bool has_rowid = false;           // estimated by max(rowid)
  bool is_strict = false;           // CREATE TABLE … STRICT
  std::string sql;                  // the CREATE statement
  std::vector<ColumnInfo> columns;  // hidden ones of virtual tables left out
};

// The table or view of this name in the file; letter case counts only where two names differ by it alone. Nothing:
// none.
Result<std::optional<TableInfo>> FindTable(Database& db, const std::string& name);
Result<std::vector<std::string>> TableNames(Database& db);

// What write strategies ask of a target. kInvalidInput for a view. `own_index` may go with the table.
Result<TargetState> FindTarget(Database& db, const std::string& name, const std::string& own_index);

// The table's rows are found by these columns: they are its primary key, or the first of an index's, in any order.
Result<bool> HasKeyIndex(Database& db, const std::string& name, const std::vector<std::string>& key);

// The column can be declared anew as `to` with what it holds: nothing but the table itself names it, and equal values
// keep equal texts.
Result<bool> CanRedeclare(Database& db, const TableInfo& table, const Field& to);

// Schema as the sink describes it: a column whose declaration says nothing is text.
Schema SchemaOf(const TableInfo& table);

}  // namespace nilus::sqlite
