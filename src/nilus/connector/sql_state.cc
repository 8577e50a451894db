#include "nilus/connector/sql_state.h"

#include "nilus/base/option_spec.h"

namespace nilus {

Result<StateSql> MakeStateSql(const SqlDialect& dialect, std::string_view state_schema) {
  NILUS_TRY(CheckIdentifier(dialect, "schema", state_schema));
  StateSql sql;
  sql.state_table = TableName{std::string(state_schema), std::string(kStateTable)};
  sql.loads_table = TableName{std::string(state_schema), std::string(kLoadsTable)};
  const std::string state = QuoteTable(dialect, sql.state_table);
  const std::string loads = QuoteTable(dialect, sql.loads_table);
  const std::string text = dialect.type_name(MakeType(TypeId::kText));
  const std::string bigint = dialect.type_name(MakeType(TypeId::kInt64));
  const std::string timestamp = dialect.type_name(MakeType(TypeId::kTimestamp));

  if (dialect.has_schemas) sql.create.push_back("CREATE SCHEMA IF NOT EXISTS " + QuoteSchema(dialect, state_schema));
  sql.create.push_back(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (pipeline {} NOT NULL PRIMARY KEY, version {} NOT NULL, "
                  "load_id {} NOT NULL, position {} NOT NULL, committed_at {} NOT NULL)",
                  state, text, bigint, text, text, timestamp));
  sql.create.push_back(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (load_id {} NOT NULL PRIMARY KEY, pipeline {} NOT NULL, "
                  "version {} NOT NULL, committed_at {} NOT NULL)",
                  loads, text, text, bigint, timestamp));

  sql.select_state = fmt::format("SELECT version, load_id, position FROM {} WHERE pipeline = $1", state);
  sql.select_load = fmt::format("SELECT version FROM {} WHERE pipeline = $1 AND load_id = $2", loads);
  sql.insert_state = fmt::format(
      "INSERT INTO {} (pipeline, version, load_id, position, committed_at) "
      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (pipeline) DO NOTHING",
      state);
  sql.update_state = fmt::format(
      "UPDATE {} SET version = $1, load_id = $2, position = $3, committed_at = $4 "
      "WHERE pipeline = $5 AND version = $6",
      state);
  sql.insert_load =
      fmt::format("INSERT INTO {} (load_id, pipeline, version, committed_at) VALUES ($1, $2, $3, $4)", loads);
  sql.forget_loads = fmt::format("DELETE FROM {} WHERE pipeline = $1 AND version <= $2", loads);
  return sql;
}

std::optional<int64_t> ForgottenVersion(int64_t version) {
  constexpr int64_t kStep = 100;  // the table is read whole for it
  if (version <= kKeptLoads || version % kStep != 0) return std::nullopt;
  return version - kKeptLoads;
}

Result<int64_t> ParseStateVersion(std::string_view text, const TableName& table, const PipelineId& pipeline) {
  if (std::optional<int64_t> version = ParseInteger(text)) return *version;
  return FailWithFix(ErrorKind::kData, "put back what was there, from a backup of the destination",
                     "the row of pipeline {} in {} is damaged: its version `{}` is no integer", pipeline.value,
                     table.ToString(), text);
}

Error StateConflict(const PipelineId& pipeline, int64_t expected_version, int64_t found_version) {
  return Error{
      ErrorKind::kConflict,
      fmt::format("another run of pipeline {} committed first: the destination is at version {}, this run began "
                  "at {}; nothing of this run was kept",
                  pipeline.value, found_version, expected_version),
      "let one run at a time load this pipeline"};
}

}  // namespace nilus
