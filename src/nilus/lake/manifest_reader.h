// Decodes manifests and manifest lists of any writer: fields are found by field id, missing ones get their defaults,
// extra ones are skipped, unions may stand in either order. Bytes are hostile; no I/O.
#pragma once

#include <string_view>
#include <vector>

#include "nilus/lake/manifest.h"
#include "nilus/lake/partition.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

Result<std::vector<ManifestFile>> DecodeManifestList(std::string_view bytes);

struct DecodedManifest {
  PartitionSpec spec;  // as the manifest's own header says
  std::vector<ManifestEntry> entries;
};
// `manifest` is what the list says of it: snapshot id, sequence numbers and first_row_id are inherited from there.
// Deleted entries are left out unless `with_deleted`.
Result<DecodedManifest> DecodeManifest(std::string_view bytes, const ManifestFile& manifest, bool with_deleted);

}  // namespace nilus::lake
