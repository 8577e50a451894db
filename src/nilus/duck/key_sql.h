// SQL of conditions over an incremental key, so that DuckDB compares it as its canonical values compare.
#pragma once

#include <string>
#include <string_view>

#include "nilus/data/scalar.h"
#include "nilus/data/type.h"

namespace nilus::duck {

// The canonical text as a CAST takes it: DuckDB writes years above 9999 without a sign.
std::string CastableText(const Scalar& value);

// The parameter $`number`, bound to a CastableText, as a value of the type. A binary's text is hex.
std::string KeyBound(const Type& type, size_t number);

// The column as its canonical values compare: an ENUM or UUID by its text, TIMESTAMP_NS by its microseconds.
std::string KeyExpression(std::string_view column, const Type& type);

// True for values that come last or first in DuckDB's order but are none of ours: infinities, which arrive as NULL with
// a variant. Empty: the type has none.
std::string MisfitCondition(std::string_view column, const Type& type);

// True for values that a cursor can be: neither infinite nor NaN. Empty: the type has no others.
std::string FiniteCondition(std::string_view column, const Type& type);

}  // namespace nilus::duck
