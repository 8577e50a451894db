// Building columns and batches. ColumnBuilder is the hot path of every decoder: no virtual calls, no per-cell objects.
#pragma once

#include <cassert>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "nilus/data/record_batch.h"

namespace nilus {

using Int128 = __int128;

class ColumnBuilder {
 public:
  explicit ColumnBuilder(Type type) : type_(type) {
    if (HasOffsets(type.id)) offsets_.AppendValue<int32_t>(0);
  }

  const Type& type() const { return type_; }
  int64_t length() const { return length_; }

  void AppendNull() {
    if (null_count_ == 0) StartValidity();
    ++null_count_;
    AppendBit(validity_, length_, false);
    if (HasOffsets(type_.id)) {
      offsets_.AppendValue<int32_t>(static_cast<int32_t>(values_.size()));
    } else if (type_.id == TypeId::kBool) {
      AppendBit(values_, length_, false);
    } else {
      values_.AppendZeros(static_cast<size_t>(FixedWidth(type_.id)));
    }
    ++length_;
  }
  // T is the layout of the column's type (int16_t … Int128, float, double).
  template <typename T>
  void Append(T value) {
    assert(static_cast<int>(sizeof(T)) == FixedWidth(type_.id));
    values_.AppendValue(value);
    MarkValid();
  }
  void AppendBool(bool value) {
    AppendBit(values_, length_, value);
    MarkValid();
  }
  void AppendBytes(std::string_view bytes) {
    values_.Append(bytes.data(), bytes.size());
    offsets_.AppendValue(static_cast<int32_t>(values_.size()));
    MarkValid();
  }
  // Room for `bytes` more would overflow the 32-bit offsets: the batch must end before this value.
  bool WouldOverflow(size_t bytes) const {
    return values_.size() + bytes > static_cast<size_t>(std::numeric_limits<int32_t>::max());
  }

  // For values that are written in place: reserves `bytes`, returns where; FinishBytes says how many were used.
  char* StartBytes(size_t bytes) {
    pending_ = values_.size();
    values_.Resize(pending_ + bytes);
    return reinterpret_cast<char*>(values_.data()) + pending_;
  }
  void FinishBytes(size_t used) {
    values_.Resize(pending_ + used);
    offsets_.AppendValue(static_cast<int32_t>(values_.size()));
    MarkValid();
  }

  int64_t ByteSize() const { return static_cast<int64_t>(values_.size() + offsets_.size() + validity_.size()); }

  // The column so far; the builder starts anew with room for as much again.
  Column Finish();

 private:
  static void AppendBit(BufferBuilder& bits, int64_t index, bool value) {
    if ((index & 7) == 0) bits.AppendValue<uint8_t>(0);
    if (value) bits.data()[index >> 3] = static_cast<uint8_t>(bits.data()[index >> 3] | 1U << (index & 7));
  }
  void MarkValid() {
    if (null_count_ > 0) AppendBit(validity_, length_, true);
    ++length_;
  }
  void StartValidity();  // all values so far were valid

  Type type_;
  int64_t length_ = 0;
  int64_t null_count_ = 0;
  size_t pending_ = 0;
  BufferBuilder validity_;
  BufferBuilder values_;
  BufferBuilder offsets_;
};

// All columns of a batch. Beside each column a variant column (text) comes to life when its first misfit arrives.
class BatchBuilder {
 public:
  explicit BatchBuilder(SchemaPtr schema);

  ColumnBuilder& column(int index) { return columns_[static_cast<size_t>(index)]; }
  // The value does not fit the column's type: NULL there, its text in the variant column.
  void AppendVariant(int index, std::string_view text);
  // After every column has got its value.
  void FinishRow() { ++num_rows_; }
  // The same for decoders that go column by column: every column has got `count` more values.
  void FinishRows(int64_t count) { num_rows_ += count; }

  int64_t num_rows() const { return num_rows_; }
  int64_t ByteSize() const;

  // The batch so far. Its schema has a variant field right behind each column that needed one. Starts anew.
  RecordBatch Finish();

 private:
  SchemaPtr schema_;
  std::vector<ColumnBuilder> columns_;
  std::vector<std::unique_ptr<ColumnBuilder>> variants_;  // null: not needed in this batch
  int64_t num_rows_ = 0;
};

}  // namespace nilus
