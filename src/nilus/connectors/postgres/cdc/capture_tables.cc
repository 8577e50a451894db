#include "nilus/connectors/postgres/cdc/capture_tables.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "nilus/base/option_spec.h"

namespace nilus::postgres {
namespace {

bool IsTrueField(const PgResult& result, int row, int column) { return FieldText(result, row, column) == "t"; }

char CharField(const PgResult& result, int row, int column) {
  const std::string_view text = FieldText(result, row, column);
  return text.empty() ? ' ' : text[0];
}

}  // namespace

Result<std::vector<std::string>> ReadLogKey(Connection& connection, uint32_t relation, char identity,
                                            const std::stop_token& stop) {
  std::vector<std::string> key;
  if (identity == 'n') return key;
  const std::string limit = connection.server_version() >= 110000 ? "i.indnkeyatts" : "i.indnatts";
  const std::string which = identity == 'i' ? "i.indisreplident" : "i.indisprimary";
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation)};
  NILUS_ASSIGN(PgResult result,
               connection.Query("SELECT a.attname FROM pg_catalog.pg_index i, "
                                "pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k(attnum, p), "
                                "pg_catalog.pg_attribute a WHERE i.indrelid = $1::pg_catalog.oid AND i.indisvalid AND "
                                "i.indimmediate AND " +
                                    which + " AND a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.p <= " + limit +
                                    " ORDER BY k.p",
                                parameters, stop));
  for (int row = 0; row < PQntuples(result.get()); ++row) key.emplace_back(FieldText(result, row, 0));
  return key;
}

Result<ColumnTraits> ReadColumnTraits(Connection& connection, uint32_t relation, const std::stop_token& stop) {
  const int version = connection.server_version();
  std::string sql = "SELECT attname, ";
  sql += version >= 120000 ? "attgenerated, " : "'', ";
  sql += "atthasdef OR attidentity <> ''";
  sql += version >= 110000 ? " OR atthasmissing " : " ";
  sql += "FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.oid AND attnum > 0 AND NOT attisdropped";
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation)};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  ColumnTraits traits;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    const std::string name(FieldText(result, row, 0));
    const std::string_view generated = FieldText(result, row, 1);
    traits.names.insert(name);
    if (!generated.empty()) traits.generated.insert(name);
    if (generated == "s") traits.stored.insert(name);
    if (IsTrueField(result, row, 2)) traits.filled.insert(name);
  }
  return traits;
}

Result<std::vector<FoundTable>> FindCapturedTables(Connection& connection, const CaptureSettings& settings,
                                                   bool via_partition_root, const std::stop_token& stop) {
  // PostgreSQL 10 knows no partitions below partitions' columns relispartition too: it is there since 10.
  NILUS_ASSIGN(
      PgResult result,
      connection.Execute(
          "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident, c.relispartition, c.relpersistence, "
          "pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT'), "
          "pg_catalog.row_security_active(c.oid), c.reltuples, c.relkind = 'r' AND c.relhassubclass FROM "
          "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace "
          "n ON n.oid = c.relnamespace "
          "WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', "
          "'information_schema') ORDER BY n.nspname, c.relname",
          stop));
  std::vector<FoundTable> tables;
  bool has_root = false;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    FoundTable table;
    table.ref = {std::string(FieldText(result, row, 1)), std::string(FieldText(result, row, 2))};
    if (!settings.Captures(table.ref.schema, table.ref.name)) continue;
    table.oid = static_cast<uint32_t>(ParseInteger(FieldText(result, row, 0)).value_or(0));
    table.kind = CharField(result, row, 3);
    table.identity = CharField(result, row, 4);
    table.is_partition = IsTrueField(result, row, 5);
    table.is_logged = CharField(result, row, 6) == 'p';
    table.is_readable = IsTrueField(result, row, 7);
    table.is_row_secured = IsTrueField(result, row, 8);
    const std::string_view rows = FieldText(result, row, 9);
    std::from_chars(rows.data(), rows.data() + rows.size(), table.estimated_rows);
    table.has_heirs = IsTrueField(result, row, 10);
    if (table.kind == 'p' && !via_partition_root) continue;  // its partitions' changes come under their own names
    has_root |= table.kind == 'p';
    tables.push_back(std::move(table));
  }
  if (has_root) {
    // Of partitions whose root is captured too, the changes come under the root's name.
    std::set<uint32_t> below;
    for (const FoundTable& table : tables) {
      if (table.kind != 'p') continue;
      NILUS_ASSIGN(std::vector<Partition> leaves, ReadPartitions(connection, table.oid, stop));
      for (const Partition& leaf : leaves) below.insert(leaf.relation.oid);
    }
    std::erase_if(tables, [&](const FoundTable& table) {
      return table.is_partition && (table.kind == 'p' || below.contains(table.oid));
    });
  }
  bool has_keyless = false;
  for (FoundTable& table : tables) {
    NILUS_ASSIGN(table.key, ReadLogKey(connection, table.oid, table.identity, stop));
    has_keyless = has_keyless || table.key.empty();
  }
  if (!has_keyless) return tables;
  // One that was dropped in between seems to have no key.
  std::vector<FoundTable> there;
  for (FoundTable& table : tables) {
    if (table.key.empty()) {
      NILUS_ASSIGN(const bool is_there, IsThere(connection, table.oid, stop));
      if (!is_there) continue;
    }
    there.push_back(std::move(table));
  }
  return there;
}

Result<bool> IsThere(Connection& connection, uint32_t relation, const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation)};
  NILUS_ASSIGN(PgResult result,
               connection.Query("SELECT 1 FROM pg_catalog.pg_class WHERE oid = $1::pg_catalog.oid", parameters, stop));
  return PQntuples(result.get()) > 0;
}

bool IsCaptured(const CaptureSettings& settings, const TableRef& table, const std::vector<std::string>& key,
                const std::string& column) {
  return std::find(key.begin(), key.end(), column) != key.end() ||
         settings.CapturesColumn(table.schema, table.name, column);
}

Result<TableLayout> DescribeCaptured(Connection& connection, const FoundTable& table, const CaptureSettings& settings,
                                     const std::optional<std::vector<std::string>>& published,
                                     const std::stop_token& stop) {
  NILUS_ASSIGN(std::vector<CatalogColumn> columns, ReadColumns(connection, table.oid, stop));
  NILUS_ASSIGN(ColumnTraits traits, ReadColumnTraits(connection, table.oid, stop));
  // Generated columns are not in the log; PostgreSQL 18 has a say in it, and its list of published columns then tells.
  // (That of PostgreSQL 15 to 17 names them, and they are not sent all the same.) Plugins without a publication send
  // stored ones, which are left out as well.
  const bool sends_generated = connection.server_version() >= 180000 && settings.plugin->has_publication;
  std::vector<bool> captured;
  std::vector<std::string> generated;
  std::vector<std::string> offered;
  for (const CatalogColumn& column : columns) {
    const bool is_published =
        !published || std::find(published->begin(), published->end(), column.name) != published->end();
    const bool is_wanted = IsCaptured(settings, table.ref, table.key, column.name);
    const bool is_generated = traits.generated.contains(column.name);
    captured.push_back(is_wanted && is_published && (sends_generated || !is_generated));
    if (!is_wanted || !is_generated || captured.back()) continue;
    const bool is_offered = sends_generated && traits.stored.contains(column.name);
    (is_offered ? offered : generated).push_back(column.name);
  }
  CapturedTable described;
  described.schema = table.ref.schema;
  described.name = table.ref.name;
  described.key = table.key;
  described.has_full_old_rows = table.identity == 'f';
  described.id = table.oid;
  described.filled = std::move(traits.filled);
  if (table.estimated_rows > 0) described.estimated_rows = static_cast<int64_t>(table.estimated_rows);
  TableLayout layout = MakeLayout(std::move(described), columns, captured);
  layout.generated = std::move(generated);
  layout.offered = std::move(offered);
  return layout;
}

Status CheckReadable(const FoundTable& table, const std::string& role) {
  const std::string to = QuoteIdentifier(role);
  if (!table.is_readable) {
    return FailWithFix(ErrorKind::kAuth,
                       fmt::format("GRANT USAGE ON SCHEMA {} TO {}; GRANT SELECT ON {} TO {};",
                                   QuoteIdentifier(table.ref.schema), to, table.Quoted(), to),
                       "table {} may not be read by {}", table.ref.ToString(), role);
  }
  return {};
}

Status CheckIdentity(const CaptureSettings& settings, const FoundTable& table) {
  if (!table.key.empty() || settings.IsSignalTable(table.ref.schema, table.ref.name)) return {};
  const std::string quoted = table.Quoted();
  if (!settings.needs_keys) {
    if (settings.plugin->has_publication || table.identity == 'f') return {};
    return FailWithFix(ErrorKind::kUnsupported, "ALTER TABLE " + quoted + " REPLICA IDENTITY FULL;",
                       "table {} has no replica identity: {} does not say which rows its updates and deletes are about",
                       table.ref.ToString(), settings.plugin->name);
  }
  if (table.identity == 'n') {
    return FailWithFix(ErrorKind::kUnsupported,
                       "ALTER TABLE " + quoted + " REPLICA IDENTITY DEFAULT; (it needs a primary key)",
                       "table {} has REPLICA IDENTITY NOTHING: the log does not say which rows its updates and deletes "
                       "are about, and they cannot be merged",
                       table.ref.ToString());
  }
  return FailWithFix(ErrorKind::kUnsupported,
                     fmt::format("ALTER TABLE {0} ADD PRIMARY KEY (…); or, with a unique index over columns that are "
                                 "NOT NULL: ALTER TABLE {0} REPLICA IDENTITY USING INDEX …; or load it with "
                                 "incremental_strategy: append",
                                 quoted),
                     "table {} has no primary key (a DEFERRABLE one is none): its changes cannot be merged",
                     table.ref.ToString());
}

}  // namespace nilus::postgres
