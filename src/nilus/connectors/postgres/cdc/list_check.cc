#include "nilus/connectors/postgres/cdc/list_check.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace nilus::postgres {
namespace {

// What an expression over tables may mean.
struct Candidate {
  std::string schema;
  std::string name;
  std::string_view kind;  // of what has no log: "views"; empty: tables
};

std::string_view KindOf(std::string_view relkind, std::string_view persistence) {
  if (relkind == "v") return "views";
  if (relkind == "m") return "materialized views";
  if (relkind == "f") return "foreign tables";
  return persistence == "u" ? "UNLOGGED tables" : "";
}

Result<std::vector<Candidate>> ReadCandidates(Connection& connection, const std::stop_token& stop) {
  NILUS_ASSIGN(PgResult result,
               connection.Execute("SELECT n.nspname, c.relname, c.relkind, c.relpersistence FROM pg_catalog.pg_class c "
                                  "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', "
                                  "'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND n.nspname NOT IN "
                                  "('pg_catalog', 'information_schema')",
                                  stop));
  std::vector<Candidate> relations;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    relations.push_back({std::string(FieldText(result, row, 0)), std::string(FieldText(result, row, 1)),
                         KindOf(FieldText(result, row, 2), FieldText(result, row, 3))});
  }
  return relations;
}

// schema.table.column of the captured tables.
Result<std::vector<std::string>> ReadColumnNames(Connection& connection, const CaptureSettings& settings,
                                                 const std::stop_token& stop) {
  NILUS_ASSIGN(
      PgResult result,
      connection.Execute("SELECT n.nspname, c.relname, a.attname FROM pg_catalog.pg_attribute a JOIN "
                         "pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = "
                         "c.relnamespace WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND a.attnum > 0 "
                         "AND NOT a.attisdropped AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
                         stop));
  std::vector<std::string> names;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    const std::string schema(FieldText(result, row, 0));
    const std::string table(FieldText(result, row, 1));
    if (settings.Captures(schema, table))
      names.push_back(fmt::format("{}.{}.{}", schema, table, FieldText(result, row, 2)));
  }
  return names;
}

std::string FullName(const Candidate& relation) { return relation.schema + "." + relation.name; }

std::vector<std::string> NamesOf(const std::vector<Candidate>& relations,
                                 const std::function<bool(const Candidate&)>& is_one) {
  std::vector<std::string> names;
  for (const Candidate& relation : relations) {
    if (is_one(relation)) names.push_back(FullName(relation));
  }
  return names;
}

bool PassesSchemas(const CaptureSettings& settings, const Candidate& relation) {
  return (settings.include_schemas.empty() || settings.include_schemas.Match(relation.schema)) &&
         !settings.exclude_schemas.Match(relation.schema);
}

// What no capture can be about, by what is said of it.
std::map<std::string_view, std::vector<std::string>> NotCaptured(const CaptureSettings& settings,
                                                                 const std::vector<Candidate>& relations) {
  std::map<std::string_view, std::vector<std::string>> names;
  for (const Candidate& relation : relations) {
    if (relation.kind.empty() && settings.Captures(relation.schema, relation.name)) continue;
    const std::string_view kind = !relation.kind.empty() ? relation.kind
                                  : PassesSchemas(settings, relation)
                                      ? "tables that table.exclude.list leaves out"
                                      : "tables of schemas that schema.include.list or schema.exclude.list leaves out";
    names[kind].push_back(FullName(relation));
  }
  return names;
}

void TellTables(const CaptureSettings& settings, const std::vector<Candidate>& relations,
                std::vector<std::string>* told) {
  const std::vector<std::string> captured = NamesOf(relations, [&](const Candidate& relation) {
    return relation.kind.empty() && settings.Captures(relation.schema, relation.name);
  });
  const auto elsewhere = NotCaptured(settings, relations);
  for (const std::string& pattern : settings.include_tables.MatchingNone(captured)) {
    std::vector<std::string_view> kinds;
    for (const auto& [kind, names] : elsewhere) {
      const std::vector<std::string> others = settings.include_tables.MatchingNone(names);
      if (std::find(others.begin(), others.end(), pattern) == others.end()) kinds.push_back(kind);
    }
    told->push_back(
        kinds.empty()
            ? fmt::format("table.include.list: `{}` matches no table (the expression has to match all of schema.table, "
                          "as the database spells it)",
                          pattern)
            : fmt::format("table.include.list: `{}` matches only {}", pattern, fmt::join(kinds, " and ")));
  }
  const std::vector<std::string> all = NamesOf(relations, [](const Candidate&) { return true; });
  for (const std::string& pattern : settings.exclude_tables.MatchingNone(all)) {
    told->push_back(fmt::format("table.exclude.list: `{}` matches no table", pattern));
  }
}

void TellSchemas(const CaptureSettings& settings, const std::vector<Candidate>& relations,
                 std::vector<std::string>* told) {
  std::set<std::string> schemas;
  for (const Candidate& relation : relations) schemas.insert(relation.schema);
  const std::vector<std::string> names(schemas.begin(), schemas.end());
  for (const auto& [list, patterns] : {std::pair("schema.include.list", &settings.include_schemas),
                                       std::pair("schema.exclude.list", &settings.exclude_schemas)}) {
    for (const std::string& pattern : patterns->MatchingNone(names))
      told->push_back(fmt::format("{}: `{}` matches no schema that has tables", list, pattern));
  }
}

}  // namespace

Status CheckDatabase(Connection& connection, const CaptureSettings& settings) {
  const std::string database = PQdb(connection.raw());
  if (!settings.include_databases.empty() && !settings.include_databases.Match(database)) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       "name the database in source.address, and leave database.include.list out",
                       "database.include.list does not match {}, the address's database, which is the one that is "
                       "captured",
                       database);
  }
  if (!settings.exclude_databases.Match(database)) return {};
  return FailWithFix(ErrorKind::kInvalidInput, "name another database in source.address, or leave the list out",
                     "database.exclude.list matches {}, the address's database", database);
}

Result<std::vector<std::string>> TellUnmatched(Connection& connection, const CaptureSettings& settings,
                                               const std::stop_token& stop) {
  std::vector<std::string> told;
  NILUS_ASSIGN(const std::vector<Candidate> relations, ReadCandidates(connection, stop));
  TellTables(settings, relations, &told);
  TellSchemas(settings, relations, &told);
  if (settings.include_columns.empty() && settings.exclude_columns.empty()) return told;
  NILUS_ASSIGN(const std::vector<std::string> columns, ReadColumnNames(connection, settings, stop));
  for (const auto& [list, patterns] : {std::pair("column.include.list", &settings.include_columns),
                                       std::pair("column.exclude.list", &settings.exclude_columns)}) {
    for (const std::string& pattern : patterns->MatchingNone(columns)) {
      told.push_back(
          fmt::format("{}: `{}` matches no column of a captured table (the expression has to match all of "
                      "schema.table.column)",
                      list, pattern));
    }
  }
  return told;
}

Failure NothingIsCaptured(Connection& connection, const CaptureSettings& settings, const std::stop_token& stop) {
  const Result<std::vector<std::string>> told = TellUnmatched(connection, settings, stop);
  if (!told) return Failure(told.error());
  const std::string database = PQdb(connection.raw());
  if (told->empty()) {
    return FailWithFix(ErrorKind::kNotFound, "make the tables first, or name another database in source.address",
                       "no table of database {} is captured by these properties", database);
  }
  const bool has_no_log = told->front().find("` matches only ") != std::string::npos;
  return FailWithFix(ErrorKind::kNotFound,
                     has_no_log ? "name tables that the log has; views and foreign tables are loaded with type: batch"
                                : "write table.include.list as regular expressions over schema.table, as the database "
                                  "spells them",
                     "no table of database {} is captured by these properties: {}", database, fmt::join(*told, "; "));
}

}  // namespace nilus::postgres
