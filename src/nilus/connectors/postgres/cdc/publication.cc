#include "nilus/connectors/postgres/cdc/publication.h"

#include <algorithm>
#include <array>

namespace nilus::postgres {
namespace {

std::string JoinNames(const std::vector<FoundTable>& tables) {
  std::string names;
  for (const FoundTable& table : tables) names += (names.empty() ? "" : ", ") + table.Quoted();
  return names;
}

std::string JoinWords(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
  return joined;
}

std::string RootOption(const Connection& connection) {
  return connection.server_version() >= 130000 ? " WITH (publish_via_partition_root = true)" : "";
}

std::string CreateStatement(const Connection& connection, const CaptureSettings& settings,
                            const std::vector<FoundTable>& tables) {
  const std::string what = settings.autocreate == CaptureSettings::Autocreate::kAllTables
                               ? "FOR ALL TABLES"
                               : "FOR TABLE " + JoinNames(tables);
  return "CREATE PUBLICATION " + QuoteIdentifier(settings.publication) + " " + what + RootOption(connection);
}

// Publishing a table without a replica identity makes UPDATE and DELETE fail on it, for everybody.
Status RefuseToBreak(const std::vector<FoundTable>& tables) {
  for (const FoundTable& table : tables) {
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

}  // namespace

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
  return publication;
}

Result<Publication> PreparePublication(Connection& connection, const CaptureSettings& settings,
                                       const std::vector<FoundTable>& tables, Publication known,
                                       std::vector<std::string>* notices, const std::stop_token& stop) {
  const std::string quoted = QuoteIdentifier(settings.publication);
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
    NILUS_TRY(RefuseToBreak(published));
  } else if (std::vector<FoundTable> missing = Missing(known, tables); !missing.empty()) {
    statement = "ALTER PUBLICATION " + quoted + " ADD TABLE " + JoinNames(missing);
    if (settings.autocreate != CaptureSettings::Autocreate::kFiltered) {
      return FailWithFix(ErrorKind::kNotFound, statement + ";", "publication {} lacks table {}", settings.publication,
                         missing.front().ref.ToString());
    }
    NILUS_TRY(RefuseToBreak(missing));
  }
  if (!statement.empty()) {
    if (auto done = connection.Execute(statement, stop); !done) return CannotChange(done.error(), statement);
    notices->push_back("made at the source: " + statement);
    if (known.exists) {
      notices->push_back(
          "the log has no changes of the added tables from before: rows of them that were loaded earlier have to be "
          "read "
          "anew (nilus cdc snapshot)");
    }
    NILUS_ASSIGN(known, ReadPublication(connection, settings.publication, stop));
  }
  NILUS_TRY(CheckEvents(settings, known));
  return known;
}

}  // namespace nilus::postgres
