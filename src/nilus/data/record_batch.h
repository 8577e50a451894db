// Columns of equal length with their schema: the currency of the pipeline. Immutable, cheap to copy (buffers are
// shared), safe to read from several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "nilus/data/buffer.h"
#include "nilus/data/schema.h"

namespace nilus {

struct Column {
  Type type;
  int64_t length = 0;
  int64_t null_count = 0;
  Buffer validity;  // bit i of byte i/8 set: value i is there. Empty when null_count is 0
  Buffer values;    // fixed-width values, bits for kBool, or the bytes of all values one after another
  Buffer offsets;   // types with offsets: length + 1 int32 into values, the first one 0

  bool IsNull(int64_t row) const { return !validity.empty() && (validity.data()[row >> 3] >> (row & 7) & 1) == 0; }
  template <typename T>
  T Value(int64_t row) const {
    return values.as<T>()[row];
  }
  bool BoolValue(int64_t row) const { return (values.data()[row >> 3] >> (row & 7) & 1) != 0; }
  std::string_view BytesValue(int64_t row) const {
    const int32_t* at = offsets.as<int32_t>() + row;
    return {reinterpret_cast<const char*>(values.data()) + at[0], static_cast<size_t>(at[1] - at[0])};
  }
  int64_t ByteSize() const { return static_cast<int64_t>(validity.size() + values.size() + offsets.size()); }
};

class RecordBatch {
 public:
  RecordBatch() = default;
  // Every column has `num_rows` values and the type of its field.
  RecordBatch(SchemaPtr schema, std::vector<Column> columns, int64_t num_rows);

  const SchemaPtr& schema() const { return schema_; }
  const std::vector<Column>& columns() const { return columns_; }
  const Column& column(int index) const { return columns_[static_cast<size_t>(index)]; }
  int64_t num_rows() const { return num_rows_; }
  int64_t ByteSize() const;

  // The rows whose flag is set, copied. keep has num_rows entries.
  RecordBatch Filter(const std::vector<uint8_t>& keep) const;
  // The same columns under other names and order; `schema` has one field for each index into the columns.
  RecordBatch Select(SchemaPtr schema, const std::vector<int>& indexes) const;

 private:
  SchemaPtr schema_;
  std::vector<Column> columns_;
  int64_t num_rows_ = 0;
};

}  // namespace nilus
