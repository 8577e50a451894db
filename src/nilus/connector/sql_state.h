// SQL of the state tables that hold a pipeline's committed position beside the rows (docs/formats.md):
//
//   _nilus_state(pipeline text primary key, version bigint, load_id text, position text, committed_at timestamp)
//   _nilus_loads(load_id text primary key, pipeline text, version bigint, committed_at timestamp)
//
// Both are written in the transaction that makes the rows visible. Pure text, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/sql_dialect.h"

namespace nilus {

inline constexpr std::string_view kStateTable = "_nilus_state";
inline constexpr std::string_view kLoadsTable = "_nilus_loads";

// Statements with parameters $1, $2, …; timestamps are bound as text (2026-11-21T20:15:03.123456Z).
struct StateSql {
  TableName state_table;
  TableName loads_table;
  std::vector<std::string> create;  // schema and both tables, each IF NOT EXISTS
  std::string select_state;         // $1 pipeline → version, load_id, position (no row: never committed)
  std::string select_load;          // $1 pipeline, $2 load_id → version (a row: this load was committed)
  // Compare-and-set of the version. 0 rows affected: another run committed in between (kConflict).
  std::string insert_state;  // expected 0: $1 pipeline, $2 new version (1), $3 load_id, $4 position, $5 now
  std::string update_state;  // else: $1 new version, $2 load_id, $3 position, $4 now, $5 pipeline, $6 expected
  std::string insert_load;   // $1 load_id, $2 pipeline, $3 version, $4 now
  std::string forget_loads;  // $1 pipeline, $2 the last version that is forgotten; see ForgottenVersion
};

// Of a pipeline that commits every second only the last loads are remembered: at least kKeptLoads of them. The last
// version that the commit of `version` forgets, in its own transaction; nothing: none this time.
inline constexpr int64_t kKeptLoads = 1000;
std::optional<int64_t> ForgottenVersion(int64_t version);

// `state_schema` as in PipelineId. kInvalidInput when it is no identifier.
Result<StateSql> MakeStateSql(const SqlDialect& dialect, std::string_view state_schema);

// The version in a row of `table`, one of the state tables. kData: it is no number, so that nothing can be said about
// what is committed.
Result<int64_t> ParseStateVersion(std::string_view text, const TableName& table, const PipelineId& pipeline);

// "somebody else committed": the kConflict that every SQL sink gives.
Error StateConflict(const PipelineId& pipeline, int64_t expected_version, int64_t found_version);

}  // namespace nilus
