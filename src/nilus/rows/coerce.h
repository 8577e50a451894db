// A column as another type, value by value: what keeps all that it says is taken over, what does not is named (spec 03,
// "Evolution" and "Type hints"). Works on whole columns; a column that needs nothing is shared, not copied. Pure and
// thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nilus/data/record_batch.h"

namespace nilus {

enum class CoerceRule {
  // A value of a column whose type changed: taken over when the new value says exactly what the old one did. Texts must
  // be spelled as values of the type are: "42" is a bigint, "0042", " 42" and "+42" are texts.
  kExact,
  // A value of a column with a type hint: any usual spelling is read (surrounding spaces, leading zeros, exponents,
  // words for bool, a date for a timestamp, timestamps without a zone as UTC). Digits are not lost either.
  kLenient,
};

struct Coerced {
  Column column;                 // of the wanted type; NULL where a value could not be taken over
  std::vector<uint8_t> misfits;  // 1 in the rows whose value could not; empty: none
  int64_t misfit_count = 0;
};

// False: no value but NULL of `from` is ever one of `to`, so that nobody need try.
bool MayCoerce(const Type& from, const Type& to, CoerceRule rule);

// json goes value by value, each as its own kind (json_kinds.h).
Coerced Coerce(const Column& column, const Type& to, CoerceRule rule);

// The rows whose flag is set (or, with `keep_flagged` false, is not set), the others NULL.
Column KeepRows(const Column& column, const std::vector<uint8_t>& flags, bool keep_flagged);

// Each row's value from `a`, or from `b` where `a` is NULL. Both have one type and length.
Column Overlay(const Column& a, const Column& b);

// "bigint", "double", "decimal", …: what a variant column is named by. Narrow types count as the wide one.
std::string_view TypeFamily(const Type& type);
// The type that a new variant column of this type's family has.
Type FamilyType(const Type& type);

}  // namespace nilus
