// A Delta table's columns: from the JSON of its metadata ("Schema Serialization Format", "Column Mapping"). Text in,
// values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/schema.h"
#include "nilus/delta/action.h"

namespace nilus::delta {

enum class ColumnMapping { kNone, kName, kId };

enum class TypeKind { kPrimitive, kStruct, kList, kMap };

struct DeltaField;
struct DeltaType {
  TypeKind kind = TypeKind::kPrimitive;
  std::string name;                  // kPrimitive: "long", "decimal(10,2)", "timestamp_ntz", …
  std::vector<DeltaField> children;  // kStruct: its fields; kList: one; kMap: key and value
};

struct DeltaField {
  std::string name;
  std::string physical_name;  // in data files and partition values; the name itself without column mapping
  std::optional<int32_t> id;  // with column mapping: the Parquet field id
  DeltaType type;
  bool nullable = true;
};

struct DeltaSchema {
  std::vector<DeltaField> fields;
  std::vector<std::string> partition_columns;  // names, not physical ones
  ColumnMapping mapping = ColumnMapping::kNone;

  const DeltaField* Find(std::string_view name) const;  // null: there is none of exactly this name
  bool IsPartition(std::string_view name) const;
};

// kData: the JSON is damaged; kUnsupported: a type that has no form here (variant).
Result<DeltaSchema> ParseTableSchema(const Metadata& metadata);

// What rows of a column read back as: byte, short and integer as integers, nested types as json.
Result<Type> ToNilusType(const DeltaType& type);
// Top-level columns under their names.
Result<nilus::Schema> ToNilusSchema(const DeltaSchema& schema);

}  // namespace nilus::delta
