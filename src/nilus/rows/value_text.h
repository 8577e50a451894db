// The text that masks see of a value (docs/masks.md, "The text of a value"). It hangs on the value alone, not on what
// else its load has: a number is a plain decimal, without exponent and without zeros behind the point that nobody
// wrote, whether its column came out as bigint, double, decimal or json (of which JsonAsPlainText is the column).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/data/record_batch.h"

namespace nilus {

// Appends the canonical text of a cell that is not NULL. A decimal has the digits behind the point that its source
// declares.
void AppendValueText(const Column& column, int64_t row, std::string* out);

// `number` ([-]digits[.digits][e[+-]digits]) as a plain decimal: of 1.50e1 15. Anything else, and what would have more
// than some hundred zeros, as it is.
void AppendPlainNumber(std::string_view number, std::string* out);

}  // namespace nilus
