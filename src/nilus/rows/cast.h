// A column in another type, without losing anything.
#pragma once

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"

namespace nilus {

// True when values of `from` may become `to` at all: integers, floats and decimals among each other where each value is
// kept exactly, and anything but binary to text (its canonical text).
bool IsCastable(const Type& from, const Type& to);

// Every value of `column` as `to`. kData names the first value that `to` cannot hold exactly. Requires IsCastable.
// Cheap when the layouts are the same (buffers are shared).
Result<Column> CastColumn(const Column& column, const Type& to);

}  // namespace nilus
