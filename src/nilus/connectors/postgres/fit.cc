#include "nilus/connectors/postgres/fit.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "nilus/base/encoding.h"
#include "nilus/connectors/postgres/json_check.h"
#include "nilus/data/builder.h"
#include "nilus/data/decimal.h"
#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

// Ranges of the server's types: src/include/datatype/timestamp.h (4713-11-24 BC is Julian day 0), relative to 1970.
constexpr int32_t kMinDate = -2'440'588;
constexpr int32_t kMaxDate = 2'145'031'948 + 10'957;
constexpr int64_t kMinTimestamp =
    -211'813'488'000'000'000 + 946'684'800'000'000;  // no 64-bit value since 1970 is too late
constexpr int64_t kDayMicros = 86'400'000'000;

// One flag a row, made when the first misfit is found.
class Flags {
 public:
  explicit Flags(int64_t rows) : rows_(rows) {}
  void Set(int64_t row) {
    if (flags_.empty()) flags_.resize(static_cast<size_t>(rows_));
    count_ += flags_[static_cast<size_t>(row)] == 0;
    flags_[static_cast<size_t>(row)] = 1;
  }
  bool IsSet(int64_t row) const { return !flags_.empty() && flags_[static_cast<size_t>(row)] != 0; }
  int64_t count() const { return count_; }

 private:
  int64_t rows_;
  int64_t count_ = 0;
  std::vector<uint8_t> flags_;
};

// Every byte in 0x01 … 0x7F: valid UTF-8 without NUL, wherever it is cut. Eight bytes at a time: subtracting 1 from
// each sets the high bit of a zero, and borrows from the next byte only where there is one.
bool IsPlainAscii(const uint8_t* bytes, size_t size) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighBits = 0x80 * kOnes;
  uint64_t bad = 0;
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    bad |= (word - kOnes) | word;
  }
  for (; size > 0; ++bytes, --size) bad |= static_cast<uint64_t>(*bytes - 1) | *bytes;
  return (bad & kHighBits) == 0;
}

bool IsServerText(std::string_view text) { return text.find('\0') == std::string_view::npos && IsValidUtf8(text); }

// All values at once: sound when the whole is, and no value begins inside a character.
bool IsServerText(const Column& column) {
  const uint8_t* bytes = column.values.data();
  const int32_t* offsets = column.offsets.as<int32_t>();
  auto begin = static_cast<size_t>(offsets[0]);
  auto end = static_cast<size_t>(offsets[column.length]);
  if (IsPlainAscii(bytes + begin, end - begin)) return true;
  if (!IsServerText(std::string_view(reinterpret_cast<const char*>(bytes) + begin, end - begin))) return false;
  for (int64_t row = 0; row < column.length; ++row) {
    auto at = static_cast<size_t>(offsets[row]);
    if (at < end && (bytes[at] & 0xC0) == 0x80) return false;
  }
  return true;
}

int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    bool wants_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (wants_dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

template <typename Fits>
void FlagBytes(const Column& column, Flags* flags, Fits fits) {
  for (int64_t row = 0; row < column.length; ++row) {
    if (!column.IsNull(row) && !fits(column.BytesValue(row))) flags->Set(row);
  }
}

void FlagText(const Column& column, const LoadColumn& to, Flags* flags) {
  if (!IsServerText(column)) FlagBytes(column, flags, [](std::string_view text) { return IsServerText(text); });
  if (to.labels != nullptr && !to.needs_cast) {
    FlagBytes(column, flags, [&](std::string_view text) { return to.labels->contains(text); });
  } else if (to.form == CopyForm::kJsonb || to.is_json_text) {
    FlagBytes(column, flags, [&](std::string_view text) { return AcceptsJson(text, to.form == CopyForm::kJsonb); });
  } else if (to.form == CopyForm::kUuid) {
    FlagBytes(column, flags, IsUuid);
  } else if (to.type.length > 0) {
    FlagBytes(column, flags, [&](std::string_view text) {
      return text.size() <= static_cast<size_t>(to.type.length) || CountCharacters(text) <= to.type.length;
    });
  }
}

template <typename T>
void FlagOutside(const Column& column, T lowest, T highest, Flags* flags) {
  const T* values = column.values.as<T>();
  T low = std::numeric_limits<T>::max();
  T high = std::numeric_limits<T>::min();
  for (int64_t row = 0; row < column.length; ++row) {
    low = std::min(low, values[row]);
    high = std::max(high, values[row]);
  }
  if (low >= lowest && high <= highest) return;
  for (int64_t row = 0; row < column.length; ++row) {
    if (!column.IsNull(row) && (values[row] < lowest || values[row] > highest)) flags->Set(row);
  }
}

void FlagFinerThan(const Column& column, int64_t unit, Flags* flags) {
  if (unit == 1) return;
  for (int64_t row = 0; row < column.length; ++row) {
    if (!column.IsNull(row) && column.Value<int64_t>(row) % unit != 0) flags->Set(row);
  }
}

void FlagDecimals(const Column& column, const LoadColumn& to, Flags* flags) {
  const Type& from = column.type;
  if (!to.is_bounded ||
      (from.scale <= to.type.scale && from.precision - from.scale <= to.type.precision - to.type.scale)) {
    return;
  }
  const Int128 step = PowerOfTen(std::max(0, from.scale - to.type.scale));
  const int digits = to.type.precision - to.type.scale + from.scale;  // of the unscaled value
  const Int128 limit = PowerOfTen(std::min(digits, kMaxDecimalPrecision));
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) continue;
    Int128 value;
    std::memcpy(&value, column.values.as<Int128>() + row, sizeof(value));
    if (value % step != 0 || value >= limit || value <= -limit) flags->Set(row);
  }
}

void FlagMisfits(const Column& column, const LoadColumn& to, Flags* flags) {
  switch (to.form) {
    case CopyForm::kText:
    case CopyForm::kJsonb:
    case CopyForm::kUuid:
      FlagText(column, to, flags);
      break;
    case CopyForm::kDate:
      FlagOutside<int32_t>(column, kMinDate, kMaxDate, flags);
      break;
    case CopyForm::kTime:
      FlagOutside<int64_t>(column, 0, kDayMicros, flags);
      FlagFinerThan(column, to.time_unit, flags);
      break;
    case CopyForm::kTimestamp:
      FlagOutside<int64_t>(column, kMinTimestamp, std::numeric_limits<int64_t>::max(), flags);
      FlagFinerThan(column, to.time_unit, flags);
      break;
    case CopyForm::kNumeric:
      FlagDecimals(column, to, flags);
      break;
    case CopyForm::kBool:
    case CopyForm::kInt2:
    case CopyForm::kInt4:
    case CopyForm::kInt8:
    case CopyForm::kFloat4:
    case CopyForm::kFloat8:
    case CopyForm::kBytea:
      break;
  }
}

int64_t IntegerAt(const Column& column, int64_t row) {
  switch (column.type.id) {
    case TypeId::kInt16:
      return column.Value<int16_t>(row);
    case TypeId::kInt32:
      return column.Value<int32_t>(row);
    default:
      return column.Value<int64_t>(row);
  }
}

template <typename T>
Column ConvertIntegers(const Column& from, const Type& type, Flags* flags) {
  ColumnBuilder to(type);
  for (int64_t row = 0; row < from.length; ++row) {
    int64_t value = from.IsNull(row) ? 0 : IntegerAt(from, row);
    bool fits = value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
    if (!fits) flags->Set(row);
    if (!fits || from.IsNull(row)) {
      to.AppendNull();
    } else {
      to.Append<T>(static_cast<T>(value));
    }
  }
  return to.Finish();
}

// double → real keeps a value only if it comes back the same.
Column ConvertToReal(const Column& from, const Type& type, Flags* flags) {
  ColumnBuilder to(type);
  for (int64_t row = 0; row < from.length; ++row) {
    double value = from.IsNull(row) ? 0 : from.Value<double>(row);
    auto narrow = static_cast<float>(value);
    bool fits = std::isnan(value) || static_cast<double>(narrow) == value;
    if (!fits) flags->Set(row);
    if (!fits || from.IsNull(row)) {
      to.AppendNull();
    } else {
      to.Append<float>(narrow);
    }
  }
  return to.Finish();
}

// Digits that stand before the exponent, without leading and trailing zeros: 15 survive in a double, 6 in a float.
int SignificantDigits(std::string_view number) {
  std::string digits;
  for (char c : number) {
    if (c == 'e' || c == 'E') break;
    if (c >= '0' && c <= '9' && !(digits.empty() && c == '0')) digits += c;
  }
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  return static_cast<int>(digits.size());
}

// Through canonical texts: any pair of types, as far as the text of one is a text of the other.
Column ConvertTexts(const Column& from, const Type& type, Flags* flags) {
  ColumnBuilder to(type);
  std::string text;
  bool loses_digits = from.type.id == TypeId::kDecimal || from.type.id == TypeId::kInt64;
  int most_digits = type.id == TypeId::kFloat64   ? 15
                    : type.id == TypeId::kFloat32 ? 6
                                                  : std::numeric_limits<int>::max();
  for (int64_t row = 0; row < from.length; ++row) {
    if (from.IsNull(row)) {
      to.AppendNull();
      continue;
    }
    text.clear();
    AppendCellText(from, row, &text);
    if (IsTextual(type.id)) {
      to.AppendBytes(text);
    } else if ((loses_digits && SignificantDigits(text) > most_digits) || !AppendParsed(text, &to)) {
      flags->Set(row);
      to.AppendNull();
    }
  }
  return to.Finish();
}

Column Convert(const Column& from, const LoadColumn& to, Flags* flags) {
  if (IsInteger(from.type.id)) {
    switch (to.type.id) {
      case TypeId::kInt16:
        return ConvertIntegers<int16_t>(from, to.type, flags);
      case TypeId::kInt32:
        return ConvertIntegers<int32_t>(from, to.type, flags);
      case TypeId::kInt64:
        return ConvertIntegers<int64_t>(from, to.type, flags);
      default:
        break;
    }
  }
  if (from.type.id == TypeId::kFloat64 && to.type.id == TypeId::kFloat32) return ConvertToReal(from, to.type, flags);
  return ConvertTexts(from, to.type, flags);
}

template <typename T>
void CopyUnflagged(const Column& from, const Flags& flags, ColumnBuilder* to) {
  for (int64_t row = 0; row < from.length; ++row) {
    if (from.IsNull(row) || flags.IsSet(row)) {
      to->AppendNull();
    } else {
      T value;
      std::memcpy(&value, from.values.as<T>() + row, sizeof(T));
      to->Append<T>(value);
    }
  }
}

// The column with NULL in the flagged rows. Types that have no misfits (bool) do not come here.
Column WithoutFlagged(const Column& from, const Flags& flags) {
  ColumnBuilder to(from.type);
  switch (FixedWidth(from.type.id)) {
    case 2:
      CopyUnflagged<int16_t>(from, flags, &to);
      break;
    case 4:
      CopyUnflagged<int32_t>(from, flags, &to);
      break;
    case 8:
      CopyUnflagged<int64_t>(from, flags, &to);
      break;
    case 16:
      CopyUnflagged<Int128>(from, flags, &to);
      break;
    default:
      for (int64_t row = 0; row < from.length; ++row) {
        if (from.IsNull(row) || flags.IsSet(row)) {
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

Column TextsOfFlagged(const Column& from, const Flags& flags) {
  ColumnBuilder texts(MakeType(TypeId::kText));
  std::string text;
  for (int64_t row = 0; row < from.length; ++row) {
    if (!flags.IsSet(row)) {
      texts.AppendNull();
      continue;
    }
    text.clear();
    AppendCellText(from, row, &text);
    texts.AppendBytes(IsServerText(text) ? text : HexEncode(text));
  }
  return texts.Finish();
}

}  // namespace

LoadColumn PlanColumn(const Type& source, const TargetColumn& target) {
  LoadColumn plan{.name = target.name,
                  .type = target.type,
                  .form = target.form,
                  .is_json_text = target.is_json_text,
                  .is_bounded = target.is_bounded,
                  .time_unit = target.time_unit,
                  .sql_type = target.sql_type,
                  .needs_cast = target.needs_cast,
                  .cast_check = target.cast_check,
                  .unlimited_type = target.unlimited_type,
                  .labels = target.labels};
  if (target.has_checks) {
    plan.type = MakeType(TypeId::kText);
    plan.form = CopyForm::kText;
    plan.is_json_text = false;
    plan.needs_cast = true;
    return plan;
  }
  if (target.form == CopyForm::kNumeric && !target.is_bounded) {
    if (source.id == TypeId::kDecimal) {
      plan.type = source;
    } else if (IsInteger(source.id)) {
      plan.type = MakeDecimal(kMaxDecimalPrecision, 0);
    } else {  // any number of digits behind the point: only a text keeps them all
      plan.type = MakeType(TypeId::kText);
      plan.form = CopyForm::kText;
      plan.needs_cast = true;
    }
  }
  return plan;
}

// A zone-less reading is taken as UTC.
bool HasLayoutOf(const Type& type, const LoadColumn& plan) {
  const TypeId wanted = plan.type.id;
  return type.id == wanted || (IsTextual(type.id) && IsTextual(wanted)) ||
         (IsTimestamp(type.id) && IsTimestamp(wanted));
}

FittedColumn FitColumn(const Column& column, const LoadColumn& to) {
  FittedColumn fitted;
  Flags flags(column.length);
  fitted.column = HasLayoutOf(column.type, to) ? column : Convert(column, to, &flags);
  FlagMisfits(fitted.column, to, &flags);
  fitted.misfit_count = flags.count();
  fitted.type = to.sql_type;
  if (flags.count() == 0) return fitted;
  fitted.column = WithoutFlagged(fitted.column, flags);
  fitted.misfits = TextsOfFlagged(column, flags);
  return fitted;
}

}  // namespace nilus::postgres
