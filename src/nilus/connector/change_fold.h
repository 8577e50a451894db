// Changes of one table in the order of a log (sink.h: WriteRequest::is_changes), folded to what they come to: of each
// key one row at most, which is there or is gone. Values that a change does not know are looked up in the changes
// before it; what none of them knows is the destination's to say. Pure, no I/O.
//
//   Add, Add, … → Take → (the sink brings the rows into the table) → Add, …
//
// A fold holds all batches since the last Take. A load that is too large for memory is folded in parts: each is applied
// before the next one is taken, inside the load's transaction, so that the next finds in the table what it needs.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"
#include "nilus/data/record_batch.h"

namespace nilus {

// Stand behind the table's columns in FoldedChanges::rows. Neither is loaded.
//
// int32. -1: the row with this key goes. 0: the whole row. Above: values of the columns of group n - 1 are missing.
inline constexpr std::string_view kGroupColumn = "_nilus_group";
// int64. Number of the row (of all rows that Take has given, from 0) with the key under which the table has the missing
// values: the row's own number, or that of the row which it moved from.
inline constexpr std::string_view kFromColumn = "_nilus_from";

struct FoldedChanges {
  // Columns that rows miss (variant columns too), to be taken from the table as it was before.
  struct Group {
    std::vector<std::string> columns;
    bool has_moved = false;  // from rows of another key; false: kFromColumn is each row's own number
    int64_t rows = 0;
  };

  bool truncates = false;  // all rows of the table go first
  RecordBatch rows;        // no two of one key. Empty: no rows
  std::vector<Group> groups;
  int64_t removed = 0;  // rows of group -1
  int64_t kept = 0;     // the others
  // WriteRequest::may_lack_rows: columns of which values are NULL, as their row had gone before.
  std::set<std::string> unknown_columns;

  // The values of kGroupColumn and kFromColumn, which stand last whatever other columns are called. There are rows.
  const int32_t* group_numbers() const { return rows.column(rows.schema()->size() - 2).values.as<int32_t>(); }
  const int64_t* from_numbers() const { return rows.column(rows.schema()->size() - 1).values.as<int64_t>(); }
};

// Variant columns of the table `existing` that belong to `columns` and are not among them. A load that has not heard of
// them gets them: a row with a new value may not keep its old variant.
std::vector<Field> MissingVariants(const Schema& columns, const Schema& existing);

// One thread at a time.
class ChangeFold {
 public:
  // `columns` are the table's as known so far; batches may bring more. The fold is full with a quarter of the request's
  // memory_bytes.
  ChangeFold(const WriteRequest& request, const Schema& columns);

  // kData: a NULL in a key, or (unless the table may lack rows) a value that is not known while the row that had it is
  // gone. kInternal: the change
  // columns are not what sink.h says. The fold is of no use after an error.
  Status Add(const RecordBatch& batch);
  // Columns that the table has: rows get them (NULL), and variants among them stay or go with their column.
  void AddColumns(const std::vector<Field>& fields);

  // The fold is full, and may be taken before `batch` is added: that does not begin with a row which the last change
  // moved.
  bool MustTakeBefore(const RecordBatch& batch) const;
  // What the changes since the last Take come to. The fold is empty then.
  FoldedChanges Take();

 private:
  struct Place {  // of a row among batches_
    int32_t batch = -1;
    int32_t row = -1;
  };
  struct Cell {  // a column whose value is not the last change's
    int32_t column = 0;
    Place source;  // batch -1: the table's
  };
  // What a key has come to.
  struct Key {
    uint64_t hash = 0;
    Place last;            // its last change
    int32_t patch = -1;    // into patches_; -1: `last` knows every value
    bool is_gone = false;  // removed
  };
  struct Patch {
    std::vector<Cell> cells;
    int32_t origin = -1;  // into keys_: under which key the table has the row; where a source is the table
  };
  // A row before a change.
  struct Before {
    bool is_known = false;  // by a change of this fold
    bool is_gone = false;
    Place last;
    Patch patch;
    int32_t key = -1;
  };
  struct Markers {
    const Column* removed = nullptr;
    const Column* unchanged = nullptr;
    const Column* moved = nullptr;
  };

  Result<Markers> FindMarkers(const RecordBatch& batch) const;
  std::vector<uint64_t> HashKeys(const RecordBatch& batch) const;
  bool SameKey(Place a, Place b) const;
  // The key's place in keys_, made if it is new.
  int32_t FindKey(uint64_t hash, Place row, bool* is_new);
  void GrowSlots();
  Status NullKey(const RecordBatch& batch, int64_t row, bool is_removed, bool* truncates) const;
  void Truncate();
  Before BeforeOf(int32_t key, bool is_new) const;
  Result<const std::vector<int32_t>*> ColumnsNamed(std::string_view names);
  Status Put(int32_t key, Place place, const Before& before, const std::vector<int32_t>& unknown);
  int32_t AddField(const Field& field);
  int32_t BaseOf(int32_t column) const { return base_[static_cast<size_t>(column)]; }

  // Take's part.
  std::vector<std::string> NamesOf(const std::vector<int32_t>& columns) const;
  Column Gather(int32_t column, const std::vector<int32_t>& order) const;
  Place SourceOf(const Key& key, int32_t column) const;

  const TableName table_;
  const int64_t limit_bytes_;
  const bool may_lack_rows_;
  std::vector<Field> fields_;  // of all batches
  std::vector<int32_t> base_;  // of a variant: its column; else itself
  std::vector<std::string> key_names_;
  std::vector<int32_t> key_columns_;

  std::vector<RecordBatch> batches_;
  std::vector<std::vector<int32_t>> batch_columns_;  // by batch and field: the batch's column, or -1
  int64_t bytes_ = 0;
  bool truncates_ = false;
  std::vector<Key> keys_;
  std::vector<int32_t> slots_;  // open addressing over keys_; -1: free. A power of two
  std::vector<Patch> patches_;
  Before removed_;  // the row that the last change removed
  std::set<std::string> unknown_columns_;
  std::map<std::string, std::vector<int32_t>, std::less<>> named_;
  int64_t taken_rows_ = 0;
};

}  // namespace nilus
