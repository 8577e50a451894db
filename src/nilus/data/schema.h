// Column names and types of a table or batch. Immutable once shared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/data/type.h"

namespace nilus {

// Where a column's values were read from JSON, what they were there. A column's own type says what all of its load are;
// what becomes of one value must not hang on the others.
enum class JsonOrigin : uint8_t {
  kNone,     // not read from JSON
  kValues,   // texts, dates and times are JSON strings
  kScalars,  // kJson for want of one type: strings beside numbers, true and false, and no string reads like one of
             // those. A new column is one of text, which says as much
};

struct Field {
  std::string name;
  Type type;
  bool nullable = true;
  // Not empty: this is a variant column of the field named here (spec 03): it holds values that the field's own type
  // cannot, as their own type or as text. Its name is derived from that field's by VariantName once names are final.
  std::string variant_of;
  JsonOrigin origin = JsonOrigin::kNone;

  friend bool operator==(const Field&, const Field&) = default;
};

// Behind the columns of every loaded row: the load that brought it, and its own name (rows/row_ids.h).
inline constexpr std::string_view kLoadIdColumn = "_nilus_load_id";
inline constexpr std::string_view kRowIdColumn = "_nilus_id";
// Of a row of a child table: the _nilus_id of the main table's row that it belongs to (rows/unnest.h).
inline constexpr std::string_view kRootIdColumn = "_nilus_root_id";

// "<column>__v_<type>"
std::string VariantName(std::string_view column, std::string_view type_name);

struct Schema {
  std::vector<Field> fields;

  // Index of the field with exactly this name.
  std::optional<int> Find(std::string_view name) const;
  int size() const { return static_cast<int>(fields.size()); }
  friend bool operator==(const Schema&, const Schema&) = default;
};

using SchemaPtr = std::shared_ptr<const Schema>;

}  // namespace nilus
