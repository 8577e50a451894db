// Iceberg's types and schemas. A column is known by its field id, never by name or place: renaming keeps the id, and an
// id is never used again. Source of the format: Apache Iceberg table spec, "Schemas and Data Types" and appendix C.
// Values only: nothing here does I/O.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/schema.h"

namespace nilus::lake {

enum class TypeKind : uint8_t {
  kUnknown,  // v3: only NULLs, no column in data files
  kBoolean,
  kInt,   // 32 bits
  kLong,  // 64 bits
  kFloat,
  kDouble,
  kDecimal,
  kDate,           // days since 1970-01-01
  kTime,           // microseconds since midnight
  kTimestamp,      // microseconds, without zone: Nilus's timestamp_ntz
  kTimestamptz,    // microseconds, an instant: Nilus's timestamp
  kTimestampNs,    // v3
  kTimestamptzNs,  // v3
  kString,
  kUuid,
  kFixed,
  kBinary,
  kVariant,    // v3
  kGeometry,   // v3
  kGeography,  // v3
  kStruct,
  kList,
  kMap,
};

struct IcebergField;

struct IcebergType {
  TypeKind kind = TypeKind::kString;
  int precision = 0;       // kDecimal: 1 … 38
  int scale = 0;           // kDecimal
  int length = 0;          // kFixed: bytes
  std::string parameters;  // kGeometry, kGeography: what stands between the parentheses, as written
  // kStruct: its fields. kList: one, `element`. kMap: two, `key` and `value`.
  std::vector<IcebergField> children;

  bool is_nested() const { return kind == TypeKind::kStruct || kind == TypeKind::kList || kind == TypeKind::kMap; }
  // As in a schema's JSON: "long", "decimal(12, 2)", "fixed[16]"; for nested types a readable form ("struct<…>").
  std::string ToString() const;
  friend bool operator==(const IcebergType&, const IcebergType&) = default;
};

struct IcebergField {
  int32_t id = 0;
  std::string name;
  IcebergType type;
  bool required = false;
  std::string doc;
  std::string initial_default_json;  // v3: for rows written before the field was added; empty: null
  std::string write_default_json;    // v3: for rows whose writer gives no value; empty: null

  friend bool operator==(const IcebergField&, const IcebergField&) = default;
};

struct IcebergSchema {
  int32_t schema_id = 0;
  std::vector<IcebergField> fields;
  std::vector<int32_t> identifier_field_ids;

  const IcebergField* FindById(int32_t id) const;               // at any depth; null: there is none
  const IcebergField* FindByName(std::string_view name) const;  // top level, exactly this name
  int32_t HighestId() const;                                    // at any depth; 0 for no fields
  // The same columns: all but the schema's own id.
  bool SameColumns(const IcebergSchema& other) const;
  friend bool operator==(const IcebergSchema&, const IcebergSchema&) = default;
};
using IcebergSchemaPtr = std::shared_ptr<const IcebergSchema>;

// Ids above are reserved for metadata columns such as these.
inline constexpr int32_t kHighestFieldId = 2147483447;
inline constexpr int32_t kFilePathFieldId = 2147483546;     // position delete files: file_path
inline constexpr int32_t kPositionFieldId = 2147483545;     // position delete files: pos
inline constexpr int32_t kRowIdFieldId = 2147483540;        // v3: _row_id
inline constexpr int32_t kLastUpdatedFieldId = 2147483539;  // v3: _last_updated_sequence_number

IcebergType MakeIcebergType(TypeKind kind);

// --- Nilus's types ---

// bigint long, int int, text and json string, timestamp timestamptz, timestamp_ntz timestamp, …; every type has one.
IcebergType ToIcebergType(const Type& type);
// What rows of a column read back as: uuid text, fixed binary, nanoseconds in microseconds (rounded down), nested types
// and variant json.
Type ToNilusType(const IcebergType& type);

// Iceberg has no type for JSON before v3's variant: a json column is a string whose doc (the comment that other engines
// show and keep) has these words. A person may write more around them.
inline constexpr std::string_view kJsonMark = "JSON (nilus)";
bool IsMarkedJson(const IcebergField& field);
// Makes the doc say whether the column's type is json. Only a string's doc changes.
void MarkJson(bool is_json, IcebergField* field);
// The same as of its type, but json for a string that is marked so.
Type ToNilusType(const IcebergField& field);

// A new table's schema: fields numbered from 1 in order. A column that is not nullable is optional all the same, unless
// `keep_required`: a later load may bring NULLs, and required columns cannot become wider again for older readers.
IcebergSchema MakeIcebergSchema(const nilus::Schema& schema, bool keep_required = false);
// Top-level columns under their names; all nullable but required ones.
nilus::Schema ToNilusSchema(const IcebergSchema& schema);

// --- Evolution ---

// True when values of `from` may be read as `to`: equal types, int → long, float → double, decimal to more digits of
// the same scale; v3: unknown → any, date → timestamp.
bool CanPromote(const IcebergType& from, const IcebergType& to, int format_version);

// `current` with what `wanted` (a load's columns, matched by name) needs beyond it: new columns at the end with ids
// from *last_column_id + 1 on (moved along), wider types. Columns that the load lacks stay, required ones become
// optional when the load may leave them out or NULL (not with `keep_required`). Types that are wider in the table stay.
// The schema id is current's own when nothing changed, else 0: the transaction gives the new one its id. kUnsupported
// names the column whose type cannot become the wanted one.
Result<IcebergSchema> EvolveSchema(const IcebergSchema& current, const nilus::Schema& wanted, int format_version,
                                   int32_t* last_column_id, bool keep_required = false);
// A table's columns made anew (full refresh): exactly those of `wanted`, in its order. A column that keeps its name and
// whose values can be read as the new type keeps its id; others get new ones, so that old snapshots stay readable.
Result<IcebergSchema> ReplaceSchema(const IcebergSchema& current, const nilus::Schema& wanted, int format_version,
                                    int32_t* last_column_id);
// The column keeps its id. kNotFound, or kInvalidInput when the new name is taken.
Result<IcebergSchema> RenameColumn(const IcebergSchema& current, std::string_view from, std::string_view to);

// --- JSON (appendix C) ---

std::string SchemaToJson(const IcebergSchema& schema);
// kData says what is wrong; nothing of a hostile text is trusted: depth, counts, ids (unique, in range) are checked.
Result<IcebergSchema> SchemaFromJson(std::string_view json);
Result<IcebergType> ParseIcebergType(std::string_view text);  // primitive types as in a schema's JSON

// --- Name mapping: ids for data files without ids (property schema.name-mapping.default) ---

struct MappedName {
  std::optional<int32_t> field_id;
  std::vector<std::string> names;
  std::vector<MappedName> fields;
};
using NameMapping = std::vector<MappedName>;

NameMapping MakeNameMapping(const IcebergSchema& schema);
std::string NameMappingToJson(const NameMapping& mapping);
Result<NameMapping> NameMappingFromJson(std::string_view json);
// The top-level field id that a data file's column of this name stands for.
std::optional<int32_t> MappedId(const NameMapping& mapping, std::string_view name);

}  // namespace nilus::lake
