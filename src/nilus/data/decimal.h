// What arithmetic with 128-bit decimals needs, and their usual type. Their texts: scalar.h.
#pragma once

#include "nilus/data/builder.h"

namespace nilus {

// `exponent` 0 … 38: 10^38 is the last one that 128 bits with a sign hold.
constexpr Int128 PowerOfTen(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// Of numbers whose source declares no digits behind the point, or more than there is room for: these ones are ours.
inline constexpr Type kUndeclaredDecimal = MakeDecimal(kMaxDecimalPrecision, 9);

}  // namespace nilus
