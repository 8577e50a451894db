// A CSV column's type from all of its values, without losing a digit of any: the rules are in README.md, "Types". The
// result does not depend on the order of the values. (JSON's: json/shape.h.)
#pragma once

#include <cstdint>
#include <string_view>

#include "nilus/connectors/files/row_block.h"
#include "nilus/data/builder.h"
#include "nilus/data/type.h"
#include "nilus/json/literal.h"

namespace nilus::files {

class ColumnInference {
 public:
  void Observe(CellKind kind, std::string_view text);
  // There was a value that is not NULL.
  bool has_values() const { return has_values_; }
  // text when there was no value.
  Type Resolve() const;

 private:
  bool has_values_ = false;
  json::TextTraits traits_;
};

// Appends a value to a column of the type that Resolve gave. False when it does not fit: the file is another than the
// one that was looked at.
bool AppendCell(CellKind kind, std::string_view text, ColumnBuilder* column);

}  // namespace nilus::files
