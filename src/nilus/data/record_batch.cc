#include "nilus/data/record_batch.h"

#include <cassert>

#include "nilus/data/builder.h"

namespace nilus {
namespace {

template <typename T>
void CopyFixed(const Column& from, const std::vector<uint8_t>& keep, ColumnBuilder* to) {
  for (int64_t row = 0; row < from.length; ++row) {
    if (!keep[static_cast<size_t>(row)]) continue;
    from.IsNull(row) ? to->AppendNull() : to->Append<T>(from.Value<T>(row));
  }
}

Column FilterColumn(const Column& from, const std::vector<uint8_t>& keep) {
  ColumnBuilder to(from.type);
  switch (FixedWidth(from.type.id)) {
    case 2:
      CopyFixed<int16_t>(from, keep, &to);
      break;
    case 4:
      CopyFixed<int32_t>(from, keep, &to);
      break;
    case 8:
      CopyFixed<int64_t>(from, keep, &to);
      break;
    case 16:
      CopyFixed<Int128>(from, keep, &to);
      break;
    default:
      for (int64_t row = 0; row < from.length; ++row) {
        if (!keep[static_cast<size_t>(row)]) continue;
        if (from.IsNull(row)) {
          to.AppendNull();
        } else if (from.type.id == TypeId::kBool) {
          to.AppendBool(from.BoolValue(row));
        } else {
          to.AppendBytes(from.BytesValue(row));
        }
      }
  }
  return to.Finish();
}

}  // namespace

RecordBatch::RecordBatch(SchemaPtr schema, std::vector<Column> columns, int64_t num_rows)
    : schema_(std::move(schema)), columns_(std::move(columns)), num_rows_(num_rows) {
  assert(schema_->fields.size() == columns_.size());
}

int64_t RecordBatch::ByteSize() const {
  int64_t bytes = 0;
  for (const Column& column : columns_) bytes += column.ByteSize();
  return bytes;
}

RecordBatch RecordBatch::Filter(const std::vector<uint8_t>& keep) const {
  int64_t rows = 0;
  for (uint8_t flag : keep) rows += flag != 0;
  if (rows == num_rows_) return *this;
  std::vector<Column> columns;
  columns.reserve(columns_.size());
  for (const Column& column : columns_) columns.push_back(FilterColumn(column, keep));
  return RecordBatch(schema_, std::move(columns), rows);
}

RecordBatch RecordBatch::Select(SchemaPtr schema, const std::vector<int>& indexes) const {
  std::vector<Column> columns;
  columns.reserve(indexes.size());
  for (int index : indexes) columns.push_back(columns_[static_cast<size_t>(index)]);
  return RecordBatch(std::move(schema), std::move(columns), num_rows_);
}

}  // namespace nilus
