// Which files of a table can hold rows of a key range: by partitions and by bounds ("inclusive metrics": a file that is
// kept may still hold none). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "nilus/lake/manifest.h"
#include "nilus/lake/partition.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

// Rows whose value of a column lies between the bounds; an absent bound is open.
struct RangeFilter {
  int32_t field_id = 0;
  std::optional<Literal> lower;  // inclusive
  std::optional<Literal> upper;
  bool upper_inclusive = true;
  bool with_nulls = true;  // rows without a value are wanted too
};

using RangeFilters = std::vector<RangeFilter>;  // all of them hold

bool MayHoldRows(const RangeFilter& filter, const IcebergSchema& schema, const DataFile& file);
bool MayHoldRows(const RangeFilter& filter, const IcebergSchema& schema, const PartitionSpec& spec,
                 const std::vector<Literal>& partition);
// By the manifest list's summaries, for all files of a manifest.
bool MayHoldRows(const RangeFilter& filter, const IcebergSchema& schema, const PartitionSpec& spec,
                 const ManifestFile& manifest);
// By the file's bounds and its partition. `spec` null: it is not known.
bool MayHoldRows(const RangeFilters& filters, const IcebergSchema& schema, const PartitionSpec* spec,
                 const DataFile& file);

}  // namespace nilus::lake
