// Partition specs, their transforms, and sort orders. Source: Iceberg spec, "Partitioning", "Sorting", appendix B and
// C.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/data/record_batch.h"
#include "nilus/lake/literal.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

struct Transform {
  enum class Kind : uint8_t { kIdentity, kBucket, kTruncate, kYear, kMonth, kDay, kHour, kVoid, kUnknown };
  Kind kind = Kind::kIdentity;
  int32_t parameter = 0;  // kBucket: number of buckets; kTruncate: width
  std::string text;       // kUnknown: as written

  std::string ToString() const;  // "bucket[16]"
  friend bool operator==(const Transform&, const Transform&) = default;
};
// A name nobody knows is Kind::kUnknown: readers ignore the field, writers refuse. kData: a bad parameter.
Result<Transform> ParseTransform(std::string_view text);

// The type of the values that the transform makes of a source of this type: bucket int, day date, year int, ….
IcebergType TransformedType(const Transform& transform, const IcebergType& source);
// kUnsupported when the transform does not take the type (hour of a date, bucket of a double, …).
Status CheckTransform(const Transform& transform, const IcebergType& source, std::string_view column);

// The transform of a whole column: NULL stays NULL. `source` has the layout of ToNilusType(type) (or a narrower one);
// the result that of ToNilusType(TransformedType(…)). Thread-safe.
Result<Column> ApplyTransform(const Transform& transform, const IcebergType& type, const Column& source);
// Of one value.
Result<Literal> ApplyTransform(const Transform& transform, const IcebergType& type, const Literal& value);

// Murmur3, 32 bits, x86 variant, seed 0 (appendix B).
uint32_t Murmur3(const void* bytes, size_t size);

struct SpecField {
  int32_t source_id = 0;
  int32_t field_id = 0;  // 1000 …; unique over all specs of a table
  std::string name;      // of the partition: "ts_day"
  Transform transform;
  friend bool operator==(const SpecField&, const SpecField&) = default;
};

struct PartitionSpec {
  int32_t spec_id = 0;
  std::vector<SpecField> fields;

  bool is_unpartitioned() const;  // no field but void ones
  // The same fields: all but the spec's own id.
  bool SameFields(const PartitionSpec& other) const;
  friend bool operator==(const PartitionSpec&, const PartitionSpec&) = default;
};
using PartitionSpecPtr = std::shared_ptr<const PartitionSpec>;

inline constexpr int32_t kFirstPartitionFieldId = 1000;

// One field of a spec as a user asks for it (`partition_by`).
struct PartitionWish {
  std::string column;
  std::string transform;  // identity | bucket | truncate | year | month | day | hour | void
  int64_t parameter = 0;  // buckets or width
  std::string name;       // empty: column_transform, as other engines name it ("ts_day", "id_bucket", "id_trunc")
};
// A spec for the columns of `schema`. Field ids: those of an equal field in `known` specs, else from *last_partition_id
// + 1 on (moved along; 999 in a new table). The spec id is that of an equal spec in `known`, else -1: the transaction
// gives it one. kInvalidInput, kUnsupported or kNotFound name the column and what is wrong.
Result<PartitionSpec> MakePartitionSpec(const std::vector<PartitionWish>& wishes, const IcebergSchema& schema,
                                        const std::vector<PartitionSpecPtr>& known, int32_t* last_partition_id);

// The tuple's types, in the spec's order. A source that the schema lacks (dropped) has unknown type.
std::vector<IcebergType> PartitionTypes(const PartitionSpec& spec, const IcebergSchema& schema);
// "ts_day=2024-03-15/id_bucket=7" with names and values percent-encoded: a folder below data/; empty when
// unpartitioned.
std::string PartitionPath(const PartitionSpec& spec, const IcebergSchema& schema, const std::vector<Literal>& tuple);

std::string SpecToJson(const PartitionSpec& spec);        // the whole object
std::string SpecFieldsToJson(const PartitionSpec& spec);  // only its list of fields (manifests, v1 metadata)
Result<PartitionSpec> SpecFromJson(std::string_view json);
Result<PartitionSpec> SpecFieldsFromJson(std::string_view json, int32_t spec_id);

struct SortField {
  int32_t source_id = 0;
  Transform transform;
  bool descending = false;
  bool nulls_first = true;
  friend bool operator==(const SortField&, const SortField&) = default;
};
struct SortOrder {
  int32_t order_id = 0;  // 0: unsorted
  std::vector<SortField> fields;
  bool SameFields(const SortOrder& other) const { return fields == other.fields; }
  friend bool operator==(const SortOrder&, const SortOrder&) = default;
};
// `cluster_by`: ascending, NULLs first, by the columns themselves. Order id: that of an equal one in `known`, else -1.
Result<SortOrder> MakeSortOrder(const std::vector<std::string>& columns, const IcebergSchema& schema,
                                const std::vector<SortOrder>& known);
std::string SortOrderToJson(const SortOrder& order);
Result<SortOrder> SortOrderFromJson(std::string_view json);

}  // namespace nilus::lake
