// Columns whose values were read from JSON, as a mask of texts is to see them. The type of such a column is a matter of
// all values of a load; what a value comes out as must not be.
#pragma once

#include "nilus/data/record_batch.h"

namespace nilus {

// Each value as what it is by itself: decimals without the zeros of others, strings that are written as dates, times or
// timestamps in their canonical text, as in a load that has nothing else there.
Column JsonByValue(const Column& column);

// Each value as it is written, numbers of a json column too: what a type hint of text asks for.
Column JsonAsWritten(const Column& column);

}  // namespace nilus
