#include "nilus/duck/vector_writer.h"

#include <cstring>

#include "nilus/data/builder.h"

namespace nilus::duck {
namespace {

template <typename To>
void NarrowDecimals(const Column& column, int64_t from, int64_t count, void* out) {
  // Copied: Arrow promises 8 bytes of alignment, which is not enough to read an Int128 in place.
  const uint8_t* values = column.values.data() + static_cast<size_t>(from) * sizeof(Int128);
  auto* narrow = static_cast<To*>(out);
  for (int64_t i = 0; i < count; ++i) {
    Int128 value = 0;
    std::memcpy(&value, values + static_cast<size_t>(i) * sizeof(Int128), sizeof(Int128));
    narrow[i] = static_cast<To>(value);
  }
}

// DuckDB stores a decimal in the narrowest integer that holds its precision.
void FillDecimals(const Column& column, int64_t from, int64_t count, void* out) {
  if (column.type.precision <= 4) return NarrowDecimals<int16_t>(column, from, count, out);
  if (column.type.precision <= 9) return NarrowDecimals<int32_t>(column, from, count, out);
  if (column.type.precision <= 18) return NarrowDecimals<int64_t>(column, from, count, out);
  std::memcpy(out, column.values.data() + static_cast<size_t>(from) * sizeof(Int128),
              static_cast<size_t>(count) * sizeof(Int128));
}

void FillBytes(const Column& column, int64_t from, int64_t count, void* out) {
  auto* strings = static_cast<duckdb_string_t*>(out);
  const int32_t* offsets = column.offsets.as<int32_t>() + from;
  const char* bytes = reinterpret_cast<const char*>(column.values.data());
  for (int64_t i = 0; i < count; ++i) {
    const char* start = bytes + offsets[i];
    auto length = static_cast<uint32_t>(offsets[i + 1] - offsets[i]);
    duckdb_string_t& string = strings[i];
    if (length <= sizeof(string.value.inlined.inlined)) {
      string = {};  // bytes behind the text are compared too: they have to be zero
      string.value.inlined.length = length;
      std::memcpy(string.value.inlined.inlined, start, length);
    } else {
      string.value.pointer.length = length;
      std::memcpy(string.value.pointer.prefix, start, sizeof(string.value.pointer.prefix));
      string.value.pointer.ptr = const_cast<char*>(start);
    }
  }
}

void FillValidity(const Column& column, int64_t from, int64_t count, duckdb_vector vector) {
  if (column.validity.empty()) return;
  duckdb_vector_ensure_validity_writable(vector);  // room for a full vector
  uint64_t* out = duckdb_vector_get_validity(vector);
  if (from % 8 == 0) {  // both masks have one bit a value, the lowest first
    std::memcpy(out, column.validity.data() + from / 8, static_cast<size_t>((count + 7) / 8));
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    duckdb_validity_set_row_validity(out, static_cast<idx_t>(i), !column.IsNull(from + i));
}

}  // namespace

void FillVector(const Column& column, int64_t from, int64_t count, duckdb_vector vector) {
  void* out = duckdb_vector_get_data(vector);
  FillValidity(column, from, count, vector);
  if (HasOffsets(column.type.id)) return FillBytes(column, from, count, out);
  if (column.type.id == TypeId::kDecimal) return FillDecimals(column, from, count, out);
  if (column.type.id == TypeId::kBool) {
    auto* flags = static_cast<bool*>(out);
    for (int64_t i = 0; i < count; ++i) flags[i] = column.BoolValue(from + i);
    return;
  }
  auto width = static_cast<size_t>(FixedWidth(column.type.id));
  std::memcpy(out, column.values.data() + static_cast<size_t>(from) * width, static_cast<size_t>(count) * width);
}

void FillNulls(duckdb_vector vector, int64_t count) {
  duckdb_vector_ensure_validity_writable(vector);
  std::memset(duckdb_vector_get_validity(vector), 0, static_cast<size_t>((count + 7) / 8));
}

}  // namespace nilus::duck
