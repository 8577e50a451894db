// The engine's position: what a sink stores beside the rows of a batch pipeline. Format (docs/formats.md), version 1:
//
//   {"v":1,
//    "table":"public.orders","has_table":true,
//    "cursor":{"column":"updated_at","type":"timestamp","value":"2024-03-15T10:20:30Z","until":"2024-03-16T00:00:00Z"},
//    "boundary":{"by":["id"],"columns":{"id":"l"},"rows":"<32 hex digits a row, one after another>",
//                "repeated":{"<32 hex digits>":3}},
//    "nulls":{"by":[],"rows":"…"},
//    "masks":{"email":{"how":"hash"},"name":{"how":"sequential","numbers":"…"}},
//    "children":["orders__items"],"columns":["id","note"],
//    "loaded":[{"key":"updated_at","start":"2024-03-15T00:00:00Z","end":"2024-03-16T00:00:00Z"}],
//    "source":{…}}
//
// table     the source_table that was read, as written; of a query only the word `query`.
// has_table the destination's table was there when this was committed. Absent: it was not, or nobody looked.
// cursor    the highest incremental key loaded (canonical text), by the source's name of its column. `until`:
//           everything below this exclusive bound was read too (an interval's end past the highest key).
// boundary  the rows at that key which the destination has, each by 128 bits of a SHA-256 (key_column.h): of the
//           columns in `by`, or of the whole row when `by` is empty. A row that occurs n > 1 times stands under
//           `repeated`. `columns` names the columns that were hashed and their kinds (key_column.h, HashKind), variant
//           columns left out: they go with the column they belong to.
//           No boundary: not known (more rows than fit, kMaxBoundaryRows).
// nulls     the same for rows whose key is NULL, when they are loaded (incremental_key_nulls: include).
// masks     the masks of the rows loaded, by the destination's names of their columns: `how` as in the manifest (of an
//           hmac's key only 16 hex digits of a digest), and the `numbers` that `sequential` gave
//           (rows/mask_sequence.h). Absent when nothing is masked.
// children  the child tables of nested rows, by their names. Absent: there are none.
// columns   scd2 of JSON: the columns of the main table that loads have brought, by the destination's names. A load
//           without one of them has NULL there. Absent: not known.
// loaded    the ranges of the key that were read (loaded_ranges.h). Older versions wrote the last one, as `interval`.
// sealed    of a masked incremental_key: `cursor` and `loaded`, as JSON, sealed (cursor_seal.h). Then they stand
// nowhere
//           else.
// source    what the source itself wants to find again (files already read, …), opaque to the engine.
//
// Keys that this version does not know are refused: a newer program may mean something by them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/position.h"
#include "nilus/data/scalar.h"
#include "nilus/engine/cursor_seal.h"
#include "nilus/engine/key_column.h"
#include "nilus/engine/loaded_ranges.h"

namespace nilus {

inline constexpr int64_t kMaxBoundaryRows = 1'000'000;
inline constexpr size_t kMaxCheckpointBytes = size_t{128} << 20;

// Rows as a multiset of hashes.
struct RowSet {
  std::vector<std::string> by;          // columns that were hashed; empty: all
  std::map<std::string, char> columns;  // those that were hashed, with their kinds (HashKind); empty: not known
  std::unordered_map<RowHash, int64_t, RowHashHasher> counts;

  int64_t size() const;  // rows, repeated ones counted as often as they occur; at most 2^53
};

struct Cursor {
  std::string column;  // the source's name
  Scalar value;
  std::optional<std::string> until;  // canonical text of the same type, exclusive
};

struct MaskRecord {
  std::string how;
  std::string numbers;  // sequential only
};

struct Checkpoint {
  std::string table;  // empty: not known
  bool has_table = false;
  std::optional<Cursor> cursor;
  std::optional<RowSet> boundary;
  std::optional<RowSet> nulls;
  std::vector<std::string> children;
  std::vector<std::string> columns;
  std::vector<LoadedRange> loaded;
  std::map<std::string, MaskRecord> masks;
  std::string sealed;  // not empty: cursor and ranges are in there, and not known
  Position source;

  // Nothing is loaded by what it says: there is none, or `nilus state reset` left what only the destination has.
  bool IsReset() const;
};

// Those names that are not among them yet.
void AddNames(const std::vector<std::string>& names, std::vector<std::string>* to);

// kData when a name or value is no UTF-8 text: stored otherwise it would be another one.
Result<Position> ToPosition(const Checkpoint& checkpoint);
// Reads what ToPosition wrote; an empty position is an empty checkpoint. kInvalidInput for anything else, never more
// memory than a small multiple of the text. Safe for hostile input.
Result<Checkpoint> ParseCheckpoint(const Position& position);

// Into `sealed`, and out of it. Sealing what has neither cursor nor ranges does nothing, and so does opening what is
// not sealed. kData: the cursor is no UTF-8 text.
Status SealCursor(const CursorSeal& seal, Checkpoint* checkpoint);
Status OpenCursor(const CursorSeal& seal, Checkpoint* checkpoint);

}  // namespace nilus
