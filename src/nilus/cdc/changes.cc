#include "nilus/cdc/changes.h"

#include <algorithm>

namespace nilus {
namespace {

constexpr int64_t kBytesOfAnEntry = 64;  // the vectors beside the rows

template <typename T>
std::vector<T> Pick(const std::vector<T>& from, const std::vector<int32_t>& rows) {
  std::vector<T> picked;
  picked.reserve(rows.size());
  for (int32_t row : rows) picked.push_back(from[static_cast<size_t>(row)]);
  return picked;
}

// Variant columns that only the old rows have: a key with such a value is told by them. Returns the schema with them.
SchemaPtr TakeOldVariants(const ChangeBatch& batch, const std::vector<RowPick>& picks, std::vector<Column>* columns) {
  const Schema& old = *batch.old_rows->schema();
  std::shared_ptr<Schema> extended;
  for (int i = 0; i < old.size(); ++i) {
    const Field& field = old.fields[static_cast<size_t>(i)];
    if (field.variant_of.empty() || batch.rows.schema()->Find(field.name)) continue;
    if (extended == nullptr) extended = std::make_shared<Schema>(*batch.rows.schema());
    extended->fields.push_back(field);
    const Column* from[] = {nullptr, &batch.old_rows->column(i)};
    columns->push_back(TakeRows(field.type, from, picks));
  }
  return extended == nullptr ? batch.rows.schema() : extended;
}

}  // namespace

int64_t ByteSize(const ChangeBatch& batch) {
  int64_t bytes = batch.rows.ByteSize() + kBytesOfAnEntry * static_cast<int64_t>(batch.ops.size());
  if (batch.old_rows) bytes += batch.old_rows->ByteSize();
  for (const auto& [column, flags] : batch.unchanged) bytes += static_cast<int64_t>(flags.size());
  return bytes;
}

int64_t RowCount(const ChangeChunk& chunk) {
  int64_t rows = 0;
  for (const ChangeBatch& batch : chunk.batches) rows += static_cast<int64_t>(batch.ops.size());
  return rows;
}

RecordBatch PickRows(const ChangeBatch& batch, const std::vector<RowPick>& picks) {
  const Schema& schema = *batch.rows.schema();
  std::vector<Column> columns;
  columns.reserve(schema.fields.size());
  for (int i = 0; i < schema.size(); ++i) {
    const Field& field = schema.fields[static_cast<size_t>(i)];
    const Column* old = nullptr;
    if (batch.old_rows) {
      std::optional<int> at = batch.old_rows->schema()->Find(field.name);
      if (at && batch.old_rows->column(*at).type == field.type) old = &batch.old_rows->column(*at);
    }
    const Column* from[] = {&batch.rows.column(i), old};
    columns.push_back(TakeRows(field.type, from, picks));
  }
  SchemaPtr all = batch.rows.schema();
  if (batch.old_rows) all = TakeOldVariants(batch, picks, &columns);
  return RecordBatch(std::move(all), std::move(columns), static_cast<int64_t>(picks.size()));
}

std::vector<int32_t> OldRowOf(const ChangeBatch& batch) {
  std::vector<int32_t> old(batch.ops.size(), -1);
  for (size_t i = 0; i < batch.old_of.size(); ++i) old[static_cast<size_t>(batch.old_of[i])] = static_cast<int32_t>(i);
  return old;
}

ChangeBatch KeepChanges(const ChangeBatch& batch, const std::vector<KeepAs>& keep) {
  const std::vector<int32_t> old = OldRowOf(batch);
  std::vector<int32_t> changes;
  std::vector<RowPick> rows;
  std::vector<int32_t> old_rows;
  ChangeBatch kept{
      .schema = batch.schema, .table = batch.table, .key = batch.key, .has_full_old_rows = batch.has_full_old_rows};
  for (size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] == KeepAs::kNothing) continue;
    const auto change = static_cast<int32_t>(i);
    const bool is_removal = keep[i] == KeepAs::kRemoval;
    if (keep[i] == KeepAs::kWhole && old[i] >= 0) {
      kept.old_of.push_back(static_cast<int32_t>(changes.size()));
      old_rows.push_back(old[i]);
    }
    rows.push_back(is_removal ? RowPick{.from = 1, .row = old[i]} : RowPick{.from = 0, .row = change});
    changes.push_back(change);
    kept.ops.push_back(is_removal ? ChangeOp::kDelete : keep[i] == KeepAs::kArrival ? ChangeOp::kCreate : batch.ops[i]);
  }
  kept.rows = PickRows(batch, rows);
  kept.positions = Pick(batch.positions, changes);
  kept.change_lsns = Pick(batch.change_lsns, changes);
  kept.transactions = Pick(batch.transactions, changes);
  kept.committed_at = Pick(batch.committed_at, changes);
  kept.sequence = Pick(batch.sequence, changes);
  if (!old_rows.empty()) kept.old_rows = TakeRows(*batch.old_rows, old_rows);
  for (const auto& [column, flags] : batch.unchanged) {
    std::vector<uint8_t> picked = Pick(flags, changes);
    for (size_t i = 0; i < picked.size(); ++i) {
      if (kept.ops[i] == ChangeOp::kDelete) picked[i] = 0;
    }
    if (std::find(picked.begin(), picked.end(), 1) != picked.end()) kept.unchanged[column] = std::move(picked);
  }
  return kept;
}

ChangeChunk TakeUntil(const LogPosition& until, ChangeChunk* chunk) {
  ChangeChunk taken{.complete = until, .ends_inside = false, .head = chunk->head, .head_at = chunk->head_at};
  std::vector<SchemaEvent> later;
  for (SchemaEvent& event : chunk->schemas) (event.at <= until ? taken.schemas : later).push_back(std::move(event));
  chunk->schemas = std::move(later);
  std::vector<ChangeBatch> behind;
  for (ChangeBatch& batch : chunk->batches) {
    const auto is_before = [&](const LogPosition& at) { return at <= until; };
    const auto count = std::count_if(batch.positions.begin(), batch.positions.end(), is_before);
    if (count == static_cast<std::ptrdiff_t>(batch.positions.size())) {
      taken.batches.push_back(std::move(batch));
    } else if (count == 0) {
      behind.push_back(std::move(batch));
    } else {
      std::vector<KeepAs> first(batch.ops.size(), KeepAs::kNothing);
      std::vector<KeepAs> rest(batch.ops.size(), KeepAs::kNothing);
      for (size_t i = 0; i < first.size(); ++i) (is_before(batch.positions[i]) ? first : rest)[i] = KeepAs::kWhole;
      taken.batches.push_back(KeepChanges(batch, first));
      behind.push_back(KeepChanges(batch, rest));
    }
  }
  chunk->batches = std::move(behind);
  return taken;
}

}  // namespace nilus
