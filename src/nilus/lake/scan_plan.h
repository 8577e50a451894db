// What a read of a table has to look at: the data files of a snapshot that may hold wanted rows, and for each the
// deletes that apply to it. Source: Iceberg spec, "Scan Planning".
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "nilus/lake/catalog.h"
#include "nilus/lake/scan_filter.h"

namespace nilus::lake {

struct ScanFile {
  ManifestEntry entry;
  // Indexes into ScanPlan::deletes.
  std::vector<size_t> position_deletes;  // none where there is a vector: it holds them all
  std::optional<size_t> vector;
  std::vector<size_t> equality_deletes;

  const DataFile& file() const { return entry.file; }
  bool has_deletes() const { return vector || !position_deletes.empty() || !equality_deletes.empty(); }
};

struct ScanPlan {
  TablePtr table;
  SnapshotPtr snapshot;  // null: the table has none yet
  IcebergSchema schema;  // that the rows are read by
  std::vector<ScanFile> files;
  std::vector<ManifestEntry> deletes;
  int64_t skipped_files = 0;  // by the filters

  int64_t rows() const;   // of the files, before deletes
  int64_t bytes() const;  // of the files
};

// `snapshot` null: no files. `schema`: the snapshot's own for time travel, the current one for the present.
Result<ScanPlan> PlanScan(TablePtr table, SnapshotPtr snapshot, IcebergSchema schema, const RangeFilters& filters,
                          std::stop_token stop);

// Only rows that were appended behind snapshot `from` up to `to`. kNotFound: `from` is no ancestor of `to` (expired or
// rolled back); kUnsupported: rows were changed or removed in between, so that appended files do not tell all.
Result<ScanPlan> PlanAppends(TablePtr table, int64_t from, SnapshotPtr to, IcebergSchema schema,
                             const RangeFilters& filters, std::stop_token stop);

}  // namespace nilus::lake
