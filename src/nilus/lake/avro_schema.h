// The schema in an Avro container file's header (Avro 1.11 specification, "Schema Declaration"), with the attributes
// that Iceberg adds to it. Hostile input; no I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::lake {

struct AvroField;

struct AvroType {
  enum class Kind : uint8_t {
    kNull,
    kBoolean,
    kInt,
    kLong,
    kFloat,
    kDouble,
    kBytes,
    kString,
    kFixed,
    kEnum,
    kRecord,
    kArray,
    kMap,
    kUnion,
  };
  Kind kind = Kind::kNull;
  int64_t size = 0;               // kFixed: bytes
  std::string logical;            // logicalType: "decimal", "map", …
  std::vector<AvroField> fields;  // kRecord
  // kArray: its items; kMap: its values; kUnion: the branches. Not owned: they lie in the AvroSchema.
  std::vector<const AvroType*> parts;
};

struct AvroField {
  std::string name;
  std::optional<int32_t> field_id;  // Iceberg's `field-id`
  const AvroType* type = nullptr;
};

// A parsed schema owns its types; a named type may occur in several places, even in itself.
class AvroSchema {
 public:
  static Result<AvroSchema> Parse(std::string_view json);
  const AvroType& root() const { return *root_; }

 private:
  friend class AvroSchemaParser;
  std::vector<std::unique_ptr<AvroType>> types_;
  const AvroType* root_ = nullptr;
};

}  // namespace nilus::lake
