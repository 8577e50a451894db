// What a run did: kept in memory while it runs, then printed, written as JSON (report_json.h) or handed to the manager.
// Also what `nilus plan` and `nilus state` answer. Plain values; texts may hold secrets until they are rendered, so
// whoever shows one passes it through Redact (report_json does).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/base/result.h"
#include "nilus/data/type.h"

namespace nilus {

// One phase: times are summed over its threads, so seconds of work may exceed the run's. Rows and bytes are of Arrow
// layout, but for load.bytes, which is what the sink says it wrote when it knows.
struct PhaseReport {
  WallTime started_at{};
  WallTime finished_at{};
  double seconds = 0;      // from the phase's first work to its last
  double cpu_seconds = 0;  // CPU time of the phase's threads
  double cpu_percent = 0;  // cpu_seconds of seconds
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t files = 0;
  int64_t peak_bytes = 0;  // the process's highest resident size when the phase ended
};

struct VariantCount {
  std::string column;   // the normalized column whose type the values did not fit
  std::string variant;  // the column that keeps them
  int64_t values = 0;
};

struct DiscardedCount {
  std::string column;  // the normalized column
  int64_t values = 0;  // became NULL under schema_contract discard_value
};

struct TableReport {
  std::string name;           // destination, schema.table
  std::string source;         // as the manifest names it
  int64_t rows_in = 0;        // read from the source
  int64_t rows_filtered = 0;  // read and not loaded: outside the range or behind a limit, or loaded already
  int64_t rows_dead = 0;      // kept as dead letters: rows_in = rows_filtered + rows_dead + rows_out
  std::string dead_letters;   // the table they are in; empty: there cannot be any
  int64_t rows_out = 0;       // handed to the sink
  int64_t rows_inserted = 0;  // as the sink counted them at its commit
  int64_t rows_updated = 0;
  int64_t rows_deleted = 0;
  int64_t boundary_rows_dropped = 0;  // read again at the cursor's value, and already loaded
  int64_t null_keys_dropped = 0;      // NULL incremental key under `exclude`
  int64_t bytes = 0;
  int64_t files = 0;
  std::vector<VariantCount> variants;
  std::vector<DiscardedCount> discarded;
};

struct SchemaChange {
  std::string table;
  std::string column;  // empty: the table itself
  std::string change;  // table created, column added, widened, removed or type changed (docs/rows.md)
  std::string before;  // a type, or empty
  std::string after;
};

struct RunError {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  std::string fix;
  std::string phase;  // "plan", "extract", "normalize", "load", "commit"
  std::string table;  // destination table; empty: none in particular
};

struct RunReport {
  std::string run_id;
  std::string load_id;   // of the attempt that was committed, else of the last one
  std::string pipeline;  // workspace/name[/node]:schema.table, the key of its state
  std::string name;      // for people: the manifest's name, with the node's behind a slash
  std::string source;    // addresses as they may be shown
  std::string destination;
  std::string strategy;  // as in the manifest
  WallTime started_at{};
  WallTime finished_at{};
  double seconds = 0;
  bool first_run = false;  // nothing was committed for this pipeline before
  bool is_success = false;
  std::optional<RunError> error;
  int attempts = 0;
  std::string cursor_before;  // canonical text of the incremental key's cursor; empty: none
  std::string cursor_after;
  std::string position;  // committed position (JSON), empty: none
  std::vector<TableReport> tables;
  PhaseReport extract;
  PhaseReport normalize;
  PhaseReport load;
  double cpu_seconds = 0;  // of the process during the run
  int64_t peak_bytes = 0;  // of the process
  std::vector<SchemaChange> schema_changes;
  std::vector<std::string> warnings;  // of the last attempt
  std::vector<std::string> retries;   // why the attempts before it failed; logged when they did
};

// 0 done, 1 failed, 2 the input is wrong (found before anything was read), 130 interrupted.
int ExitCode(const RunReport& report);

// ---- nilus plan ----

struct PlannedColumn {
  std::string source_name;
  std::string name;  // at the destination
  Type source_type;
  Type type;  // at the destination, widened where an existing column is wider
  bool nullable = true;
  std::string note;  // "new column", "cast from text, else to n__v_text", "primary key", …
};

struct PlanReport {
  std::string pipeline;
  std::string name;
  std::string source;
  std::string destination;
  std::string source_table;
  std::string dest_table;  // schema.table after naming
  std::string strategy;
  bool first_run = true;
  bool full_refresh = false;
  std::string contract;  // schema_contract, as in the manifest
  bool table_exists = false;
  std::vector<PlannedColumn> columns;  // empty: only the values will tell
  std::vector<std::string> primary_key;
  std::string incremental_key;
  std::string cursor;  // committed; empty: none
  std::string range;   // "updated_at from 2024-01-01 to 2024-02-01", empty: all rows
  int splits = 0;
  bool in_parallel = false;
  std::optional<int64_t> estimated_rows;  // of the whole table, as the source knows it
  std::optional<int64_t> estimated_bytes;
  std::vector<std::string> statements;  // DDL, or files that would be made
  std::vector<std::string> warnings;
};

// ---- nilus state ----

struct StateReport {
  std::string pipeline;
  std::string destination;
  std::string state_schema;
  bool exists = false;
  int64_t version = 0;
  std::string load_id;
  std::string position;  // JSON as stored (checkpoint.h)
  std::string cursor_column;
  std::string cursor;         // canonical text; empty: none
  int64_t boundary_rows = 0;  // remembered rows at the cursor's value
};

}  // namespace nilus
