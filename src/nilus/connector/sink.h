// The writing half of the boundary between connectors and the engine.
//
//   Committed → Open(table) → Write, Write, … → Finish → Commit
//
// The sink stores rows and the source's position in one atomic step. What it answers to Committed is the only truth on
// restart. Nothing that was written is visible to readers of the destination before Commit; a Sink destroyed before
// Commit leaves the destination as it was.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/base/result.h"
#include "nilus/connector/source.h"
#include "nilus/data/position.h"
#include "nilus/data/record_batch.h"
#include "nilus/data/refused.h"
#include "nilus/data/scalar.h"

namespace nilus {

enum class WriteStrategy { kReplace, kAppend, kMerge, kDeleteInsert, kScd2 };
std::string_view WriteStrategyName(WriteStrategy strategy);  // as in the manifest

struct TableName {
  std::string schema;
  std::string name;
  std::string ToString() const { return schema + "." + name; }
  friend bool operator==(const TableName&, const TableName&) = default;
};

// Names the state row of a pipeline: stable across runs, e.g. "workspace/pipeline/node".
struct PipelineId {
  std::string value;
  std::string state_schema;  // the destination schema in which the state lives, beside the rows
};

// What the sink has durably committed for a pipeline. `version` counts its commits: 1, 2, 3, …
struct CommittedState {
  int64_t version = 0;
  std::string load_id;
  Position position;
};

struct PartitionField {  // partition_by; for sinks that have partitions
  std::string column;
  std::string transform;  // identity | bucket | truncate | year | month | day | hour
  std::string name;
  int64_t parameter = 0;  // bucket count or width
};

// Staged with rows of a child table, and not loaded: which of the main table's rows, in the order of their arrival, a
// row belongs to. Of two rows of one key in a load only the later one's children stay.
inline constexpr std::string_view kRootNumberColumn = "_nilus_root_seq";

// Columns that a load of changes (WriteRequest::is_changes) has beside the table's own, and that are not loaded. A
// batch without one of them: nothing is removed, every value is known, no key has moved.
//
// bool. True: the row with this key goes; the other columns do not matter. With NULL in every key column: all rows go
// that the table has had so far, a truncate.
inline constexpr std::string_view kRemovedColumn = "_nilus_removed";
// text. Names of columns, joined by '\n', whose values the change does not know, since they stay as they were before it
// (TOAST): as an earlier change of the same load has left the row, else as the destination's row has them. NULL or
// empty: all are known. Variant columns of such a column stay too.
inline constexpr std::string_view kUnchangedColumn = "_nilus_unchanged";
// The fix of the kData that a sink answers when there is no row (any more) to take such values from.
inline constexpr const char* kRowIsGoneFix = "take a new snapshot of the table";
// bool. True: the row has got another key. The change right before it, in the same load, removed the row with its old
// key, and unknown values are that row's.
inline constexpr std::string_view kMovedColumn = "_nilus_moved";

// The kConflict of WriteRequest::must_exist.
Error TableIsGone(const TableName& table);

enum class Misfits {
  kVariant,  // kept as text in the column's variant
  kError,    // kData names the column: no column may be added to the table
  kNull,     // NULL
};

struct WriteRequest {
  PipelineId pipeline;
  std::string load_id;
  TableName table;
  SchemaPtr schema;  // normalized names; batches may bring further (variant) columns later
  WriteStrategy strategy = WriteStrategy::kReplace;
  std::vector<std::string> primary_key;  // normalized names; merge, scd2
  std::string incremental_key;           // normalized; empty: none. merge: the highest wins, then the later arrival
  // No two rows of this load share a key (the source enforces it): the sink need not look for the last version.
  bool key_is_unique = false;
  // This load holds every row the source has now (no range, no limit): scd2 closes the versions of keys it lacks.
  bool is_complete = false;
  // The table has child tables in this load: they are opened before it, under scd2 behind it.
  bool has_children = false;
  // Of a child table (nesting): the request of the table whose rows its own belong to, by kRootIdColumn against that
  // table's kRowIdColumn. replace and append are plain. Under merge and delete+insert rows of this table go that belong
  // to rows which the load replaces or removes there; where the root's keys may repeat (merge, key_is_unique false)
  // rows have kRootNumberColumn. Under scd2 none go, and those come in that belong to new versions; kRowIdColumn tells
  // all rows of the root's load apart.
  std::shared_ptr<const WriteRequest> root;
  // merge: batches are changes in the order of a log, with the columns above (which `schema` does not name). Of all
  // changes of a key the last one counts. kData: a NULL in a key; a value that is not known, and no row that has it.
  // Sinks that merge take them (kUnsupported otherwise), load after load on one Sink. incremental_key, keeps_newer,
  // root and has_children have no meaning then.
  bool is_changes = false;
  // is_changes: the table need not have every row that changes are about. A value that is not known, of a row that is
  // not there, is NULL, and CommitResult::unknown_columns tells it.
  bool may_lack_rows = false;
  // Rows were loaded before, and count on: where the table is gone it is not made again, but TableIsGone is answered.
  // Not together with full_refresh or replace.
  bool must_exist = false;
  // merge with an incremental_key: a row of the load whose key is in the table with a higher one is left out.
  bool keeps_newer = false;
  // Columns of a table that is there whose type in `schema` is wider than the table's (Sink::CanWiden): they are
  // widened in the load's own step.
  std::vector<std::string> widened;
  bool full_refresh = false;  // the table is made anew, whatever the strategy
  // What becomes of values that the sink's own type cannot hold (Receipt::misfits).
  Misfits misfits = Misfits::kVariant;
  WallTime load_time{};  // scd2: valid_from of new versions. From the engine's clock, once per load
  std::vector<PartitionField> partition_by;
  std::vector<std::string> cluster_by;
  int64_t file_rows = 100'000;      // loader_file_size: rows a file, for sinks that write files
  std::string file_format;          // loader_file_format; empty: the sink's own choice
  int64_t memory_bytes = 64 << 20;  // what the writer may hold beside DuckDB's own memory
  int threads = 1;
  std::stop_token stop;  // a blocked Write, Finish or Commit returns kCancelled soon after
};

// What a writer has made durable but not visible.
struct Receipt {
  TableName table;
  int64_t rows = 0;
  int64_t files = 0;  // files written, or 0 for sinks without files
  int64_t bytes = 0;  // written to the sink, as far as it knows
  // Values that the sink's own type cannot hold (a NUL in PostgreSQL's text), kept in the column's variant or made
  // NULL, by column.
  std::map<std::string, int64_t> misfits;
};

class Writer {
 public:
  virtual ~Writer() = default;
  // Takes rows in arrival order. The schema of a batch may differ from earlier ones by added (nullable) columns and
  // their order: columns are matched by name; one that is absent is NULL. One thread at a time.
  virtual Status Write(RecordBatch batch) = 0;
  // No more rows.
  virtual Result<Receipt> Finish() = 0;
};

struct CommitRequest {
  PipelineId pipeline;
  std::string load_id;
  int64_t expected_version = 0;  // Committed()'s version when the run began; 0: there was none
  Position position;
  // Of the load's tables under delete+insert: rows whose incremental_key lies here are removed before the load's rows
  // go in; rows without one stay (with_nulls is of reading, and says nothing here). Other tables of the load pay no
  // heed to it. Nothing: this load read no interval.
  std::optional<KeyRange> interval;
};

struct RowCounts {
  int64_t rows_inserted = 0;
  int64_t rows_updated = 0;
  int64_t rows_deleted = 0;
  std::set<std::string> unknown_columns;
};

struct CommitResult {
  int64_t version = 0;
  int64_t rows_inserted = 0;  // as the sink counts them; merge counts updated rows under rows_updated
  int64_t rows_updated = 0;
  int64_t rows_deleted = 0;
  std::set<std::string> unknown_columns;    // under may_lack_rows: some of their values are NULL for want of a row
  std::map<std::string, RowCounts> tables;  // the same of each table of the load, by TableName::ToString()

  // Takes over what another part of one table's load was counted.
  void AddPart(const CommitResult& counts) {
    rows_inserted += counts.rows_inserted;
    rows_updated += counts.rows_updated;
    rows_deleted += counts.rows_deleted;
    unknown_columns.insert(counts.unknown_columns.begin(), counts.unknown_columns.end());
  }
  // Takes over what was counted for one table.
  void Add(const TableName& table, const CommitResult& counts) {
    AddPart(counts);
    tables[table.ToString()] =
        RowCounts{counts.rows_inserted, counts.rows_updated, counts.rows_deleted, counts.unknown_columns};
  }
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Nothing: this pipeline never committed here. Also settles what a crashed predecessor left half-done.
  virtual Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) = 0;
  // The load with this id was committed (asked after an unknown outcome, possibly over a new connection).
  virtual Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) = 0;
  // The destination table as it is; nothing: it does not exist.
  virtual Result<std::optional<Schema>> Describe(const TableName& table) = 0;
  // The column of this name can be made as wide as `to`, whose type has all values of the column's own (IsWidening),
  // when a load asks for it (WriteRequest::widened), without a change for those who read the table.
  virtual Result<bool> CanWiden(const TableName& table, const Field& to) {
    (void)table, (void)to;
    return false;
  }
  // What the columns of a table that stays refuse: for loads that set such rows aside before they are written
  // (discard_row). Empty: nothing, or the sink finds out only when the rows are there, and ends the load then.
  virtual Result<FindRefused> RefusedBy(const TableName& table) {
    (void)table;
    return FindRefused();
  }
  // The statements or files that a load would bring about before any row: for `nilus plan`.
  virtual Result<std::vector<std::string>> Explain(const WriteRequest& request) = 0;
  // The first Open takes the pipeline's lock (a second run gets kConflict). Once per table and load, else kInternal.
  virtual Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) = 0;
  // Makes all finished writers' rows and the position visible in one step, if the committed version is still
  // expected_version (else kConflict; kInternal: an unfinished writer). Idempotent: again is a success. kUnknownOutcome
  // when no answer came. Without any writer it only moves the position (`nilus state set`; an empty one forgets it).
  virtual Result<CommitResult> Commit(const CommitRequest& request) = 0;
  virtual Result<std::vector<CheckItem>> Check() = 0;
};

}  // namespace nilus
