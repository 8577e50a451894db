// Rows on their way through a nested load: taken apart, and each table's by its own rules. See nesting.h.
#include <map>
#include <tuple>
#include <utility>

#include "nilus/data/builder.h"
#include "nilus/data/take.h"
#include "nilus/engine/nesting.h"

namespace nilus {
namespace {

// The batch without its last column, and that column.
std::pair<RecordBatch, Column> SplitOffLast(const RecordBatch& batch) {
  auto schema = std::make_shared<Schema>(*batch.schema());
  std::vector<Column> columns = batch.columns();
  Column last = std::move(columns.back());
  schema->fields.pop_back();
  columns.pop_back();
  return {RecordBatch(std::move(schema), std::move(columns), batch.num_rows()), std::move(last)};
}

// `count` rows of a column.
Column Part(const Column& column, int64_t first, int64_t count) {
  if (count == column.length) return column;
  std::vector<RowPick> picks;
  for (int64_t row = first; row < first + count; ++row)
    picks.push_back(RowPick{.from = 0, .row = static_cast<int32_t>(row)});
  const Column* from[] = {&column};
  return TakeRows(column.type, from, picks);
}

}  // namespace

struct NestedStage::Pass {
  int64_t first_number = 0;                       // of the batch's first row
  std::vector<std::pair<int, RecordBatch>> held;  // until all is known to be good
  std::map<int64_t, DeadRow> dead;                // by row of the batch
};

NestedStage::NestedStage(NestedLoad& load, std::string load_id)
    : load_(&load),
      discards_rows_(load.contract() == Contract::kDiscardRow),
      unnester_(load.plan()),
      load_ids_(std::move(load_id)) {
  std::vector<std::string> names;
  for (NestedTable& table : load.tables()) {
    if (table.shape != nullptr) normalizers_.emplace_back(*table.shape);
    names.push_back(table.name.name);
  }
  if (load.hashes_children()) hasher_.emplace(std::move(names));
}

Result<std::vector<DeadRow>> NestedStage::Process(const RecordBatch& batch, const Emit& emit) {
  Pass pass{.first_number = next_root_, .held = {}, .dead = {}};
  NILUS_TRY(Unnest(&pass, batch, emit));
  const int64_t rows = batch.num_rows() - static_cast<int64_t>(pass.dead.size());
  next_root_ += rows;
  std::vector<DeadRow> dead;
  if (!pass.dead.empty()) {  // once more without them: nothing of them may be loaded
    std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()), 1);
    for (auto& [row, letter] : pass.dead) {
      keep[static_cast<size_t>(row)] = 0;
      dead.push_back(std::move(letter));
    }
    pass = Pass{.first_number = pass.first_number, .held = {}, .dead = {}};
    if (hasher_) hasher_->Finish(0);  // they are counted anew
    NILUS_TRY(Unnest(&pass, batch.Filter(keep), emit));
  }
  NILUS_TRY(EmitHeld(&pass, rows, emit));
  return dead;
}

Status NestedStage::Unnest(Pass* pass, const RecordBatch& batch, const Emit& emit) {
  return unnester_.Unnest(batch, [&](int table, const RecordBatch& rows) { return Take(pass, table, rows, emit); });
}

// `rows`: how many the main table got.
Status NestedStage::EmitHeld(Pass* pass, int64_t rows, const Emit& emit) {
  std::optional<Column> hashes;
  if (hasher_) hashes = hasher_->Finish(rows);
  int64_t first = 0;  // of the main table's rows, which come in their order
  for (auto& [table, batch] : pass->held) {
    if (table > 0 || !hashes) {
      NILUS_TRY(emit(table, std::move(batch)));
      continue;
    }
    auto schema = std::make_shared<Schema>(*batch.schema());
    schema->fields.push_back(ChildrenHashField());
    std::vector<Column> columns = batch.columns();
    columns.push_back(Part(*hashes, first, batch.num_rows()));
    first += batch.num_rows();
    NILUS_TRY(emit(table, RecordBatch(std::move(schema), std::move(columns), batch.num_rows())));
  }
  return {};
}

// What the unnester gives for one table.
Status NestedStage::Take(Pass* pass, int table, const RecordBatch& unnested, const Emit& emit) {
  const NestedTable& of = load_->tables()[static_cast<size_t>(table)];
  RecordBatch batch = unnested;
  Column positions;
  if (table > 0 && load_->plan()->options().with_positions) std::tie(batch, positions) = SplitOffLast(unnested);
  const std::vector<int32_t>& roots = unnester_.source_rows();
  auto kill = [&](int64_t row, std::string column, std::string reason) {
    const int64_t root = roots[static_cast<size_t>(row)];
    pass->dead.emplace(root, DeadRow{.row = root, .column = std::move(column), .reason = std::move(reason)});
  };
  if (of.is_refused) {
    if (load_->contract() == Contract::kDiscardValue) {
      discarded_values_[of.path] += batch.num_rows();
      return {};
    }
    for (int64_t row = 0; row < batch.num_rows(); ++row)
      kill(row, of.path, fmt::format("the array has no table {}", of.name.ToString()));
    return {};
  }
  NILUS_ASSIGN(NormalizedBatch normalized, normalizers_[static_cast<size_t>(table)].Normalize(batch));
  for (DeadRow& dead : normalized.dead)
    kill(dead.row, table == 0 ? dead.column : fmt::format("{}.{}", of.path, dead.column), std::move(dead.reason));
  if (!pass->dead.empty()) return {};
  if (table > 0 && hasher_)
    hasher_->Add(table, normalized.rows, positions, std::vector<int64_t>(roots.begin(), roots.end()));
  std::optional<Column> numbers;
  if (table > 0 && load_->numbers_roots()) {
    ColumnBuilder builder(MakeType(TypeId::kInt64));
    for (const int32_t root : roots) builder.Append<int64_t>(pass->first_number + root);
    numbers = builder.Finish();
  }
  RecordBatch rows = WithLoad(std::move(normalized.rows), numbers ? &*numbers : nullptr);
  if (!discards_rows_ && (table > 0 || !hasher_)) return emit(table, std::move(rows));
  pass->held.emplace_back(table, std::move(rows));
  return {};
}

// Behind all columns the load's id, and for child rows the number of the row that they belong to.
RecordBatch NestedStage::WithLoad(RecordBatch rows, const Column* root_numbers) {
  auto schema = std::make_shared<Schema>(*rows.schema());
  std::vector<Column> columns = rows.columns();
  schema->fields.push_back(RowIdFields().front());
  columns.push_back(load_ids_.Rows(rows.num_rows()));
  if (root_numbers != nullptr) {
    schema->fields.push_back(Field{.name = std::string(kRootNumberColumn), .type = MakeType(TypeId::kInt64)});
    columns.push_back(*root_numbers);
  }
  return RecordBatch(std::move(schema), std::move(columns), rows.num_rows());
}

}  // namespace nilus
