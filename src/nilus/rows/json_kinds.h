// The values of a json column, each as what it is by itself: what becomes of one must not hang on whether another row
// of the load made its column json. Takes hostile input; pure and thread-safe.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "nilus/data/record_batch.h"
#include "nilus/json/scanner.h"

namespace nilus {

// Columns of one length with `column`, one a kind that occurs, in this order; each value is in exactly one of them, and
// NULL in the others:
//   text     strings, as what they mean
//   bool     true and false
//   bigint   numbers that are whole and fit, 7.0 and 1e3 too
//   double   numbers that one says exactly
//   json     all else as written: objects, arrays, null, other numbers, what is no JSON
std::vector<Column> JsonByKind(const Column& column);

// The string, number, true, false or null that a json value is. Nothing: an object, an array, or no JSON.
std::optional<json::Value> JsonScalar(std::string_view text);

// The strings of a json column, as what they mean; NULL elsewhere.
Column StringsOf(const Column& column);

// The same as one text column: strings as what they mean, all else as written. Shares the bytes where there is no
// string.
Column JsonAsText(const Column& column);
// The same with numbers as plain decimals (value_text.h): 100.0 and 1e2 are 100.
Column JsonAsPlainText(const Column& column);

// Of a column whose values were read from JSON: what they were there, but for the spelling of numbers and times.
// Texts, dates, times, NaN and infinities are strings.
Column AsJson(const Column& column);

}  // namespace nilus
