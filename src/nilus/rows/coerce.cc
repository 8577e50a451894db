#include "nilus/rows/coerce.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "nilus/base/text.h"
#include "nilus/data/builder.h"
#include "nilus/data/decimal.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/json_kinds.h"
#include "nilus/rows/spelling.h"

namespace nilus {
namespace {

constexpr int64_t kMicrosPerDay = 86'400'000'000;

bool SameLayout(const Type& from, const Type& to) {
  if (from.id == TypeId::kDecimal) return to.id == from.id && from.scale == to.scale && from.precision <= to.precision;
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

// One column on its way to another type.
class Conversion {
 public:
  Conversion(const Column& from, const Type& to) : from_(&from), to_(to) {}

  const Column& from() const { return *from_; }
  const Type& to() const { return to_.type(); }
  ColumnBuilder* builder() { return &to_; }

  // `append` gives the row's value to the builder and is true, or is false and has given it nothing.
  template <typename Append>
  void Each(Append append) {
    for (int64_t row = 0; row < from_->length; ++row) {
      if (from_->IsNull(row)) {
        to_.AppendNull();
      } else if (!append(row)) {
        Flag(row);
        to_.AppendNull();
      }
    }
  }
  template <typename From, typename To, typename Convert>
  void Values(Convert convert) {
    const From* values = from_->values.as<From>();
    Each([&](int64_t row) {
      To value{};
      if (!convert(values[row], &value)) return false;
      to_.Append<To>(value);
      return true;
    });
  }
  void NoneFits() {
    Each([](int64_t) { return false; });
  }
  Coerced Finish() {
    result_.column = to_.Finish();
    return std::move(result_);
  }

 private:
  void Flag(int64_t row) {
    if (result_.misfits.empty()) result_.misfits.resize(static_cast<size_t>(from_->length));
    result_.misfits[static_cast<size_t>(row)] = 1;
    ++result_.misfit_count;
  }

  const Column* from_;
  ColumnBuilder to_;
  Coerced result_;
};

template <typename From>
void FromInteger(Conversion* work) {
  switch (work->to().id) {
    case TypeId::kInt16:
      return work->Values<From, int16_t>(ConvertInteger<From, int16_t>);
    case TypeId::kInt32:
      return work->Values<From, int32_t>(ConvertInteger<From, int32_t>);
    case TypeId::kInt64:
      return work->Values<From, int64_t>(ConvertInteger<From, int64_t>);
    case TypeId::kFloat32:
      return work->Values<From, float>(ConvertIntegerToFloat<float>);
    case TypeId::kFloat64:
      return work->Values<From, double>(ConvertIntegerToFloat<double>);
    default: {
      const Type to = work->to();
      return work->Values<From, Int128>([&](From from, Int128* value) { return ConvertDecimal(from, 0, to, value); });
    }
  }
}

template <typename From>
void FromFloat(Conversion* work) {
  auto narrow = [](From from, auto* value) {
    int64_t wide = 0;
    return ConvertFloatToInteger(from, &wide) && ConvertInteger(wide, value);
  };
  switch (work->to().id) {
    case TypeId::kInt16:
      return work->Values<From, int16_t>(narrow);
    case TypeId::kInt32:
      return work->Values<From, int32_t>(narrow);
    case TypeId::kInt64:
      return work->Values<From, int64_t>(narrow);
    case TypeId::kFloat32:
      return work->Values<From, float>([](From from, float* value) {
        *value = static_cast<float>(from);
        return std::isnan(from) || static_cast<From>(*value) == from;
      });
    default:
      return work->Values<From, double>([](From from, double* value) {
        *value = from;
        return true;
      });
  }
}

void FromDecimal(Conversion* work) {
  const int scale = work->from().type.scale;
  auto narrow = [scale](Int128 from, auto* value) {
    Int128 whole = 0;
    return ConvertDecimal(from, scale, MakeDecimal(19, 0), &whole) && ConvertInteger(whole, value);
  };
  switch (work->to().id) {
    case TypeId::kInt16:
      return work->Values<Int128, int16_t>(narrow);
    case TypeId::kInt32:
      return work->Values<Int128, int32_t>(narrow);
    case TypeId::kInt64:
      return work->Values<Int128, int64_t>(narrow);
    default: {
      const Type to = work->to();
      return work->Values<Int128, Int128>(
          [&](Int128 from, Int128* value) { return ConvertDecimal(from, scale, to, value); });
    }
  }
}

// Dates, instants and wall-clock readings, in microseconds since 1970.
void FromDated(Conversion* work) {
  const Column& from = work->from();
  const bool from_days = from.type.id == TypeId::kDate;
  if (work->to().id != TypeId::kDate) {
    work->Each([&](int64_t row) {
      Int128 micros =
          from_days ? static_cast<Int128>(from.Value<int32_t>(row)) * kMicrosPerDay : from.Value<int64_t>(row);
      if (micros != static_cast<int64_t>(micros)) return false;
      work->builder()->Append<int64_t>(static_cast<int64_t>(micros));
      return true;
    });
    return;
  }
  work->Each([&](int64_t row) {  // at midnight only
    const int64_t micros = from.Value<int64_t>(row);
    if (micros % kMicrosPerDay != 0) return false;
    work->builder()->Append<int32_t>(static_cast<int32_t>(micros / kMicrosPerDay));
    return true;
  });
}

void BoolToInteger(Conversion* work) {
  work->Each([work](int64_t row) {
    return AppendParsed(work->from().BoolValue(row) ? "1" : "0", work->builder()).has_value();
  });
}

void IntegerToBool(Conversion* work) {
  std::string text;
  work->Each([&](int64_t row) {
    text.clear();
    AppendCellText(work->from(), row, &text);
    if (text != "0" && text != "1") return false;
    work->builder()->AppendBool(text == "1");
    return true;
  });
}

// By the canonical text of each value.
void ByText(Conversion* work, CoerceRule rule) {
  std::string text;
  const Column& from = work->from();
  const bool is_json = from.type.id == TypeId::kJson;
  const bool is_text = from.type.id == TypeId::kText;
  work->Each([&](int64_t row) {
    std::string_view spelled;
    if (is_text || is_json) {
      spelled = from.BytesValue(row);
      if (is_json) {  // what JsonByKind leaves: a number of many digits, or nothing that could become another type
        spelled = TrimSpaces(spelled);
        if (spelled.find_first_of("-0123456789") != 0) return false;
      }
    } else {
      text.clear();
      AppendCellText(from, row, &text);
      spelled = text;
    }
    return rule == CoerceRule::kExact ? AppendExactly(spelled, work->builder())
                                      : AppendLeniently(spelled, work->builder());
  });
}

void ToText(Conversion* work) {
  std::string text;
  work->Each([&](int64_t row) {
    text.clear();
    AppendCellText(work->from(), row, &text);
    if (work->builder()->WouldOverflow(text.size())) return false;
    work->builder()->AppendBytes(text);
    return true;
  });
}

// Numbers among each other, but for those that only digits can compare.
bool ConvertNumbers(Conversion* work) {
  const TypeId to = work->to().id;
  switch (work->from().type.id) {
    case TypeId::kInt16:
      return FromInteger<int16_t>(work), true;
    case TypeId::kInt32:
      return FromInteger<int32_t>(work), true;
    case TypeId::kInt64:
      return FromInteger<int64_t>(work), true;
    case TypeId::kFloat32:
      if (to == TypeId::kDecimal) return false;
      return FromFloat<float>(work), true;
    case TypeId::kFloat64:
      if (to == TypeId::kDecimal) return false;
      return FromFloat<double>(work), true;
    default:
      if (IsFloat(to)) return false;
      return FromDecimal(work), true;
  }
}

// Each value as one of its own kind.
Coerced FromJson(const Column& column, const Type& to, CoerceRule rule) {
  const std::vector<Column> kinds = JsonByKind(column);
  Coerced result;
  for (const Column& kind : kinds) {
    Coerced part;
    if (kind.type.id == TypeId::kJson) {
      Conversion work(kind, to);
      ByText(&work, rule);
      part = work.Finish();
    } else {
      part = Coerce(kind, to, rule);
    }
    const bool is_first = result.column.length == 0;
    result.column = is_first ? std::move(part.column) : Overlay(result.column, part.column);
    result.misfit_count += part.misfit_count;
    if (result.misfits.empty()) {
      result.misfits = std::move(part.misfits);
    } else {
      for (size_t row = 0; row < part.misfits.size(); ++row) result.misfits[row] |= part.misfits[row];
    }
  }
  if (!kinds.empty()) return result;
  Conversion nulls(column, to);
  nulls.NoneFits();
  return nulls.Finish();
}

template <typename T>
void CopyKept(const Column& from, const std::vector<uint8_t>& flags, bool keep_flagged, ColumnBuilder* to) {
  for (int64_t row = 0; row < from.length; ++row) {
    const bool is_flagged = flags[static_cast<size_t>(row)] != 0;
    if (is_flagged != keep_flagged || from.IsNull(row)) {
      to->AppendNull();
    } else {
      to->Append<T>(from.Value<T>(row));
    }
  }
}

void CopyCell(const Column& from, int64_t row, ColumnBuilder* to) {
  if (from.IsNull(row)) return to->AppendNull();
  switch (FixedWidth(from.type.id)) {
    case 2:
      return to->Append<int16_t>(from.Value<int16_t>(row));
    case 4:
      return to->Append<int32_t>(from.Value<int32_t>(row));
    case 8:
      return to->Append<int64_t>(from.Value<int64_t>(row));
    case 16:
      return to->Append<Int128>(from.Value<Int128>(row));
    default:
      if (from.type.id == TypeId::kBool) return to->AppendBool(from.BoolValue(row));
      return to->AppendBytes(from.BytesValue(row));
  }
}

}  // namespace

bool MayCoerce(const Type& from, const Type& to, CoerceRule rule) {
  const bool is_lenient = rule == CoerceRule::kLenient;
  if (SameLayout(from, to)) return true;
  if (to.id == TypeId::kText) return is_lenient || from.id != TypeId::kBinary;
  if (from.id == TypeId::kText || from.id == TypeId::kJson) return is_lenient || to.id != TypeId::kBinary;
  if (to.id == TypeId::kJson) return IsNumber(from.id) || from.id == TypeId::kBool;
  if (IsNumber(from.id) && IsNumber(to.id)) return true;
  if (IsDated(from.id) && IsDated(to.id)) {
    return is_lenient || (from.id != TypeId::kTimestamp && to.id != TypeId::kTimestamp);
  }
  if (!is_lenient) return false;
  return (from.id == TypeId::kBool && IsInteger(to.id)) || (IsInteger(from.id) && to.id == TypeId::kBool);
}

Coerced Coerce(const Column& column, const Type& to, CoerceRule rule) {
  if (SameLayout(column.type, to)) {
    Coerced same{.column = column};
    same.column.type = to;
    return same;
  }
  const TypeId from_id = column.type.id;
  if (from_id == TypeId::kJson) {
    return to.id == TypeId::kText ? Coerced{.column = JsonAsText(column)} : FromJson(column, to, rule);
  }
  Conversion work(column, to);
  if (!MayCoerce(column.type, to, rule)) {
    work.NoneFits();
  } else if (to.id == TypeId::kText) {
    ToText(&work);
  } else if (IsNumber(from_id) && IsNumber(to.id)) {
    if (!ConvertNumbers(&work)) ByText(&work, rule);
  } else if (IsDated(from_id) && IsDated(to.id)) {
    FromDated(&work);
  } else if (from_id == TypeId::kBool && IsInteger(to.id)) {
    BoolToInteger(&work);
  } else if (IsInteger(from_id) && to.id == TypeId::kBool) {
    IntegerToBool(&work);
  } else {
    ByText(&work, rule);
  }
  return work.Finish();
}

Column KeepRows(const Column& column, const std::vector<uint8_t>& flags, bool keep_flagged) {
  ColumnBuilder to(column.type);
  switch (FixedWidth(column.type.id)) {
    case 4:
      CopyKept<int32_t>(column, flags, keep_flagged, &to);
      break;
    case 8:
      CopyKept<int64_t>(column, flags, keep_flagged, &to);
      break;
    default:
      for (int64_t row = 0; row < column.length; ++row) {
        const bool is_flagged = flags[static_cast<size_t>(row)] != 0;
        is_flagged == keep_flagged ? CopyCell(column, row, &to) : to.AppendNull();
      }
  }
  return to.Finish();
}

Column Overlay(const Column& a, const Column& b) {
  ColumnBuilder to(a.type);
  for (int64_t row = 0; row < a.length; ++row) CopyCell(a.IsNull(row) ? b : a, row, &to);
  return to.Finish();
}

std::string_view TypeFamily(const Type& type) {
  switch (type.id) {
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
      return "bigint";
    case TypeId::kFloat32:
    case TypeId::kFloat64:
      return "double";
    case TypeId::kDecimal:
      return "decimal";
    case TypeId::kBool:
      return "bool";
    case TypeId::kText:
      return "text";
    case TypeId::kBinary:
      return "binary";
    case TypeId::kJson:
      return "json";
    case TypeId::kDate:
      return "date";
    case TypeId::kTime:
      return "time";
    case TypeId::kTimestamp:
      return "timestamp";
    case TypeId::kTimestampNtz:
      return "timestamp_ntz";
  }
  return "text";
}

Type FamilyType(const Type& type) {
  if (IsInteger(type.id)) return MakeType(TypeId::kInt64);
  if (IsFloat(type.id)) return MakeType(TypeId::kFloat64);
  if (type.id == TypeId::kText) return MakeType(TypeId::kText);
  return type;
}

}  // namespace nilus
