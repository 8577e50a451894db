// The Avro schemas of the manifests and manifest lists that Nilus writes, with Iceberg's field ids.
#pragma once

#include <string>

#include "nilus/lake/partition.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

// Of `manifest_entry`; format version 2 or 3. The partition record has the types of the spec's transforms.
std::string ManifestEntrySchema(int format_version, const IcebergSchema& schema, const PartitionSpec& spec);
// Of `manifest_file`.
std::string ManifestFileSchema(int format_version);
// Bytes of the fixed type that stores a decimal of this precision.
int DecimalFixedBytes(int precision);

}  // namespace nilus::lake
