#include "nilus/connectors/postgres/cdc/change_builder.h"

#include <algorithm>
#include <utility>

namespace nilus::postgres {
namespace {

constexpr int64_t kBytesOfChange = 48;  // positions, times and so on

Failure WrongCount(const TableLayout& layout, size_t count) {
  return Fail(ErrorKind::kData, "table {}.{}: a row of the log has {} columns, and its description {}",
              layout.table.schema, layout.table.name, count, layout.columns.size());
}

Failure NullOrNan(const TableLayout& layout, const LayoutColumn& column) {
  return FailWithFix(ErrorKind::kUnsupported, "install wal2json 2.6, or use a new slot with plugin.name: pgoutput",
                     "table {}.{}, column {}: the server's wal2json writes NULL, NaN and the infinities alike, and one "
                     "of them has come",
                     layout.table.schema, layout.table.name,
                     layout.table.columns.fields[static_cast<size_t>(column.target)].name);
}

int64_t SizeOf(const std::vector<TupleValue>& row) {
  int64_t bytes = 0;
  for (const TupleValue& value : row) bytes += static_cast<int64_t>(value.bytes.size()) + 4;
  return bytes;
}

}  // namespace

ChangeChunk FinishChunk(BuiltChunk built) {
  for (ChangeBatch& batch : built.chunk.batches) {
    if (batch.unchanged.empty()) continue;
    std::map<int, std::vector<uint8_t>> placed;
    int captured = 0;
    for (int i = 0; i < batch.rows.schema()->size(); ++i) {
      if (!batch.rows.schema()->fields[static_cast<size_t>(i)].variant_of.empty()) continue;
      auto flags = batch.unchanged.find(captured++);
      if (flags != batch.unchanged.end()) placed[i] = std::move(flags->second);
    }
    batch.unchanged = std::move(placed);
  }
  return std::move(built.chunk);
}

Status ChangeBuilder::Begin(uint64_t commit_lsn, int64_t committed_at, uint32_t xid) {
  if (is_inside_) return Fail(ErrorKind::kData, "the log opens a transaction inside another");
  if (commit_lsn + 1 <= complete_.major) {
    return Fail(ErrorKind::kData, "the log goes backwards: a transaction of {:X} comes behind {:X}", commit_lsn,
                complete_.major);
  }
  is_inside_ = true;
  commit_lsn_ = commit_lsn;
  committed_at_ = committed_at;
  xid_ = xid;
  sequence_ = 0;
  has_rows_ = false;
  return {};
}

Status ChangeBuilder::Commit(uint64_t commit_lsn, uint64_t end_lsn) {
  NILUS_TRY(CheckTransaction());
  if (commit_lsn != commit_lsn_ || end_lsn <= commit_lsn) {
    return Fail(ErrorKind::kData, "the log ends a transaction at {:X} that it opened as of {:X}", commit_lsn,
                commit_lsn_);
  }
  is_inside_ = false;
  complete_ = std::max(complete_, LogPosition{end_lsn, 0});
  return {};
}

void ChangeBuilder::Passed(uint64_t lsn) {
  if (!is_inside_) complete_ = std::max(complete_, LogPosition{lsn, 0});
}

void ChangeBuilder::Head(uint64_t lsn, int64_t time) {
  head_ = std::max(head_, LogPosition{lsn, 0});
  head_at_ = time;
}

Status ChangeBuilder::CheckTransaction() const {
  if (!is_inside_) return Fail(ErrorKind::kData, "the log brings a change or a commit outside a transaction");
  return {};
}

ChangeBuilder::Open& ChangeBuilder::BatchOf(const LayoutPtr& layout) {
  if (last_ != nullptr && last_->layout == layout) return *last_;
  Open*& open = by_layout_[layout.get()];
  if (open == nullptr) {
    open_.push_back(std::make_unique<Open>(layout));
    open = open_.back().get();
    open->changes.schema = layout->table.schema;
    open->changes.table = layout->table.name;
    open->changes.key = layout->table.key;
    open->changes.has_full_old_rows = layout->table.has_full_old_rows;
  }
  last_ = open;
  return *open;
}

// `behind`: an old row that has what the new one leaves out as unchanged. `open`: where to flag what stays unknown.
Status ChangeBuilder::AppendRow(const TableLayout& layout, const std::vector<TupleValue>& row,
                                const std::vector<TupleValue>* behind, Open* open, BatchBuilder* into) {
  if (row.size() != layout.columns.size()) return WrongCount(layout, row.size());
  for (size_t i = 0; i < row.size(); ++i) {
    const LayoutColumn& column = layout.columns[i];
    if (column.target < 0) continue;
    TupleValue value = row[i];
    if (value.kind == TupleValue::kUnchanged && behind != nullptr && behind->size() == row.size()) value = (*behind)[i];
    bool is_sound = true;
    switch (value.kind) {
      case TupleValue::kNull:
        into->column(column.target).AppendNull();
        break;
      case TupleValue::kUnchanged:
        into->column(column.target).AppendNull();
        if (open != nullptr) {
          std::vector<uint8_t>& flags = open->changes.unchanged[column.target];
          flags.resize(open->changes.ops.size() + 1);
          flags.back() = 1;
        }
        break;
      case TupleValue::kNullOrNan:
        return NullOrNan(layout, column);
      case TupleValue::kText:
        is_sound = AppendLogText(column, value.bytes, into);
        break;
      case TupleValue::kBinary:
        is_sound = AppendLogBinary(column, value.bytes, into);
        break;
    }
    if (!is_sound) {
      const Field& field = layout.table.columns.fields[static_cast<size_t>(column.target)];
      return Fail(ErrorKind::kData, "table {}.{}, column {}: {} bytes of the log are no {} value", layout.table.schema,
                  layout.table.name, field.name, value.bytes.size(), field.type.ToString());
    }
  }
  into->FinishRow();
  return {};
}

void ChangeBuilder::FinishChange(Open& open, ChangeOp op, uint64_t lsn) {
  open.changes.ops.push_back(op);
  open.changes.positions.push_back({commit_lsn_ + 1, 0});
  open.changes.change_lsns.push_back(lsn);
  open.changes.transactions.push_back(xid_);
  open.changes.committed_at.push_back(committed_at_);
  open.changes.sequence.push_back(sequence_++);
  has_rows_ = true;
  ++rows_;
  bytes_ += kBytesOfChange;
}

Status ChangeBuilder::Row(const LayoutPtr& layout, ChangeOp op, char old_kind, const std::vector<TupleValue>& old_row,
                          const std::vector<TupleValue>& new_row, uint64_t lsn) {
  NILUS_TRY(CheckTransaction());
  Open& open = BatchOf(layout);
  if (op == ChangeOp::kDelete) {
    NILUS_TRY(AppendRow(*layout, old_row, nullptr, nullptr, &open.rows));
    bytes_ += SizeOf(old_row);
    FinishChange(open, op, lsn);
    return {};
  }
  if (old_kind != 0) {
    if (open.old_rows == nullptr) open.old_rows = std::make_unique<BatchBuilder>(layout->schema);
    NILUS_TRY(AppendRow(*layout, old_row, nullptr, nullptr, open.old_rows.get()));
    open.changes.old_of.push_back(static_cast<int32_t>(open.changes.ops.size()));
    bytes_ += SizeOf(old_row);
  }
  NILUS_TRY(AppendRow(*layout, new_row, old_kind == 'O' ? &old_row : nullptr, &open, &open.rows));
  bytes_ += SizeOf(new_row);
  FinishChange(open, op, lsn);
  return {};
}

Status ChangeBuilder::Truncate(const LayoutPtr& layout, uint64_t lsn) {
  NILUS_TRY(CheckTransaction());
  Open& open = BatchOf(layout);
  for (int i = 0; i < layout->schema->size(); ++i) open.rows.column(i).AppendNull();
  open.rows.FinishRow();
  FinishChange(open, ChangeOp::kTruncate, lsn);
  return {};
}

void ChangeBuilder::Tell(SchemaEvent event) {
  event.at = is_inside_ ? LogPosition{commit_lsn_ + 1, 0} : complete_;
  schemas_.push_back(std::move(event));
}

BuiltChunk ChangeBuilder::Take() {
  BuiltChunk built;
  for (const std::unique_ptr<Open>& open : open_) {
    ChangeBatch batch = std::move(open->changes);
    for (auto& [column, flags] : batch.unchanged) flags.resize(batch.ops.size());
    batch.rows = open->rows.Finish();
    if (open->old_rows != nullptr) batch.old_rows = open->old_rows->Finish();
    built.chunk.batches.push_back(std::move(batch));
    built.layouts.push_back(open->layout);
  }
  open_.clear();
  by_layout_.clear();
  last_ = nullptr;
  built.chunk.schemas = std::exchange(schemas_, {});
  built.chunk.complete = complete_;
  built.chunk.ends_inside = is_inside_ && has_rows_;
  built.chunk.head = std::max(head_, complete_);
  built.chunk.head_at = head_at_;
  rows_ = bytes_ = 0;
  return built;
}

}  // namespace nilus::postgres
