#include "nilus/connectors/sqlite/catalog.h"

#include <algorithm>
#include <cctype>

#include "nilus/data/widening.h"

namespace nilus::sqlite {
namespace {

Result<int64_t> Count(Database& db, std::string_view sql, const std::string& table, const std::string& other = {}) {
  NILUS_ASSIGN(Statement statement, db.Prepare(sql));
  statement.BindText(1, table);
  if (sqlite3_bind_parameter_count(statement.handle()) > 1) statement.BindText(2, other);
  NILUS_TRY(statement.Step());
  return statement.Int(0);
}

// Clauses of a CREATE TABLE that a new table of ours would lose. A word inside a name may be taken for one: the table
// is then emptied instead of dropped.
bool HasClauses(std::string sql) {
  std::transform(sql.begin(), sql.end(), sql.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const char* word : {"CHECK", "STRICT", "COLLATE", "WITHOUT", "VIRTUAL"}) {
    if (sql.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

Result<std::optional<TableInfo>> FindTable(Database& db, const std::string& name) {
  NILUS_ASSIGN(Statement find,
               db.Prepare("SELECT name, type, coalesce(sql, '') FROM main.sqlite_schema WHERE name = ?1 COLLATE "
                          "NOCASE AND type IN ('table', 'view') ORDER BY name = ?1 DESC LIMIT 1"));
  find.BindText(1, name);
  NILUS_ASSIGN(const bool found, find.Step());
  if (!found) return std::nullopt;
  TableInfo table;
  table.name = find.Text(0);
  table.is_view = find.Text(1) == "view";
  table.sql = find.Text(2);
  NILUS_ASSIGN(Statement columns, db.Prepare("SELECT name, type, \"notnull\", pk, hidden, dflt_value IS NOT NULL "
                                             "FROM pragma_table_xinfo(?1, 'main') ORDER BY cid"));
  columns.BindText(1, table.name);
  while (true) {
    NILUS_ASSIGN(const bool row, columns.Step());
    if (!row) break;
    if (columns.Int(4) == 1) continue;
    ColumnInfo column;
    column.name = columns.Text(0);
    column.declared = columns.Text(1);
    column.not_null = columns.Int(2) != 0;
    column.primary_key = static_cast<int>(columns.Int(3));
    column.generated = columns.Int(4) > 1;
    column.has_default = columns.Int(5) != 0;
    table.columns.push_back(std::move(column));
  }
  if (!table.is_view) {
    NILUS_ASSIGN(Statement kind, db.Prepare("SELECT type = 'table' AND wr = 0, strict FROM pragma_table_list "
                                            "WHERE schema = 'main' AND name = ?1"));
    kind.BindText(1, table.name);
    NILUS_ASSIGN(const bool is_listed, kind.Step());
    table.has_rowid = is_listed && kind.Int(0) != 0;
    table.is_strict = is_listed && kind.Int(1) != 0;
  }
  return table;
}

Result<std::vector<std::string>> TableNames(Database& db) {
  NILUS_ASSIGN(Statement statement,
               db.Prepare("SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name "
                          "NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"));
  std::vector<std::string> names;
  while (true) {
    NILUS_ASSIGN(const bool row, statement.Step());
    if (!row) return names;
    names.emplace_back(statement.Text(0));
  }
}

Result<TargetState> FindTarget(Database& db, const std::string& name, const std::string& own_index) {
  TargetState state;
  NILUS_ASSIGN(const std::optional<TableInfo> table, FindTable(db, name));
  if (!table) return state;
  if (table->is_view) {
    return FailWithFix(ErrorKind::kInvalidInput, "choose another dest_table",
                       "{} is a view: rows cannot be loaded into it", name);
  }
  state.existing = SchemaOf(*table);
  state.can_drop =
      !HasClauses(table->sql) && std::none_of(table->columns.begin(), table->columns.end(), [](const ColumnInfo& c) {
        return c.not_null || c.primary_key > 0 || c.generated || c.has_default;
      });
  for (const char* sql :
       {"SELECT count(*) FROM pragma_index_list(?1) WHERE name <> ?2",
        "SELECT count(*) FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
        "SELECT count(*) FROM pragma_foreign_key_list(?1)",
        "SELECT count(*) FROM main.sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f "
        "WHERE s.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE"}) {
    if (!state.can_drop) break;
    NILUS_ASSIGN(const int64_t dependents, Count(db, sql, table->name, own_index));
    state.can_drop = dependents == 0;
  }
  return state;
}

Result<bool> HasKeyIndex(Database& db, const std::string& name, const std::vector<std::string>& key) {
  auto is_key = [&](std::string_view column) {
    return std::any_of(key.begin(), key.end(), [&](const std::string& part) {
      return part.size() == column.size() &&
             sqlite3_strnicmp(part.data(), column.data(), static_cast<int>(part.size())) == 0;
    });
  };
  NILUS_ASSIGN(const std::optional<TableInfo> table, FindTable(db, name));
  if (!table) return false;
  // An INTEGER PRIMARY KEY is the table's own order, and no index.
  if (key.size() == 1 && std::any_of(table->columns.begin(), table->columns.end(), [&](const ColumnInfo& column) {
        return column.primary_key == 1 && is_key(column.name);
      })) {
    return true;
  }
  NILUS_ASSIGN(Statement columns,
               db.Prepare("SELECT l.name, i.seqno, coalesce(i.name, '') FROM pragma_index_list(?1, 'main') AS l, "
                          "pragma_index_info(l.name, 'main') AS i WHERE l.partial = 0 ORDER BY l.seq, i.seqno"));
  columns.BindText(1, table->name);
  std::string index;
  size_t matched = 0;
  while (true) {
    NILUS_ASSIGN(const bool row, columns.Step());
    if (!row) return false;
    if (columns.Text(0) != index) matched = 0;
    index = columns.Text(0);
    if (columns.Int(1) == static_cast<int64_t>(matched) && is_key(columns.Text(2)) && ++matched == key.size())
      return true;
  }
}

Result<bool> CanRedeclare(Database& db, const TableInfo& table, const Field& to) {
  const auto column = std::find_if(table.columns.begin(), table.columns.end(),
                                   [&](const ColumnInfo& known) { return known.name == to.name; });
  if (table.is_view || column == table.columns.end()) return false;
  if (column->not_null || column->primary_key > 0 || column->generated || column->has_default) return false;
  const std::optional<Type> type = TypeOfDeclaration(column->declared, ReflectionLevel::kFullWithPrecision);
  if (!type || !IsWidening(*type, to.type) || type->scale != to.type.scale) return false;
  constexpr std::string_view kOthers =
      "SELECT (SELECT count(*) FROM sqlite_schema WHERE type IN ('view', 'trigger')) + "
      "(SELECT count(*) FROM pragma_index_list(?1) AS l, pragma_index_info(l.name) AS c WHERE c.name = ?2 OR c.name IS "
      "NULL) + (SELECT count(*) FROM pragma_foreign_key_list(?1))";
  NILUS_ASSIGN(const int64_t others, Count(db, kOthers, table.name, to.name));
  return others == 0;
}

Schema SchemaOf(const TableInfo& table) {
  Schema schema;
  for (const ColumnInfo& column : table.columns) {
    schema.fields.push_back(Field{
        .name = column.name,
        .type =
            TypeOfDeclaration(column.declared, ReflectionLevel::kFullWithPrecision).value_or(MakeType(TypeId::kText)),
        .nullable = !column.not_null});
  }
  return schema;
}

}  // namespace nilus::sqlite
