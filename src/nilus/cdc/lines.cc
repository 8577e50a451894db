#include "nilus/cdc/lines.h"

#include <algorithm>

#include "nilus/data/scalar.h"
#include "nilus/data/take.h"

namespace nilus {
namespace {

bool SameCell(const Column& a, int64_t row_a, const Column& b, int64_t row_b) {
  if (a.IsNull(row_a) || b.IsNull(row_b)) return a.IsNull(row_a) == b.IsNull(row_b);
  if (HasOffsets(a.type.id)) return a.BytesValue(row_a) == b.BytesValue(row_b);
  return CompareCells(a, row_a, b, row_b) == 0;
}

// A text as NULL where there is no column.
bool SameText(const Column* a, int64_t row_a, const Column* b, int64_t row_b) {
  const bool is_null_a = a == nullptr || a->IsNull(row_a);
  const bool is_null_b = b == nullptr || b->IsNull(row_b);
  return is_null_a || is_null_b ? is_null_a == is_null_b : SameCell(*a, row_a, *b, row_b);
}

}  // namespace

const Column* VariantOf(const RecordBatch& rows, std::string_view column) {
  for (int i = 0; i < rows.schema()->size(); ++i) {
    const Field& field = rows.schema()->fields[static_cast<size_t>(i)];
    if (field.variant_of == column && field.type.id == TypeId::kText) return &rows.column(i);
  }
  return nullptr;
}

Result<ChangeLines> ChangeLines::Of(const ChangeBatch& batch, const std::vector<std::string>& key) {
  ChangeLines lines;
  lines.count_ = static_cast<int64_t>(batch.ops.size());
  if (!batch.old_rows || key.empty()) return lines;
  struct KeyPair {
    const Column* now;
    const Column* old;
    const Column* now_variant;  // of what the column's type has no values for (infinity); null: none
    const Column* old_variant;
  };
  std::vector<KeyPair> pairs;
  for (const std::string& column : key) {
    std::optional<int> now = batch.rows.schema()->Find(column);
    std::optional<int> old = batch.old_rows->schema()->Find(column);
    if (!now || !old || !(batch.rows.column(*now).type == batch.old_rows->column(*old).type)) {
      return Fail(ErrorKind::kData, "key column `{}` of {}.{} is not in the log's old rows as it is in the new ones",
                  column, batch.schema, batch.table);
    }
    pairs.push_back(KeyPair{&batch.rows.column(*now), &batch.old_rows->column(*old), VariantOf(batch.rows, column),
                            VariantOf(*batch.old_rows, column)});
  }
  std::vector<uint8_t> moves(batch.ops.size(), 0);
  for (size_t i = 0; i < batch.old_of.size(); ++i) {
    const int32_t change = batch.old_of[i];
    if (batch.ops[static_cast<size_t>(change)] != ChangeOp::kUpdate) continue;
    const bool is_same = std::all_of(pairs.begin(), pairs.end(), [&](const KeyPair& pair) {
      const auto row = static_cast<int64_t>(i);
      return SameCell(*pair.now, change, *pair.old, row) && SameText(pair.now_variant, change, pair.old_variant, row);
    });
    if (is_same) continue;
    moves[static_cast<size_t>(change)] = 1;
    lines.is_plain_ = false;
  }
  if (lines.is_plain_) return lines;
  const std::vector<int32_t> old = OldRowOf(batch);
  for (size_t i = 0; i < moves.size(); ++i) {
    const auto change = static_cast<int32_t>(i);
    if (moves[i] == 0) {
      lines.lines_.push_back(Line{.change = change, .old_row = -1, .part = Part::kWhole});
      continue;
    }
    lines.lines_.push_back(Line{.change = change, .old_row = old[i], .part = Part::kOld});
    lines.lines_.push_back(Line{.change = change, .old_row = -1, .part = Part::kNew});
  }
  lines.count_ = static_cast<int64_t>(lines.lines_.size());
  return lines;
}

ChangeOp ChangeLines::op(const ChangeBatch& batch, int64_t line) const {
  if (!is_plain_) {
    const Part part = lines_[static_cast<size_t>(line)].part;
    if (part == Part::kOld) return ChangeOp::kDelete;
    if (part == Part::kNew) return ChangeOp::kCreate;
  }
  return batch.ops[static_cast<size_t>(change(line))];
}

void ChangeLines::KeepOut(const std::vector<int32_t>& lines) {
  kept_out_.assign(static_cast<size_t>(count_), 0);
  for (const int32_t line : lines) kept_out_[static_cast<size_t>(line)] = 1;
}

RecordBatch ChangeLines::TakeFrom(const ChangeBatch& batch) const {
  if (is_plain_) return batch.rows;
  std::vector<RowPick> picks;
  picks.reserve(lines_.size());
  for (const Line& line : lines_) {
    picks.push_back(line.part == Part::kOld ? RowPick{.from = 1, .row = line.old_row}
                                            : RowPick{.from = 0, .row = line.change});
  }
  return PickRows(batch, picks);
}

bool ChangeLines::HasRemovals(const ChangeBatch& batch, bool soft_deletes) const {
  return !is_plain_ || !kept_out_.empty() || std::any_of(batch.ops.begin(), batch.ops.end(), [&](ChangeOp op) {
    return op == ChangeOp::kTruncate || (op == ChangeOp::kDelete && !soft_deletes);
  });
}

Column ChangeLines::Removed(const ChangeBatch& batch, bool soft_deletes) const {
  ColumnBuilder removed(MakeType(TypeId::kBool));
  for (int64_t line = 0; line < count_; ++line) {
    const ChangeOp op = batch.ops[static_cast<size_t>(change(line))];
    removed.AppendBool(is_old(line) || IsKeptOut(line) || op == ChangeOp::kTruncate ||
                       (op == ChangeOp::kDelete && !soft_deletes));
  }
  return removed.Finish();
}

Column ChangeLines::Moved() const {
  ColumnBuilder moved(MakeType(TypeId::kBool));
  for (int64_t line = 0; line < count_; ++line)
    moved.AppendBool(!is_plain_ && !IsKeptOut(line) && lines_[static_cast<size_t>(line)].part == Part::kNew);
  return moved.Finish();
}

Column ChangeLines::UnchangedNames(const ChangeBatch& batch, const TableShape& shape,
                                   const std::vector<std::string>& unknown_of_deletes, char separator) const {
  std::vector<std::pair<const std::vector<uint8_t>*, std::string>> marks;
  for (const auto& [column, flags] : batch.unchanged) {
    const Field& field = batch.rows.schema()->fields[static_cast<size_t>(column)];
    marks.emplace_back(&flags, shape.NameOf(field.name));
  }
  std::string of_deletes;
  for (const std::string& column : unknown_of_deletes) {
    if (!of_deletes.empty()) of_deletes += separator;
    of_deletes += shape.NameOf(column);
  }
  ColumnBuilder names(MakeType(TypeId::kText));
  std::string text;
  for (int64_t line = 0; line < count_; ++line) {
    text.clear();
    const auto of = static_cast<size_t>(change(line));
    if (IsKeptOut(line)) {
      // nothing of it is loaded
    } else if (batch.ops[of] == ChangeOp::kDelete) {
      text = of_deletes;
    } else if (!is_old(line)) {
      for (const auto& [flags, name] : marks) {
        if ((*flags)[of] == 0) continue;
        if (!text.empty()) text += separator;
        text += name;
      }
    }
    text.empty() ? names.AppendNull() : names.AppendBytes(text);
  }
  return names.Finish();
}

}  // namespace nilus
