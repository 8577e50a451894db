#include "nilus/data/cell_bytes.h"

#include <cmath>

#include "nilus/data/builder.h"

namespace nilus {
namespace {

template <typename T>
void AppendRaw(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void AppendInteger(int64_t value, std::string* out) {
  out->push_back('i');
  AppendRaw(value, out);
}

// A whole number is hashed as one.
void AppendFloat(double value, std::string* out) {
  constexpr double kTwoTo53 = 9007199254740992.0;
  bool is_whole =
      value > -kTwoTo53 && value < kTwoTo53 && std::trunc(value) == value && !(value == 0 && std::signbit(value));
  if (is_whole) return AppendInteger(static_cast<int64_t>(value), out);
  out->push_back('f');
  AppendRaw(value, out);
}

void AppendDecimal(Int128 value, int scale, std::string* out) {
  while (scale > 0 && value % 10 == 0) {  // 1.50 and 1.5 say the same
    value /= 10;
    --scale;
  }
  if (scale == 0 && value == static_cast<int64_t>(value)) return AppendInteger(static_cast<int64_t>(value), out);
  out->push_back('d');
  out->push_back(static_cast<char>(scale));
  AppendRaw(value, out);
}

}  // namespace

void AppendCellBytes(const Column& column, int64_t row, std::string* out) {
  switch (column.type.id) {
    case TypeId::kBool:
      out->push_back('b');
      return AppendRaw<uint8_t>(column.BoolValue(row), out);
    case TypeId::kInt16:
      return AppendInteger(column.Value<int16_t>(row), out);
    case TypeId::kInt32:
      return AppendInteger(column.Value<int32_t>(row), out);
    case TypeId::kInt64:
      return AppendInteger(column.Value<int64_t>(row), out);
    case TypeId::kFloat32:
      return AppendFloat(column.Value<float>(row), out);
    case TypeId::kFloat64:
      return AppendFloat(column.Value<double>(row), out);
    case TypeId::kDecimal:
      return AppendDecimal(column.Value<Int128>(row), column.type.scale, out);
    case TypeId::kDate:
      out->push_back('D');
      return AppendRaw<int64_t>(column.Value<int32_t>(row), out);
    case TypeId::kTime:
      out->push_back('T');
      return AppendRaw<int64_t>(column.Value<int64_t>(row), out);
    case TypeId::kTimestamp:
      out->push_back('z');
      return AppendRaw<int64_t>(column.Value<int64_t>(row), out);
    case TypeId::kTimestampNtz:
      out->push_back('n');
      return AppendRaw<int64_t>(column.Value<int64_t>(row), out);
    case TypeId::kText:
    case TypeId::kJson:
    case TypeId::kBinary: {
      std::string_view bytes = column.BytesValue(row);
      out->push_back(column.type.id == TypeId::kBinary ? 'x' : 't');
      AppendRaw<uint64_t>(bytes.size(), out);
      out->append(bytes);
      return;
    }
  }
}

}  // namespace nilus
