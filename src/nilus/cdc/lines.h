// The rows that changes make at the destination: one each, but two of an update that changes the row's key: the removal
// of the old row, then the arrival of the new one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/cdc/changes.h"
#include "nilus/rows/table_shape.h"

namespace nilus {

// Texts of the values that the column's own type cannot hold (infinity, NaN); null: there are none.
const Column* VariantOf(const RecordBatch& rows, std::string_view column);

class ChangeLines {
 public:
  // kData: the old row of an update lacks a column of the key.
  static Result<ChangeLines> Of(const ChangeBatch& batch, const std::vector<std::string>& key);

  int64_t size() const { return count_; }
  bool has_moves() const { return !is_plain_; }
  // Which change a line is of.
  int32_t change(int64_t line) const {
    return is_plain_ ? static_cast<int32_t>(line) : lines_[static_cast<size_t>(line)].change;
  }
  // The operation as it is told: `d` and `c` of a change of the key.
  ChangeOp op(const ChangeBatch& batch, int64_t line) const;
  // The line is an old row that goes: its key is another one now.
  bool is_old(int64_t line) const { return !is_plain_ && lines_[static_cast<size_t>(line)].part == Part::kOld; }

  // These lines (ascending) do not fit the destination's table: they are removals there, of which only the key counts.
  void KeepOut(const std::vector<int32_t>& lines);

  // The rows of the lines, by the source's names.
  RecordBatch TakeFrom(const ChangeBatch& batch) const;

  // kRemovedColumn: deletes (not soft ones) and truncates remove, and so do old rows of moves and what is kept out.
  bool HasRemovals(const ChangeBatch& batch, bool soft_deletes) const;
  Column Removed(const ChangeBatch& batch, bool soft_deletes) const;
  Column Moved() const;  // kMovedColumn
  // The destination's names of columns whose values the log leaves out, joined by `separator`; NULL: none. Of deletes
  // `unknown_of_deletes` (the source's names).
  Column UnchangedNames(const ChangeBatch& batch, const TableShape& shape,
                        const std::vector<std::string>& unknown_of_deletes, char separator) const;

 private:
  bool IsKeptOut(int64_t line) const { return !kept_out_.empty() && kept_out_[static_cast<size_t>(line)] != 0; }

  enum class Part : uint8_t { kWhole, kOld, kNew };
  struct Line {
    int32_t change;
    int32_t old_row;
    Part part;
  };
  bool is_plain_ = true;  // line i is change i
  int64_t count_ = 0;
  std::vector<Line> lines_;        // when not plain
  std::vector<uint8_t> kept_out_;  // one a line; empty: none is
};

}  // namespace nilus
