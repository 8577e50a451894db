#include "nilus/connectors/postgres/check.h"

#include "nilus/base/option_spec.h"

namespace nilus::postgres {

Result<std::vector<CheckItem>> CheckServer(Connection& connection, const std::stop_token& stop) {
  NILUS_ASSIGN(
      PgResult facts,
      connection.Execute(
          "SELECT pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(), "
          "pg_catalog.current_setting('wal_level'), pg_catalog.current_setting('server_encoding'), current_user, "
          "pg_catalog.count(*) FILTER (WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
          "pg_catalog.has_any_column_privilege(c.oid, 'SELECT')), pg_catalog.count(*) "
          "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
          "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition "
          "AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' "
          "AND n.nspname NOT LIKE 'pg\\_temp%'",
          stop));
  std::string version(FieldText(facts, 0, 0));
  bool is_replica = FieldText(facts, 0, 1) == "t";
  std::string wal_level(FieldText(facts, 0, 2));
  std::string encoding(FieldText(facts, 0, 3));
  std::string user(FieldText(facts, 0, 4));
  int64_t readable = ParseInteger(FieldText(facts, 0, 5)).value_or(0);
  int64_t tables = ParseInteger(FieldText(facts, 0, 6)).value_or(0);

  std::vector<CheckItem> items;
  items.push_back(
      {"connect", true, fmt::format("PostgreSQL {}, {}, as {}", version, is_replica ? "standby" : "primary", user)});
  PGconn* raw = connection.raw();
  items.push_back({"encryption", true,
                   PQsslInUse(raw) != 0 ? fmt::format("{}", PQsslAttribute(raw, "protocol"))
                                        : std::string("none (loopback, socket, or asked for)")});
  items.push_back(
      {"encoding", true,
       encoding == "SQL_ASCII" ? "SQL_ASCII: text that is not UTF-8 is kept in hex beside its column" : encoding});
  bool can_read = readable > 0 || tables == 0;
  items.push_back(
      {"read tables", can_read,
       fmt::format(
           "{} of {} tables and views are readable{}", readable, tables,
           can_read ? "" : ": GRANT USAGE ON SCHEMA …, SELECT ON ALL TABLES IN SCHEMA … TO " + QuoteIdentifier(user))});
  items.push_back(
      {"wal_level", true, wal_level == "logical" ? "logical" : wal_level + " (change data capture needs logical)"});
  return items;
}

}  // namespace nilus::postgres
