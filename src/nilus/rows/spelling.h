// How values are spelled as text, strictly and leniently: what coerce.h reads texts by. All take hostile input.
#pragma once

#include <string_view>

#include "nilus/data/builder.h"

namespace nilus {

// Appends the value that `text` spells as one of the builder's type would be written: numbers without leading zeros,
// plus signs or spaces, true and false (as what inference takes for a bool: TRUE and True, too), ISO 8601 (an instant
// with its zone), any JSON. False, and nothing appended: it is none, or digits would be lost.
bool AppendExactly(std::string_view text, ColumnBuilder* column);

// The same for any usual spelling (AppendParsed's, and a timestamp at midnight for a date).
bool AppendLeniently(std::string_view text, ColumnBuilder* column);

}  // namespace nilus
