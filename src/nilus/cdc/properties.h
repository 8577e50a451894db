// The properties of change data capture that the engine itself acts on, typed (docs/cdc.md lists all). What only the
// source needs (slot.name, table.include.list, …) it reads by itself (CaptureRequest::properties).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/cdc/value_modes.h"
#include "nilus/connector/change_source.h"
#include "nilus/connector/name_patterns.h"

namespace nilus {

// When tables are read as a whole (snapshot.mode).
struct SnapshotPolicy {
  bool reads_rows = true;        // a first start reads the tables
  bool makes_tables = true;      // a first start makes the destination's tables, rows or not
  bool at_every_start = false;   // always
  bool streams = true;           // false, initial_only: it ends with the snapshot
  bool when_lost = false;        // when_needed: also when the committed position cannot be continued
  bool needs_position = false;   // recovery: there must be a committed position
  std::string mode = "initial";  // as written
};

// transforms.<name>.type: …ByLogicalTableRouter: topic names `<prefix>.<schema>.<table>` that `regex` matches as a
// whole become `replacement`.
struct RouteRule {
  std::string regex;         // RE2
  std::string replacement;   // RE2's: \1 for a group
  bool unites_keys = false;  // key.enforce.uniqueness: false: rows of all tables that meet in one differ by their keys
};

struct CdcProperties {
  std::string prefix;  // topic.prefix
  SnapshotPolicy snapshot;
  int snapshot_threads = 1;
  NamePatterns snapshot_tables;  // snapshot.include.collection.list; empty: all
  int64_t batch_rows = 2048;     // max.batch.size
  bool batch_rows_given = false;
  std::optional<int64_t> queue_bytes;                      // max.queue.size.in.bytes
  std::optional<std::chrono::milliseconds> poll_interval;  // poll.interval.ms: how long rows wait for others, at most
  std::vector<ChangeOp> skipped;                           // skipped.operations
  bool soft_deletes = false;                               // transforms.<unwrap>.delete…: rewrite
  std::vector<RouteRule> routes;
  ValueModes values;         // decimal.handling.mode, binary.handling.mode
  std::string signal_table;  // signal.data.collection, as schema.table; empty: none
  bool drops_slot = false;   // slot.drop.on.stop

  // The rows of the table (schema.table) are read, and not only its changes.
  bool ReadsRowsOf(std::string_view table) const {
    return snapshot.reads_rows && (snapshot_tables.empty() || snapshot_tables.Match(table));
  }
};

// kInvalidInput names the property; kUnsupported for what Debezium has and Nilus has not. `notices` gets what is taken
// otherwise than one may expect.
Result<CdcProperties> ReadProperties(const std::map<std::string, std::string>& properties,
                                     std::vector<std::string>* notices);

}  // namespace nilus
