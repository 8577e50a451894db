#include "nilus/connectors/postgres/cdc/publication.h"

#include <algorithm>
#include <array>

#include "nilus/base/option_spec.h"

namespace nilus::postgres {
namespace {

// As a publication's statements name it. Without ONLY its heirs would be published with it, and UPDATE and DELETE fail
// on those that have no replica identity.
std::string Alone(const FoundTable& table, const std::string& quoted) {
  return table.has_heirs ? "ONLY " + quoted : quoted;
}

std::string JoinNames(const std::vector<FoundTable>& tables) {
  std::string names;
  for (const FoundTable& table : tables) names += (names.empty() ? "" : ", ") + Alone(table, table.Quoted());
  return names;
}

std::string JoinWords(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
  return joined;
}

std::string PublishOptions(const Connection& connection) {
  if (connection.server_version() >= 180000)
    return " WITH (publish_via_partition_root = true, publish_generated_columns = stored)";
  return connection.server_version() >= 130000 ? " WITH (publish_via_partition_root = true)" : "";
}

std::string CreateStatement(const Connection& connection, const CaptureSettings& settings,
                            const std::vector<FoundTable>& tables) {
  const std::string what = settings.autocreate == CaptureSettings::Autocreate::kAllTables
                               ? "FOR ALL TABLES"
                               : "FOR TABLE " + JoinNames(tables);
  return "CREATE PUBLICATION " + QuoteIdentifier(settings.publication) + " " + what + PublishOptions(connection);
}

// A partition's identity is its own: FULL of the root does not pass to it.
Result<std::optional<TableRef>> PartitionWithoutIdentity(Connection& connection, uint32_t root,
                                                         const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {std::to_string(root)};
  NILUS_ASSIGN(PgResult result,
               connection.Query(
                   "WITH RECURSIVE part AS (SELECT inhrelid AS oid FROM pg_catalog.pg_inherits WHERE inhparent = "
                   "$1::pg_catalog.oid UNION ALL SELECT i.inhrelid FROM part p JOIN pg_catalog.pg_inherits i ON "
                   "i.inhparent = p.oid) SELECT n.nspname, c.relname FROM part JOIN pg_catalog.pg_class c ON c.oid = "
                   "part.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND "
                   "c.relreplident <> 'f' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = "
                   "c.oid AND i.indisvalid AND i.indimmediate AND (c.relreplident = 'd' AND i.indisprimary OR "
                   "c.relreplident = 'i' AND i.indisreplident)) ORDER BY 1, 2 LIMIT 1",
                   parameters, stop));
  if (PQntuples(result.get()) == 0) return std::optional<TableRef>();
  return std::optional<TableRef>({std::string(FieldText(result, 0, 0)), std::string(FieldText(result, 0, 1))});
}

// Publishing a table without a replica identity makes UPDATE and DELETE fail on it, for everybody.
Status RefuseToBreak(Connection& connection, const std::vector<FoundTable>& tables, const std::stop_token& stop) {
  for (const FoundTable& table : tables) {
    if (table.kind == 'p') {
      NILUS_ASSIGN(const std::optional<TableRef> leaf, PartitionWithoutIdentity(connection, table.oid, stop));
      if (!leaf) continue;
      return FailWithFix(
          ErrorKind::kUnsupported,
          fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL;", QuoteName(leaf->schema, leaf->name)),
          "partition {} of table {} has no replica identity: once the table is published, UPDATE and DELETE would fail "
          "on it for everybody",
          leaf->ToString(), table.ref.ToString());
    }
    const bool has_identity = table.identity == 'f' || !table.key.empty();
    if (has_identity || !table.is_logged) continue;
    return FailWithFix(ErrorKind::kUnsupported, "ALTER TABLE " + table.Quoted() + " REPLICA IDENTITY FULL;",
                       "table {} has no replica identity: once it is published, UPDATE and DELETE would fail on it for "
                       "everybody",
                       table.ref.ToString());
  }
  return {};
}

Failure CannotChange(Error error, const std::string& statement) {
  if (error.kind == ErrorKind::kNotFound) error.kind = ErrorKind::kTransient;  // a table was dropped since it was found
  if (error.kind == ErrorKind::kAuth) {
    error.fix = "let the tables' owner (or a superuser) run: " + statement + ";";
  }
  return Failure(InContext("preparing the publication", std::move(error)));
}

Status CheckEvents(const CaptureSettings& settings, const Publication& publication) {
  std::vector<std::string> missing = publication.unpublished;
  if (!settings.needs_deletes) {
    std::erase_if(missing, [](const std::string& event) { return event == "delete" || event == "truncate"; });
  }
  if (missing.empty()) return {};
  return FailWithFix(ErrorKind::kUnsupported,
                     "ALTER PUBLICATION " + QuoteIdentifier(settings.publication) +
                         " SET (publish = 'insert, update, delete, truncate');",
                     "publication {} does not publish {}", settings.publication, JoinWords(missing));
}

std::vector<FoundTable> Missing(const Publication& publication, const std::vector<FoundTable>& tables) {
  std::vector<FoundTable> missing;
  for (const FoundTable& table : tables) {
    if (!publication.tables.contains(table.Quoted())) missing.push_back(table);
  }
  return missing;
}

// FOR ALL TABLES is about tables that are not captured, too.
Result<std::vector<FoundTable>> AllTables(Connection& connection, const std::stop_token& stop) {
  CaptureSettings everything;
  return FindCapturedTables(connection, everything, false, stop);
}

// Which entry of the catalog puts a table into the publication.
Status ReadSenders(Connection& connection, const std::string& name, Publication* publication,
                   const std::stop_token& stop) {
  std::string sql =
      "SELECT n.nspname, c.relname, r.oid FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON "
      "r.prpubid = p.oid JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = "
      "c.relnamespace WHERE p.pubname = $1";
  if (connection.server_version() >= 150000) {
    sql +=
        " UNION ALL SELECT n.nspname, c.relname, r.oid FROM pg_catalog.pg_publication p JOIN "
        "pg_catalog.pg_publication_namespace r ON r.pnpubid = p.oid JOIN pg_catalog.pg_namespace n ON n.oid = "
        "r.pnnspid "
        "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') WHERE p.pubname = $1";
  }
  std::array<Connection::Parameter, 1> parameters = {name};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    publication->senders.emplace(QuoteName(FieldText(result, row, 0), FieldText(result, row, 1)),
                                 static_cast<uint64_t>(ParseInteger(FieldText(result, row, 2)).value_or(0)));
  }
  return {};
}

Status ReadFilters(Connection& connection, const std::string& name, Publication* publication,
                   const std::stop_token& stop) {
  if (connection.server_version() < 150000) return {};
  std::array<Connection::Parameter, 1> parameters = {name};
  NILUS_ASSIGN(PgResult result,
               connection.Query("SELECT t.schemaname, t.tablename, (SELECT pg_catalog.string_agg("
                                "pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM "
                                "pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs)) "
                                "FROM pg_catalog.pg_publication_tables t JOIN pg_catalog.pg_publication p ON p.pubname "
                                "= t.pubname JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname JOIN "
                                "pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename JOIN "
                                "pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid WHERE "
                                "t.pubname = $1 AND t.rowfilter IS NOT NULL",
                                parameters, stop));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    const std::string table = QuoteName(FieldText(result, row, 0), FieldText(result, row, 1));
    const std::string columns = FieldIsNull(result, row, 2) ? "" : fmt::format(" ({})", FieldText(result, row, 2));
    publication->filtered.emplace(table, table + columns);
  }
  return {};
}

// The statement that makes the publication, or adds tables to it; empty: it is as it has to be.
Result<std::string> PlanPublication(Connection& connection, const CaptureSettings& settings,
                                    const std::vector<FoundTable>& tables, const Publication& known,
                                    const std::stop_token& stop) {
  std::string statement;
  if (!known.exists) {
    statement = CreateStatement(connection, settings, tables);
    if (settings.autocreate == CaptureSettings::Autocreate::kDisabled) {
      return FailWithFix(ErrorKind::kNotFound, statement + ";",
                         "publication {} does not exist, and publication.autocreate.mode is disabled",
                         settings.publication);
    }
    std::vector<FoundTable> published = tables;
    if (settings.autocreate == CaptureSettings::Autocreate::kAllTables) {
      NILUS_ASSIGN(published, AllTables(connection, stop));
    }
    NILUS_TRY(RefuseToBreak(connection, published, stop));
    return statement;
  }
  if (std::vector<FoundTable> missing = Missing(known, tables); !missing.empty()) {
    statement = "ALTER PUBLICATION " + QuoteIdentifier(settings.publication) + " ADD TABLE " + JoinNames(missing);
    if (settings.autocreate != CaptureSettings::Autocreate::kFiltered) {
      return FailWithFix(ErrorKind::kNotFound, statement + ";", "publication {} lacks table {}", settings.publication,
                         missing.front().ref.ToString());
    }
    NILUS_TRY(RefuseToBreak(connection, missing, stop));
  }
  NILUS_TRY(CheckEvents(settings, known));
  return statement;
}

// The rights to run the statement, as far as the catalog tells them: kAuth with who could run it.
Status CheckMayPublish(Connection& connection, const CaptureSettings& settings, const std::vector<FoundTable>& tables,
                       const Publication& known, const std::string& statement, const std::stop_token& stop) {
  if (statement.empty()) return {};
  const bool is_for_all = !known.exists && settings.autocreate == CaptureSettings::Autocreate::kAllTables;
  std::string oids;
  for (const FoundTable& table : known.exists ? Missing(known, tables) : tables)
    oids += (oids.empty() ? "" : ",") + std::to_string(table.oid);
  std::array<Connection::Parameter, 2> parameters = {"{" + (is_for_all ? "" : oids) + "}", settings.publication};
  NILUS_ASSIGN(
      PgResult result,
      connection.Query(
          "SELECT r.rolsuper, pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), NOT EXISTS "
          "(SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND NOT "
          "pg_catalog.pg_has_role(c.relowner, 'USAGE')), NOT EXISTS (SELECT 1 FROM pg_catalog.pg_publication p WHERE "
          "p.pubname = $2 AND NOT pg_catalog.pg_has_role(p.pubowner, 'USAGE')) FROM pg_catalog.pg_roles r WHERE "
          "r.rolname = current_user",
          parameters, stop));
  const auto has = [&](int right) { return FieldText(result, 0, right) == "t"; };
  const bool may = has(0) || ((known.exists || has(1)) && has(2) && has(3) && !is_for_all);
  if (may) return {};
  return CannotChange(Error{.kind = ErrorKind::kAuth,
                            .message = fmt::format("role {} has not the rights for it", PQuser(connection.raw())),
                            .fix = {}},
                      statement);
}

}  // namespace

// A snapshot reads all rows, and those that the filter holds back would never change again.
Status CheckFilters(const CaptureSettings& settings, const Publication& publication,
                    const std::vector<FoundTable>& tables) {
  std::vector<std::string> names;
  std::vector<std::string> whole;
  std::vector<std::string> told;
  for (const FoundTable& table : tables) {
    const auto found = publication.filtered.find(table.Quoted());
    if (found == publication.filtered.end()) continue;
    names.push_back(Alone(table, found->first));
    whole.push_back(Alone(table, found->second));
    told.push_back(table.ref.ToString());
  }
  if (names.empty()) return {};
  // SET TABLE would have to name all that is in it, with columns, filters and schemas.
  const std::string alter = "ALTER PUBLICATION " + QuoteIdentifier(settings.publication);
  return FailWithFix(ErrorKind::kUnsupported,
                     fmt::format("BEGIN; {0} DROP TABLE {1}; {0} ADD TABLE {2}; COMMIT; or, if others need the filter, "
                                 "give the pipeline a publication of its own with publication.name",
                                 alter, JoinWords(names), JoinWords(whole)),
                     "publication {} has a row filter (WHERE): it does not send all rows of {}", settings.publication,
                     JoinWords(told));
}

Result<Publication> ReadPublication(Connection& connection, const std::string& name, const std::stop_token& stop) {
  const int version = connection.server_version();
  std::string sql = "SELECT puballtables, pubinsert, pubupdate, pubdelete, ";
  sql += version >= 110000 ? "pubtruncate, " : "true, ";
  sql += version >= 130000 ? "pubviaroot " : "false ";
  sql += "FROM pg_catalog.pg_publication WHERE pubname = $1";
  std::array<Connection::Parameter, 1> parameters = {name};
  NILUS_ASSIGN(PgResult result, connection.Query(sql, parameters, stop));
  Publication publication;
  if (PQntuples(result.get()) == 0) return publication;
  publication.exists = true;
  publication.has_all_tables = FieldText(result, 0, 0) == "t";
  constexpr std::array<const char*, 4> kEvents = {"insert", "update", "delete", "truncate"};
  for (int i = 0; i < 4; ++i) {
    if (FieldText(result, 0, i + 1) != "t") publication.unpublished.emplace_back(kEvents[static_cast<size_t>(i)]);
  }
  publication.via_partition_root = FieldText(result, 0, 5) == "t";
  const bool has_columns = version >= 150000;
  sql = has_columns ? "SELECT t.schemaname, t.tablename, c FROM pg_catalog.pg_publication_tables t LEFT JOIN LATERAL "
                      "pg_catalog.unnest(t.attnames) AS c ON true WHERE t.pubname = $1"
                    : "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = $1";
  NILUS_ASSIGN(PgResult tables, connection.Query(sql, parameters, stop));
  for (int row = 0; row < PQntuples(tables.get()); ++row) {
    auto& columns = publication.tables[QuoteName(FieldText(tables, row, 0), FieldText(tables, row, 1))];
    if (!has_columns) continue;
    if (!columns) columns.emplace();
    if (!FieldIsNull(tables, row, 2)) columns->emplace_back(FieldText(tables, row, 2));
  }
  NILUS_TRY(ReadSenders(connection, name, &publication, stop));
  NILUS_TRY(ReadFilters(connection, name, &publication, stop));
  return publication;
}

uint64_t Publication::SenderOf(const std::string& table) const {
  const auto found = senders.find(table);
  return found == senders.end() ? 0 : found->second;
}

Result<std::set<std::string>> FindGaps(const CaptureSettings& settings, const Publication& publication,
                                       const std::vector<FoundTable>& tables, const CommittedLog& committed) {
  std::set<std::string> gaps;
  if (!publication.exists) return gaps;  // which is a loss of all
  for (const FoundTable& table : tables) {
    const std::string name = table.ref.schema + "." + table.ref.name;
    const auto loaded = committed.tables.find(name);
    if (loaded == committed.tables.end()) continue;
    const TableIds& ids = loaded->second;
    if (ids.table != 0 && ids.table != table.oid) continue;
    const bool is_missing = !publication.tables.contains(table.Quoted());
    const uint64_t sender = publication.SenderOf(table.Quoted());
    const bool is_back = !is_missing && sender != 0 && ids.sender != 0 && sender != ids.sender;
    if (!is_missing && !is_back) continue;
    gaps.insert(name);
    if (committed.replaceable.contains(name)) continue;
    return FailWithFix(ErrorKind::kData,
                       "ask for the table, then start again: `nilus cdc snapshot FILE --table " + name +
                           " --anew`; or set snapshot.mode: when_needed",
                       "publication {} {} table {}: what has changed in it meanwhile is missing from the log",
                       settings.publication, is_missing ? "does not send" : "did not send for a while", name);
  }
  return gaps;
}

Result<Publication> PreparePublication(Connection& connection, const CaptureSettings& settings,
                                       const std::vector<FoundTable>& tables, Publication known,
                                       std::vector<std::string>* notices, const std::stop_token& stop) {
  NILUS_ASSIGN(const std::string statement, PlanPublication(connection, settings, tables, known, stop));
  if (statement.empty()) return known;
  if (auto done = connection.Execute(statement, stop); !done) return CannotChange(done.error(), statement);
  notices->push_back("made at the source: " + statement);
  return ReadPublication(connection, settings.publication, stop);
}

Result<std::string> ForeseePublication(Connection& connection, const CaptureSettings& settings,
                                       const std::vector<FoundTable>& tables, const Publication& known,
                                       const std::stop_token& stop) {
  NILUS_TRY(CheckFilters(settings, known, tables));
  NILUS_ASSIGN(std::string statement, PlanPublication(connection, settings, tables, known, stop));
  NILUS_TRY(CheckMayPublish(connection, settings, tables, known, statement, stop));
  return statement;
}

}  // namespace nilus::postgres
