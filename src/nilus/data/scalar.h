// One value with its type, by its canonical text: cursors, interval bounds, keys shown to people. Not for hot paths.
//
// Canonical text: integers and decimals plain ("-12.50" with all digits of the scale), floats the shortest text that
// reads back the same, bool true/false, date 2024-03-15, time 10:20:30.123456, timestamp_ntz
// 2024-03-15T10:20:30.123456, timestamp the same with Z (fraction omitted when zero), years before 1 as -0043
// (astronomical, ISO 8601), years past 9999 with '+'; binary lower hex; text and json as they are.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/data/builder.h"
#include "nilus/data/record_batch.h"

namespace nilus {

struct Scalar {
  Type type;
  std::string text;
  friend bool operator==(const Scalar&, const Scalar&) = default;
};

// Appends the canonical text of a value that is not NULL.
void AppendCellText(const Column& column, int64_t row, std::string* out);
Scalar ScalarAt(const Column& column, int64_t row);

// Reads a canonical text (and usual variations: a space for the T, an offset, surrounding spaces for numbers) into a
// column of the builder's type. kData names the text when it is not one of that type, or would lose digits.
Status AppendParsed(std::string_view text, ColumnBuilder* column);

// Order of two values of one type: numeric, chronological, or by bytes. kData when a text does not parse.
Result<std::strong_ordering> CompareScalars(const Scalar& a, const Scalar& b);
// The same between a stored value and a scalar already parsed into a one-row column.
std::strong_ordering CompareCells(const Column& a, int64_t row_a, const Column& b, int64_t row_b);

// 128-bit decimals.
std::string FormatDecimal(Int128 unscaled, int scale);
// False when the text is no number, has more than `scale` digits behind the point that are not zero, or more than
// precision digits. Accepts an exponent.
bool ParseDecimal(std::string_view text, int precision, int scale, Int128* unscaled);

// ISO 8601 texts, appended.
void AppendDate(int32_t days, std::string* out);
void AppendTime(int64_t micros, std::string* out);
void AppendTimestamp(int64_t micros, bool with_zone, std::string* out);
bool ParseDate(std::string_view text, int32_t* days);
bool ParseTime(std::string_view text, int64_t* micros);
// An offset or Z is applied when present; `has_zone` says whether there was one.
bool ParseTimestamp(std::string_view text, int64_t* micros, bool* has_zone);

}  // namespace nilus
