#include "nilus/data/take.h"

#include "nilus/data/builder.h"

namespace nilus {
namespace {

template <typename Append>
void TakeEach(std::span<const Column* const> from, const std::vector<RowPick>& picks, ColumnBuilder* to,
              const Append& append) {
  for (const RowPick& pick : picks) {
    const Column* column = pick.from < 0 ? nullptr : from[static_cast<size_t>(pick.from)];
    if (column == nullptr || column->IsNull(pick.row)) {
      to->AppendNull();
    } else {
      append(*column, pick.row);
    }
  }
}

template <typename T>
void TakeFixed(std::span<const Column* const> from, const std::vector<RowPick>& picks, ColumnBuilder* to) {
  TakeEach(from, picks, to, [to](const Column& column, int64_t row) { to->Append<T>(column.Value<T>(row)); });
}

}  // namespace

Column TakeRows(const Type& type, std::span<const Column* const> from, const std::vector<RowPick>& picks) {
  ColumnBuilder to(type);
  switch (FixedWidth(type.id)) {
    case 2:
      TakeFixed<int16_t>(from, picks, &to);
      break;
    case 4:
      TakeFixed<int32_t>(from, picks, &to);
      break;
    case 8:
      TakeFixed<int64_t>(from, picks, &to);
      break;
    case 16:
      TakeFixed<Int128>(from, picks, &to);
      break;
    default:
      if (type.id == TypeId::kBool) {
        TakeEach(from, picks, &to, [&](const Column& column, int64_t row) { to.AppendBool(column.BoolValue(row)); });
      } else {
        TakeEach(from, picks, &to, [&](const Column& column, int64_t row) { to.AppendBytes(column.BytesValue(row)); });
      }
  }
  return to.Finish();
}

RecordBatch TakeRows(const RecordBatch& batch, const std::vector<int32_t>& rows) {
  std::vector<RowPick> picks;
  picks.reserve(rows.size());
  for (int32_t row : rows) picks.push_back(RowPick{.from = 0, .row = row});
  std::vector<Column> columns;
  columns.reserve(batch.columns().size());
  for (const Column& column : batch.columns()) {
    const Column* from[] = {&column};
    columns.push_back(TakeRows(column.type, from, picks));
  }
  return RecordBatch(batch.schema(), std::move(columns), static_cast<int64_t>(rows.size()));
}

}  // namespace nilus
