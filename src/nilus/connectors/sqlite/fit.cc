#include "nilus/connectors/sqlite/fit.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "nilus/data/decimal.h"
#include "nilus/data/scalar.h"

namespace nilus::sqlite {
namespace {

// SQLite reads and writes this many significant digits of a float without loss, as long as the power of ten that it
// divides by is exact itself.
constexpr int kExactDigits = 15;
constexpr int kExactScale = 22;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The texts that SQLite takes for numbers (sqlite3AtoF): [space] [sign] digits with a point [exponent] [space].
bool LooksLikeNumber(std::string_view text) {
  size_t at = 0;
  auto skip = [&](auto matches) {
    const size_t from = at;
    while (at < text.size() && matches(text[at])) ++at;
    return at - from;
  };
  auto skip_sign = [&] { at += at < text.size() && (text[at] == '-' || text[at] == '+'); };
  skip(IsSpace);
  skip_sign();
  size_t digits = skip(IsDigit);
  if (at < text.size() && text[at] == '.') {
    ++at;
    digits += skip(IsDigit);
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    skip_sign();
    if (skip(IsDigit) == 0) return false;
  }
  skip(IsSpace);
  return at == text.size();
}

template <typename T>
bool IsSpelledLike(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  char spelled[40];
  const auto written = std::to_chars(spelled, spelled + sizeof spelled, value);
  return std::string_view(spelled, static_cast<size_t>(written.ptr - spelled)) == text;
}

FittedColumn FitTexts(const Column& column) {
  FittedColumn fitted;
  ColumnBuilder misfits(MakeType(TypeId::kText));
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < column.length; ++row) {
    if (!column.IsNull(row) && !SurvivesNumericAffinity(column.BytesValue(row))) rows.push_back(row);
  }
  fitted.column = column;
  if (rows.empty()) return fitted;
  fitted.misfit_count = static_cast<int64_t>(rows.size());
  ColumnBuilder kept(column.type);
  auto next = rows.begin();
  for (int64_t row = 0; row < column.length; ++row) {
    const bool is_misfit = next != rows.end() && *next == row;
    if (is_misfit) ++next;
    ColumnBuilder& holder = is_misfit ? misfits : kept;
    (is_misfit ? kept : misfits).AppendNull();
    if (column.IsNull(row)) {
      holder.AppendNull();
    } else {
      holder.AppendBytes(column.BytesValue(row));
    }
  }
  fitted.column = kept.Finish();
  fitted.misfits = misfits.Finish();
  return fitted;
}

Int128 DecimalAt(const Column& column, int64_t row) {
  Int128 value;  // copied: a batch from elsewhere may be aligned to 8 bytes only
  std::memcpy(&value, column.values.as<Int128>() + row, sizeof(value));
  return value;
}

enum class Kept { kAsItIs, kAsInteger, kNot };

Kept HowKept(Int128 value, int scale) {
  const Int128 size = value < 0 ? -value : value;
  if (size < PowerOfTen(kExactDigits) && scale <= kExactScale) return Kept::kAsItIs;
  int places = scale;
  Int128 digits = value;
  for (; places > 0 && digits % 10 == 0; --places) digits /= 10;
  if (places == 0) {
    const bool fits = digits >= std::numeric_limits<int64_t>::min() && digits <= std::numeric_limits<int64_t>::max();
    return fits ? Kept::kAsInteger : Kept::kNot;
  }
  const bool is_exact =
      digits < PowerOfTen(kExactDigits) && digits > -PowerOfTen(kExactDigits) && places <= kExactScale;
  return is_exact ? Kept::kAsItIs : Kept::kNot;
}

// A whole number is kept to its last digit, if nothing stands behind its point.
FittedColumn FitDecimals(const Column& column) {
  FittedColumn fitted;
  const int scale = column.type.scale;
  bool is_plain = true;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) continue;
    const Kept kept = HowKept(DecimalAt(column, row), scale);
    is_plain &= kept == Kept::kAsItIs;
    fitted.misfit_count += kept == Kept::kNot;
  }
  if (is_plain) {
    fitted.column = column;
    return fitted;
  }
  ColumnBuilder texts(MakeType(TypeId::kText));
  ColumnBuilder misfits(MakeType(TypeId::kText));
  for (int64_t row = 0; row < column.length; ++row) {
    const Int128 value = column.IsNull(row) ? 0 : DecimalAt(column, row);
    const Kept kept = HowKept(value, scale);
    if (column.IsNull(row) || kept == Kept::kNot) {
      texts.AppendNull();
    } else if (kept == Kept::kAsInteger) {
      texts.AppendBytes(FormatDecimal(value / PowerOfTen(scale), 0));
    } else {
      texts.AppendBytes(FormatDecimal(value, scale));
    }
    if (kept == Kept::kNot) {
      misfits.AppendBytes(FormatDecimal(value, scale));
    } else {
      misfits.AppendNull();
    }
  }
  fitted.column = texts.Finish();
  if (fitted.misfit_count > 0) fitted.misfits = misfits.Finish();
  return fitted;
}

}  // namespace

bool ChangesTexts(const TableInfo& table, const ColumnInfo& column) {
  const Affinity affinity = AffinityOf(column.declared);
  if (affinity == Affinity::kText || affinity == Affinity::kBlob) return false;
  return !table.is_strict || affinity != Affinity::kNumeric;  // a strict table's ANY keeps what it is given
}

FittedColumn FitNumeric(const Column& column) {
  if (IsTextual(column.type.id)) return FitTexts(column);
  if (column.type.id == TypeId::kDecimal) return FitDecimals(column);
  return FittedColumn{.column = column, .misfits = std::nullopt};
}

bool SurvivesNumericAffinity(std::string_view text) {
  if (text.empty() || !LooksLikeNumber(text)) return true;
  if (IsSpelledLike<int64_t>(text)) return true;
  const int64_t digits = std::count_if(text.begin(), text.end(), IsDigit);
  if (digits > kExactDigits || text.find('.') == std::string_view::npos) return false;
  return text.find('e') == std::string_view::npos && IsSpelledLike<double>(text);
}

}  // namespace nilus::sqlite
