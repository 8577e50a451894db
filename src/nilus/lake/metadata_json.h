// Table metadata as JSON, plain or gzip: format versions 1 to 3 are read, 2 and 3 written (Iceberg spec, appendix C).
// Hostile input; no I/O.
#pragma once

#include <string>
#include <string_view>

#include "nilus/lake/table_metadata.h"

namespace nilus::lake {

// kData names what is wrong and where; kUnsupported: a later format version.
Result<TableMetadata> MetadataFromJson(std::string_view bytes);
// On one line. Snapshots are copied from Snapshot::json where it is set.
std::string MetadataToJson(const TableMetadata& metadata);

std::string SnapshotToJson(const Snapshot& snapshot);
Result<SnapshotPtr> SnapshotFromJson(std::string_view json);
std::string RefToJson(const SnapshotRef& ref);

}  // namespace nilus::lake
