// One JSON value into a column, without a copy in between: what a shape resolved to takes every value that it saw.
#pragma once

#include "nilus/data/builder.h"
#include "nilus/json/scanner.h"

namespace nilus::json {

// Appends `value`, a null as NULL. False when it is none of the column's type, or the batch has no room for it
// (ColumnBuilder::WouldOverflow): nothing is appended then.
//   json        the value as written
//   text        a string's meaning; numbers, true and false as written
//   others      numbers by their digits, true and false, strings by their meaning where it is a canonical text
bool AppendValue(const Value& value, ColumnBuilder* column);

// Whether AppendValue could fail for want of room.
inline bool HasRoomFor(const Value& value, const ColumnBuilder& column) {
  return !HasOffsets(column.type().id) || !column.WouldOverflow(value.text.size() + 2);
}

}  // namespace nilus::json
