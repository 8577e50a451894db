#include "nilus/connectors/postgres/catalog.h"

#include <array>
#include <charconv>

#include "nilus/base/nearest.h"
#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/sqlstate.h"

namespace nilus::postgres {
namespace {

constexpr std::string_view kRelationColumns =
    "n.nspname, c.relname, c.oid, c.relkind, coalesce(am.amname, '') = 'heap' OR am.oid IS NULL, "
    "pg_catalog.row_security_active(c.oid), "
    "CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END, "
    "pg_catalog.current_setting('block_size'), c.reltuples ";
constexpr int kRelationColumnCount = 9;

// From a column's type through its domains to the base type; $-parameters and the first step are the caller's. A
// domain's NOT NULL is not taken for the column's: outer joins and sub-selects make NULLs of such types all the same.
std::string TypesQuery(std::string_view first_step, std::string_view key_position, std::string_view joins) {
  return fmt::format(
      "WITH RECURSIVE step AS ({} UNION ALL "
      "SELECT s.n, s.name, s.not_null, d.typbasetype, CASE WHEN d.typtypmod <> -1 THEN d.typtypmod "
      "ELSE s.typmod END "
      "FROM step s JOIN pg_catalog.pg_type d ON d.oid = s.type AND d.typtype = 'd') "
      "SELECT s.name, s.not_null, t.oid, s.typmod, t.typtype, t.typcategory, tn.nspname, t.typname, "
      "coalesce(e.extname, ''), {}, s.n, coalesce(el.oid, 0::pg_catalog.oid), coalesce(el.typtype, ' ') "
      "FROM step s JOIN pg_catalog.pg_type t ON t.oid = s.type AND t.typtype <> 'd' "
      "JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace "
      "LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND x.objid = t.oid "
      "AND x.deptype = 'e' AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass "
      "LEFT JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid "
      "LEFT JOIN pg_catalog.pg_type el ON el.oid = t.typelem AND el.typarray = t.oid {} ORDER BY s.n",
      first_step, key_position, joins);
}

int64_t FieldInteger(const PgResult& result, int row, int column) {
  return ParseInteger(FieldText(result, row, column)).value_or(0);
}
bool FieldIsTrue(const PgResult& result, int row, int column) { return FieldText(result, row, column) == "t"; }
char FieldChar(const PgResult& result, int row, int column) {
  std::string_view text = FieldText(result, row, column);
  return text.empty() ? ' ' : text[0];
}

Relation ReadRelation(const PgResult& result, int row) {
  Relation relation;
  relation.ref = {std::string(FieldText(result, row, 0)), std::string(FieldText(result, row, 1))};
  relation.oid = static_cast<uint32_t>(FieldInteger(result, row, 2));
  relation.kind = FieldChar(result, row, 3);
  relation.is_heap = (relation.kind == 'r' || relation.kind == 'm') && FieldIsTrue(result, row, 4);
  relation.is_row_secured = FieldIsTrue(result, row, 5);
  relation.block_bytes = std::max<int64_t>(FieldInteger(result, row, 7), 1);
  relation.blocks = FieldInteger(result, row, 6) / relation.block_bytes;
  std::string_view rows = FieldText(result, row, 8);
  std::from_chars(rows.data(), rows.data() + rows.size(), relation.estimated_rows);
  return relation;
}

std::vector<CatalogColumn> ReadColumnRows(const PgResult& result) {
  std::vector<CatalogColumn> columns;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    CatalogColumn column;
    column.name = FieldText(result, row, 0);
    column.not_null = FieldIsTrue(result, row, 1);
    column.type.oid = static_cast<uint32_t>(FieldInteger(result, row, 2));
    column.type.typmod = static_cast<int32_t>(FieldInteger(result, row, 3));
    column.type.kind = FieldChar(result, row, 4);
    column.type.category = FieldChar(result, row, 5);
    column.type.schema = FieldText(result, row, 6);
    column.type.name = FieldText(result, row, 7);
    column.type.extension = FieldText(result, row, 8);
    column.primary_key_position = static_cast<int>(FieldInteger(result, row, 9));
    column.number = static_cast<int>(FieldInteger(result, row, 10));
    column.type.element = static_cast<uint32_t>(FieldInteger(result, row, 11));
    column.type.element_kind = FieldChar(result, row, 12);
    columns.push_back(std::move(column));
  }
  return columns;
}

Failure UnknownRelation(Connection& connection, const TableRef& ref, const std::stop_token& stop) {
  auto known = connection.Execute(
      "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
      "c.relnamespace "
      "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', "
      "'pg_toast') "
      "ORDER BY 1 LIMIT 5000",
      stop);
  if (!known) return Failure(known.error());
  std::vector<std::string_view> names;
  names.reserve(static_cast<size_t>(PQntuples(known->get())));
  for (int row = 0; row < PQntuples(known->get()); ++row) names.push_back(FieldText(*known, row, 0));
  std::string nearest = Nearest(ref.ToString(), names);
  for (std::string_view name : names) {  // the same table in another schema
    if (nearest.empty() && name.substr(name.find('.') + 1) == ref.name) nearest = name;
  }
  return FailWithFix(ErrorKind::kNotFound,
                     nearest.empty() ? "write schema.table as the database spells it" : "did you mean " + nearest + "?",
                     "table {} does not exist in database {}", ref.ToString(), PQdb(connection.raw()));
}

}  // namespace

Result<Relation> FindRelation(Connection& connection, const TableRef& ref, const std::stop_token& stop) {
  std::string sql = "SELECT ";
  sql += kRelationColumns;
  sql +=
      "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
      "LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam "
      "WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
  std::array<Connection::Parameter, 2> parameters = {ref.schema, ref.name};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  if (PQntuples(result.get()) == 0) return UnknownRelation(connection, ref, stop);
  return ReadRelation(result, 0);
}

Result<std::vector<CatalogColumn>> ReadColumns(Connection& connection, uint32_t relation, const std::stop_token& stop) {
  // indkey counts from 0; INCLUDE columns (PostgreSQL 11) stand behind the key's.
  std::string key_limit = connection.server_version() >= 110000 ? "i.indnkeyatts" : "i.indnatts";
  // Reading a table reads its heirs too, which obey neither its primary key nor, always, its NOT NULL. Partitions do.
  const std::string holds =
      " AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent "
      "WHERE p.oid = $1::pg_catalog.oid AND p.relkind <> 'p')";
  std::string sql = TypesQuery(
      "SELECT a.attnum::pg_catalog.int4 AS n, a.attname AS name, a.attnotnull" + holds +
          " AS not_null, a.atttypid AS type, a.atttypmod AS typmod "
          "FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT "
          "a.attisdropped",
      "coalesce((SELECT k.p FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, p) "
      "WHERE k.attnum = s.n AND k.p <= " +
          key_limit + "), 0)",
      "LEFT JOIN pg_catalog.pg_index i ON i.indrelid = $1::pg_catalog.oid AND i.indisprimary AND i.indisvalid" + holds);
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation)};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  return ReadColumnRows(result);
}

Result<std::vector<CatalogColumn>> ReadTypes(Connection& connection,
                                             const std::vector<std::pair<uint32_t, int32_t>>& types_and_typmods,
                                             const std::stop_token& stop) {
  std::string types = "{";
  std::string typmods = "{";
  for (const auto& [type, typmod] : types_and_typmods) {
    if (types.size() > 1) {
      types += ',';
      typmods += ',';
    }
    types += std::to_string(type);
    typmods += std::to_string(typmod);
  }
  std::string sql = TypesQuery(
      "SELECT c.n::pg_catalog.int4 AS n, ''::pg_catalog.name AS name, false AS not_null, c.type, c.typmod "
      "FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[])) WITH "
      "ORDINALITY c(type, typmod, n)",
      "0", "");
  std::array<Connection::Parameter, 2> parameters = {types + "}", typmods + "}"};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  return ReadColumnRows(result);
}

Result<std::vector<CatalogColumn>> DescribeQuery(Connection& connection, const std::string& query,
                                                 const std::stop_token& stop) {
  auto described = connection.DescribeStatement(query, stop);
  if (!described) return Failure(InContext("checking the query", described.error()));
  int count = PQnfields(described->get());
  if (count == 0) {
    return FailWithFix(ErrorKind::kInvalidInput, "write query:SELECT …", "the query returns no columns");
  }
  // It is valid by itself; what cannot stand in a FROM clause is no SELECT, or writes in its WITH.
  auto nested = connection.DescribeStatement("SELECT FROM (" + query + "\n) AS t", stop);
  if (!nested) {
    Error error = std::move(nested).error();
    if (error.kind == ErrorKind::kInvalidInput || error.kind == ErrorKind::kUnsupported) {
      error.kind = ErrorKind::kInvalidInput;
      error.fix = kOnlyReadsFix;
    }
    return Failure(InContext("checking the query", std::move(error)));
  }
  std::vector<std::pair<uint32_t, int32_t>> types;
  types.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) types.emplace_back(PQftype(described->get(), i), PQfmod(described->get(), i));
  NILUS_ASSIGN(std::vector<CatalogColumn> columns, ReadTypes(connection, types, stop));
  if (columns.size() != static_cast<size_t>(count)) {
    return Fail(ErrorKind::kTransient, "a type of the query's result vanished while it was looked up");
  }
  for (int i = 0; i < count; ++i) columns[static_cast<size_t>(i)].name = PQfname(described->get(), i);
  return columns;
}

Result<std::vector<Partition>> ReadPartitions(Connection& connection, uint32_t relation, const std::stop_token& stop) {
  std::string sql =
      "WITH RECURSIVE part AS (SELECT inhrelid AS oid FROM pg_catalog.pg_inherits WHERE inhparent = $1::pg_catalog.oid "
      "UNION ALL SELECT i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid) SELECT ";
  sql += kRelationColumns;
  sql +=
      ", pg_catalog.has_table_privilege(c.oid, 'SELECT') FROM part JOIN pg_catalog.pg_class c ON c.oid = part.oid "
      "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam "
      "WHERE c.relkind <> 'p' ORDER BY n.nspname, c.relname";
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation)};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  std::vector<Partition> partitions;
  partitions.reserve(static_cast<size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    partitions.push_back({ReadRelation(result, row), FieldIsTrue(result, row, kRelationColumnCount)});
  }
  return partitions;
}

}  // namespace nilus::postgres
