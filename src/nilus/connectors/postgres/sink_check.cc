#include "nilus/connectors/postgres/sink_check.h"

#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/postgres/dialect.h"
#include "nilus/connectors/postgres/table_load.h"
#include "nilus/connectors/postgres/target_table.h"

namespace nilus::postgres {
namespace {

void AddSteps(const std::vector<SqlStep>& steps, bool schema_exists, std::vector<std::string>* lines) {
  for (const SqlStep& step : steps) {
    if (schema_exists && step.sql.starts_with("CREATE SCHEMA ")) continue;
    lines->push_back(step.sql);
  }
}

CheckItem RightItem(const PgResult& row, int column, std::string what, std::string fix) {
  bool ok = FieldText(row, 0, column) == "t";
  return CheckItem{.what = std::move(what), .ok = ok, .detail = ok ? "granted" : std::move(fix)};
}

}  // namespace

Result<std::vector<std::string>> ExplainLoad(SinkSession* session, const WriteRequest& request) {
  const std::stop_token& stop = request.stop;
  NILUS_ASSIGN(LoadSql sql, LoadSql::Make(PostgresDialect(), request));
  NILUS_ASSIGN(Connection * connection, session->Idle(stop));
  NILUS_ASSIGN(bool schema_exists, session->SchemaExists(request.table.schema, stop));
  NILUS_ASSIGN(std::optional<TargetTable> existing, FindTable(connection, request.table, stop));
  TargetState state;
  std::vector<std::string> lines;
  if (existing) {
    NILUS_ASSIGN(std::vector<std::string> attachments, FindAttachments(connection, *existing, stop));
    state.existing = existing->ToSchema();
    state.can_drop = attachments.empty();
    if (!state.can_drop && (request.strategy == WriteStrategy::kReplace || request.full_refresh)) {
      lines.push_back(fmt::format("-- {} is emptied and filled again, not exchanged, because it has {}",
                                  request.table.ToString(), fmt::join(attachments, ", ")));
    }
  }
  NILUS_ASSIGN(std::vector<SqlStep> prepare, sql.PrepareTarget(state));
  lines.insert(lines.begin(), "BEGIN");
  if (LoadsDirectly(request, sql, existing)) {
    AddSteps(prepare, schema_exists, &lines);
    lines.push_back(fmt::format("COPY {} FROM STDIN (FORMAT binary{})", sql.target_sql(), existing ? "" : ", FREEZE"));
  } else {
    for (const std::string& statement : sql.CreateStaging()) {
      if (!schema_exists || !statement.starts_with("CREATE SCHEMA ")) lines.push_back(statement);
    }
    lines.push_back(fmt::format("COPY {} FROM STDIN (FORMAT binary, FREEZE)", sql.staging_sql()));
    AddSteps(prepare, schema_exists, &lines);
    NILUS_ASSIGN(std::vector<SqlStep> apply, sql.Apply(state, std::nullopt));
    AddSteps(apply, schema_exists, &lines);
  }
  lines.push_back(fmt::format("-- the position goes into {}._nilus_state and the load into {}._nilus_loads",
                              QuoteIdentifier(request.pipeline.state_schema),
                              QuoteIdentifier(request.pipeline.state_schema)));
  lines.push_back("COMMIT");
  return lines;
}

Result<std::vector<CheckItem>> CheckSink(SinkSession* session) {
  const std::stop_token& stop = session->context().stop;
  std::vector<CheckItem> items;
  auto connection = session->Idle(stop);
  if (!connection) {
    if (connection.error().kind == ErrorKind::kCancelled) return Failure(connection.error());
    items.push_back({.what = "connect", .ok = false, .detail = connection.error().ToString()});
    return items;
  }
  NILUS_ASSIGN(PgResult row,
               (*connection)
                   ->Execute("SELECT pg_catalog.current_setting('server_version'), current_user, current_database(), "
                             "pg_catalog.has_database_privilege(current_database(), 'CREATE'), "
                             "pg_catalog.has_database_privilege(current_database(), 'TEMP'), "
                             "pg_catalog.quote_ident(current_user), pg_catalog.quote_ident(current_database()), "
                             "NOT pg_catalog.pg_is_in_recovery() AND "
                             "pg_catalog.current_setting('default_transaction_read_only') = 'off'",
                             stop));
  const std::string role(FieldText(row, 0, 5));
  const std::string database(FieldText(row, 0, 6));
  const int version = (*connection)->server_version();
  items.push_back(
      {.what = "connect",
       .ok = version >= 100000,
       .detail = fmt::format("PostgreSQL {} as {} to {}{}", FieldText(row, 0, 0), FieldText(row, 0, 1),
                             FieldText(row, 0, 2), version >= 100000 ? "" : ": versions before 10 are not supported")});
  items.push_back(RightItem(row, 7, "write", "the server is a standby or read-only: use the primary's address"));
  items.push_back(
      RightItem(row, 3, "create schemas",
                fmt::format("needed for datasets whose schema does not exist yet: GRANT CREATE ON DATABASE {} TO {}",
                            database, role)));
  items.push_back(RightItem(row, 4, "create temporary tables",
                            fmt::format("needed to stage rows: GRANT TEMPORARY ON DATABASE {} TO {}", database, role)));
  NILUS_ASSIGN(
      PgResult schemas,
      (*connection)
          ->Execute("SELECT pg_catalog.quote_ident(n.nspname), pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
                    "pg_catalog.has_schema_privilege(n.oid, 'CREATE') FROM pg_catalog.pg_namespace n WHERE n.nspname "
                    "!~ '^pg_' "
                    "AND n.nspname <> 'information_schema' ORDER BY 2, 1",
                    stop));
  // Every schema that can be loaded into is one finding together; each that cannot is a hint, not a failure, for a load
  // names one of them only.
  std::string writable;
  std::string refused;
  for (int i = 0; i < PQntuples(schemas.get()); ++i) {
    std::string& list = FieldText(schemas, i, 1) == "t" ? writable : refused;
    list += (list.empty() ? "" : ", ") + std::string(FieldText(schemas, i, 0));
  }
  std::string detail = writable.empty() ? "none" : writable;
  if (!refused.empty()) {
    detail += fmt::format("; not in {} (GRANT USAGE, CREATE ON SCHEMA … TO {})", refused, role);
  }
  const bool can_create = FieldText(row, 0, 3) == "t";
  items.push_back(
      {.what = "create tables in schemas", .ok = can_create || !writable.empty(), .detail = std::move(detail)});
  return items;
}

}  // namespace nilus::postgres
