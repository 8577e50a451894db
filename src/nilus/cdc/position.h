// Where a capture stands: what a sink stores beside the rows (docs/formats.md, "Positions of change data capture"),
// version 1:
//
//   {"v":1,"kind":"cdc","at":["22927240","0"],"shown":"0/15DD788","identity":"…",
//    "tables":["public.orders","public.items"],"ids":{"public.orders":["16390","16401"]},
//    "snapshot":[{"table":"public.items","how":"initial","up_to":"[\"4711\"]",
//                  "key":"[[\"id\",\"bigint\"]]"}],
//    "numbers":{"public.orders":{"customer":"0f…:…"}},"unloaded":["public.items"]}
//
// at        everything committed at or before it is at the destination, but for tables under `snapshot`. Two numbers
//           (LogPosition) as decimal texts.
// shown     the same, as the source shows it: for people.
// identity  the log that `at` is of (CaptureStart::identity).
// tables    the tables that are captured, schema.table: one that comes anew is read as a whole first.
// ids       the source's own numbers of tables (CapturedTable::id and sender) as decimal texts, 0: not known; absent:
//           none is. 1 for the table: it has left its name.
// snapshot  tables that are still to be read, in that order; absent: none. `up_to`: their rows with keys up to here are
//           at the destination (SnapshotChunk::up_to); absent: none. `key`: which columns those are.
// numbers   by table and the destination's name of the column what the mask `sequential` has given so far
//           (MaskSequence::ToText); absent: nothing.
// unloaded  tables of which no row has come to the destination yet, which need not have a table for them; absent: none.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"
#include "nilus/data/position.h"

namespace nilus {

enum class SnapshotHow {
  kInitial,      // chunk by chunk; changes of rows that are not read yet are left out
  kIncremental,  // asked for while streaming: chunk by chunk, while all changes go on being loaded
  kAnew,         // in one step, in place of what is there
  kLost,         // the same; changes of the table are left out until then: what is there cannot be continued
};
std::string_view SnapshotHowName(SnapshotHow how);

struct PendingTable {
  std::string schema;
  std::string table;
  SnapshotHow how = SnapshotHow::kInitial;
  std::string up_to;
  std::string key;  // KeyShape of the table that `up_to` is of; empty: not known (a position of an earlier build)
  std::string name() const { return schema + "." + table; }
  friend bool operator==(const PendingTable&, const PendingTable&) = default;
};

// Names and types of the key's columns, as JSON: a bound of one key says nothing of rows under another.
std::string KeyShape(const CapturedTable& table);

using MaskNumbers = std::map<std::string, std::map<std::string, std::string>>;

struct CdcPosition {
  LogPosition at;
  std::string shown;
  std::string identity;
  std::set<std::string> tables;
  std::map<std::string, TableIds> ids;
  std::vector<PendingTable> pending;
  MaskNumbers numbers;
  std::set<std::string> unloaded;

  // The table is captured from now on. False: it was before.
  bool Take(const std::string& name);
  // Some of the table's rows are at the destination, and it is gone on from them.
  bool HasRows(const std::string& name) const;
  // Notes the table's numbers. True: it had another id, and is another table under the same name.
  bool TakesPlace(const std::string& name, const CapturedTable& table);
  // The table's changes come under another name: should it, or another one, come back under this one, TakesPlace says
  // so.
  void MovesAway(const std::string& name);
  bool IsAway(const std::string& name) const;
  // The table is captured no more: should it come back, it is a new one.
  void Forget(const std::string& name);
  // The tables whose rows are loaded: not those that wait for their first chunk, or to be read in place of what is
  // lost.
  std::map<std::string, TableIds> Loaded() const;
  int64_t NumberBytes() const;
  PendingTable* FindPending(const std::string& schema, const std::string& table);
  friend bool operator==(const CdcPosition&, const CdcPosition&) = default;
};

Position ToPosition(const CdcPosition& position);
// Reads what ToPosition wrote. kInvalidInput for anything else, also a position of another mode. Safe for hostile
// input.
Result<CdcPosition> ParseCdcPosition(const Position& position);

}  // namespace nilus
