// What manifests say of a Parquet file, from the file's own footer.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "nilus/lake/data_footer.h"
#include "nilus/lake/manifest.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

// Columns behind this one get counts but no bounds, so that manifests of wide tables stay small.
inline constexpr size_t kColumnsWithBounds = 100;

// Sets record_count, split_offsets, and by the field ids of top-level columns: sizes, counts of values, NULLs and NaNs
// (`nan_counts`, by column name), and bounds. Bounds of text and binary are cut to kBoundLength; those of a column with
// NaNs or with a row group that has none are left out; a zero bound counts for both zeros.
void FillMetrics(const ParquetFooter& footer, const IcebergSchema& schema,
                 const std::map<std::string, int64_t, std::less<>>& nan_counts, DataFile* file);

}  // namespace nilus::lake
