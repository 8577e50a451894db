// Rows that could not be loaded, kept beside the table with what is needed to load them later (spec 03, "Evolution";
// docs/formats.md, "Dead letters"). The table `<table>__dead_letters`:
//
//   payload   json   the row as it was to be loaded, after masks: one object by the source's names
//   reason    text   why it was not
//   column    text   the source's column that made it dead
//   position  text   where it came from: {"source": …, "types": {column: type}, "masks": {column: how}, "key":
//   [column]} and the row ids of row_ids.h
//   cursor           the row's incremental key, where the load has one: letters of an interval are found by it
//
// Values are JSON's own where JSON has them (numbers with all digits, json as written), else their canonical text (a
// negative zero too); `types` tells what each was, and of a json column whether its values stand as texts.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/rows/normalizer.h"

namespace nilus {

// "<table>__dead_letters"; cut as all long names are (naming.h).
std::string DeadLetterTable(std::string_view table, int identifier_limit);

inline constexpr std::string_view kLetterCursorColumn = "cursor";

// Without the row ids. `cursor`: the type of kLetterCursorColumn; nothing: there is no such column.
Schema DeadLetterSchema(const std::optional<Type>& cursor);

// What the letters of a load say beside their rows.
struct LetterNotes {
  std::map<std::string, std::string> masks;  // what became of which column (by its destination's name) before
  std::vector<std::string> key;              // which columns are the key that the source enforces
  std::string cursor;                        // the column whose values go to kLetterCursorColumn; empty: none
  std::optional<Type> cursor_type;           // that the table has; nothing: that of the column's family
};

// Letters of these rows of `batch`. `source` says where they were read. A cursor that is not of its type is NULL.
RecordBatch WriteDeadLetters(const RecordBatch& batch, const std::vector<DeadRow>& dead, std::string_view source,
                             const LetterNotes& notes);

// A letter read back.
struct DeadLetter {
  std::string id;
  std::string load_id;
  std::string payload;
  std::string reason;
  std::string column;
  std::string position;
  std::string cursor;  // canonical text; empty: none
};

// What a letter's `position` says. kData when it was not written by WriteDeadLetters.
struct DeadLetterOrigin {
  Schema schema;                              // of the payload
  std::set<std::string, std::less<>> quoted;  // json columns whose values stand as texts
  std::map<std::string, std::string> masks;
  std::vector<std::string> key;
};
Result<DeadLetterOrigin> ReadOrigin(std::string_view position);

// The rows of letters that share one origin, as they were. kData names the letter (not its values) when a payload is no
// object of these columns. Safe for hostile input.
Result<RecordBatch> ReadPayloads(const std::vector<DeadLetter>& letters, const DeadLetterOrigin& origin);

}  // namespace nilus
