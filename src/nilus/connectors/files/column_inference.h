// A column's type from all of its values, without losing a digit of any: the rules are in README.md, "Types". The
// result does not depend on the order of the values.
#pragma once

#include <cstdint>
#include <string_view>

#include "nilus/connectors/files/row_block.h"
#include "nilus/data/builder.h"
#include "nilus/data/type.h"

namespace nilus::files {

class ColumnInference {
 public:
  void Observe(CellKind kind, std::string_view text);
  // There was a value that is not NULL.
  bool has_values() const { return kinds_ != 0; }
  // text when there was no value.
  Type Resolve() const;

 private:
  void ObserveText(std::string_view text);
  void ObserveNumber(std::string_view text);
  Type ResolveNumber(TypeId otherwise) const;

  uint32_t kinds_ = 0;         // bit (1 << CellKind) for each kind seen
  uint32_t candidates_ = ~0U;  // types that every text so far can be; bits in the .cc
  bool saw_number_ = false;    // a real number, beside words such as NaN
  bool saw_literal_ = false;   // a JSON string that reads like a number, true, false or null
  int whole_digits_ = 0;       // widest decimal so far
  int fraction_digits_ = 0;
};

// Appends a value to a column of the type that Resolve gave. False when it does not fit: the file is another than the
// one that was looked at.
bool AppendCell(CellKind kind, std::string_view text, ColumnBuilder* column);

}  // namespace nilus::files
