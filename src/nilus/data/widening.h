// Which types have all values of another: what a column may become without a change for those who read it.
#pragma once

#include "nilus/data/type.h"

namespace nilus {

// `to` is another type of the same family that has every value of `from`: more bits, more digits, more characters.
bool IsWidening(const Type& from, const Type& to);

}  // namespace nilus
