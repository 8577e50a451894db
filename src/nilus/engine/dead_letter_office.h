// Rows that a contract keeps out of the table, on their way into the table of dead letters beside it.
//
// Rows that are read again bring their letters again. Those take the place of the earlier ones in the load's own
// commit (docs/rows.md, "Dead letters"):
//
//   replace, full_refresh       all letters go                                              (replace)
//   an incremental_key          those go whose cursor lies in the range that is read anew   (delete+insert)
//   scd2 of all rows            all letters go                                              (replace)
//   merge, scd2 of some rows    a letter is named by the row's primary key, and goes when the row comes as a letter
//                               again                                                       (merge)
//   append                      none go: no row is read twice                               (append)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/rows/dead_letters.h"
#include "nilus/rows/row_ids.h"
#include "nilus/rows/table_shape.h"

namespace nilus {

struct BatchJob;

TableName LetterTable(const BatchJob& job);

// How the letters of a load come into their table. `has_cursor`: rows are read by an incremental_key. `is_complete`:
// all rows of the source are read.
WriteStrategy LetterStrategy(const BatchJob& job, bool has_cursor, bool is_complete);
// The request of their table, beside the one of the rows. `there`: the table's columns, if there is one.
WriteRequest LetterRequest(const BatchJob& job, const WriteRequest& rows, WriteStrategy strategy,
                           const std::optional<Schema>& there);
// The type of the cursor's column in a table of letters that is there; nothing: it has none.
std::optional<Type> CursorTypeIn(const std::optional<Schema>& there);

// Where the letters of a load go; shared by all threads.
struct DeadLetterOffice {
  int table = 0;                    // of the load's tables
  std::shared_ptr<RowNames> names;  // with a key: that of the rows, by the destination's names
  LetterNotes notes;
};

// One thread's writer of letters. Not thread-safe.
class DeadLetterWriter {
 public:
  // Both outlive it. `shape`: how the rows' columns are called at the destination.
  DeadLetterWriter(const DeadLetterOffice& office, const TableShape& shape)
      : office_(&office), shape_(&shape), namer_(office.names) {}

  // Letters with the row ids. `batch`: after masks, by the source's names; `split`: where it was read.
  RecordBatch Write(const RecordBatch& batch, const std::vector<DeadRow>& dead, std::string_view split);

 private:
  Column KeyedIds(const RecordBatch& batch, const std::vector<DeadRow>& dead);

  const DeadLetterOffice* office_;
  const TableShape* shape_;
  RowNamer namer_;
};

}  // namespace nilus
