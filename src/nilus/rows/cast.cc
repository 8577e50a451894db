#include "nilus/rows/cast.h"

#include <cmath>
#include <limits>

#include "nilus/data/decimal.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

bool IsInteger(TypeId id) { return id == TypeId::kInt16 || id == TypeId::kInt32 || id == TypeId::kInt64; }
bool IsFloat(TypeId id) { return id == TypeId::kFloat32 || id == TypeId::kFloat64; }

bool SameLayout(const Type& from, const Type& to) {
  if (from.id == TypeId::kDecimal) return to.id == from.id && from.scale == to.scale && from.precision <= to.precision;
  if (from.id == TypeId::kJson) return to.id == TypeId::kJson || to.id == TypeId::kText;
  return from.id == to.id;
}

bool FitsPrecision(Int128 value, int precision) {
  Int128 bound = PowerOfTen(precision);
  return value < bound && value > -bound;
}

// Each Convert… is false when the value does not survive.
template <typename From, typename To>
bool ConvertInteger(From from, To* to) {
  *to = static_cast<To>(from);
  return static_cast<From>(*to) == from && (*to < 0) == (from < 0);
}

template <typename To>
bool ConvertIntegerToFloat(int64_t from, To* to) {
  *to = static_cast<To>(from);
  constexpr To kTwoTo63 = static_cast<To>(9223372036854775808.0);
  return *to < kTwoTo63 && static_cast<int64_t>(*to) == from;
}

template <typename From>
bool ConvertFloatToInteger(From from, int64_t* to) {
  constexpr From kTwoTo63 = static_cast<From>(9223372036854775808.0);
  if (!(from >= -kTwoTo63 && from < kTwoTo63)) return false;  // NaN too
  *to = static_cast<int64_t>(from);
  return static_cast<From>(*to) == from && !(from == 0 && std::signbit(from));
}

bool ConvertDecimal(Int128 from, int scale_from, const Type& to, Int128* value) {
  if (to.scale >= scale_from) {
    int shift = to.scale - scale_from;
    if (!FitsPrecision(from, to.precision - shift)) return false;
    *value = from * PowerOfTen(shift);
    return true;
  }
  Int128 unit = PowerOfTen(scale_from - to.scale);
  *value = from / unit;
  return from % unit == 0 && FitsPrecision(*value, to.precision);
}

template <typename From, typename To, typename Convert>
bool ConvertAll(const Column& column, ColumnBuilder* out, int64_t* failed, Convert convert) {
  const From* values = column.values.as<From>();
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) {
      out->AppendNull();
      continue;
    }
    To value{};
    if (!convert(values[row], &value)) {
      *failed = row;
      return false;
    }
    out->Append<To>(value);
  }
  return true;
}

template <typename From>
bool FromInteger(const Column& column, ColumnBuilder* out, int64_t* failed) {
  const Type& to = out->type();
  switch (to.id) {
    case TypeId::kInt16:
      return ConvertAll<From, int16_t>(column, out, failed, ConvertInteger<From, int16_t>);
    case TypeId::kInt32:
      return ConvertAll<From, int32_t>(column, out, failed, ConvertInteger<From, int32_t>);
    case TypeId::kInt64:
      return ConvertAll<From, int64_t>(column, out, failed, ConvertInteger<From, int64_t>);
    case TypeId::kFloat32:
      return ConvertAll<From, float>(column, out, failed, ConvertIntegerToFloat<float>);
    case TypeId::kFloat64:
      return ConvertAll<From, double>(column, out, failed, ConvertIntegerToFloat<double>);
    default:
      return ConvertAll<From, Int128>(column, out, failed,
                                      [&](From from, Int128* value) { return ConvertDecimal(from, 0, to, value); });
  }
}

template <typename From>
bool FromFloat(const Column& column, ColumnBuilder* out, int64_t* failed) {
  auto narrow = [](From from, auto* value) {
    int64_t wide = 0;
    return ConvertFloatToInteger(from, &wide) && ConvertInteger(wide, value);
  };
  switch (out->type().id) {
    case TypeId::kInt16:
      return ConvertAll<From, int16_t>(column, out, failed, narrow);
    case TypeId::kInt32:
      return ConvertAll<From, int32_t>(column, out, failed, narrow);
    case TypeId::kInt64:
      return ConvertAll<From, int64_t>(column, out, failed, narrow);
    case TypeId::kFloat32:
      return ConvertAll<From, float>(column, out, failed, [](From from, float* value) {
        *value = static_cast<float>(from);
        return std::isnan(from) || static_cast<From>(*value) == from;
      });
    default:
      return ConvertAll<From, double>(column, out, failed, [](From from, double* value) {
        *value = from;
        return true;
      });
  }
}

bool FromDecimal(const Column& column, ColumnBuilder* out, int64_t* failed) {
  int scale = column.type.scale;
  auto narrow = [scale](Int128 from, auto* value) {
    Int128 whole = 0;
    return ConvertDecimal(from, scale, MakeDecimal(19, 0), &whole) && ConvertInteger(whole, value);
  };
  switch (out->type().id) {
    case TypeId::kInt16:
      return ConvertAll<Int128, int16_t>(column, out, failed, narrow);
    case TypeId::kInt32:
      return ConvertAll<Int128, int32_t>(column, out, failed, narrow);
    case TypeId::kInt64:
      return ConvertAll<Int128, int64_t>(column, out, failed, narrow);
    default:
      return ConvertAll<Int128, Int128>(column, out, failed, [&](Int128 from, Int128* value) {
        return ConvertDecimal(from, scale, out->type(), value);
      });
  }
}

bool ToText(const Column& column, ColumnBuilder* out, int64_t* failed) {
  std::string text;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) {
      out->AppendNull();
      continue;
    }
    text.clear();
    AppendCellText(column, row, &text);
    if (out->WouldOverflow(text.size())) {
      *failed = row;
      return false;
    }
    out->AppendBytes(text);
  }
  return true;
}

}  // namespace

bool IsCastable(const Type& from, const Type& to) {
  if (SameLayout(from, to)) return true;
  if (to.id == TypeId::kText) return from.id != TypeId::kBinary;
  if (IsInteger(from.id)) return IsInteger(to.id) || IsFloat(to.id) || to.id == TypeId::kDecimal;
  if (IsFloat(from.id)) return IsInteger(to.id) || IsFloat(to.id);
  if (from.id == TypeId::kDecimal) return IsInteger(to.id) || to.id == TypeId::kDecimal;
  return false;
}

Result<Column> CastColumn(const Column& column, const Type& to) {
  if (SameLayout(column.type, to)) {
    Column same = column;
    same.type = to;
    return same;
  }
  ColumnBuilder out(to);
  int64_t failed = 0;
  bool ok = false;
  if (to.id == TypeId::kText) {
    ok = ToText(column, &out, &failed);
  } else {
    switch (column.type.id) {
      case TypeId::kInt16:
        ok = FromInteger<int16_t>(column, &out, &failed);
        break;
      case TypeId::kInt32:
        ok = FromInteger<int32_t>(column, &out, &failed);
        break;
      case TypeId::kInt64:
        ok = FromInteger<int64_t>(column, &out, &failed);
        break;
      case TypeId::kFloat32:
        ok = FromFloat<float>(column, &out, &failed);
        break;
      case TypeId::kFloat64:
        ok = FromFloat<double>(column, &out, &failed);
        break;
      case TypeId::kDecimal:
        ok = FromDecimal(column, &out, &failed);
        break;
      default:
        return Fail(ErrorKind::kInternal, "no cast from {} to {}", column.type.ToString(), to.ToString());
    }
  }
  if (ok) return out.Finish();
  return Fail(ErrorKind::kData, "the value {} of type {} does not fit {} exactly", ScalarAt(column, failed).text,
              column.type.ToString(), to.ToString());
}

}  // namespace nilus
