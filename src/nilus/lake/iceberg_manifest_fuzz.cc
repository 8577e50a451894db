// Any bytes as a manifest and as a manifest list. Entries that are read can be written, and come back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nilus/lake/manifest_reader.h"
#include "nilus/lake/manifest_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus::lake;  // NOLINT
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ManifestFile manifest;
  manifest.added_snapshot_id = 5;
  manifest.sequence_number = 7;
  manifest.first_row_id = 100;
  const auto decoded = DecodeManifest(bytes, manifest, true);
  // Partition values need a schema to be written by; without them everything else is.
  if (decoded && !decoded->entries.empty()) {
    ManifestWriter writer(3, IcebergSchema{}, PartitionSpec{}, ManifestContent::kData, 5);
    for (const ManifestEntry& entry : decoded->entries) writer.AddExisting(entry);
    const auto output = writer.Finish();
    const auto again = DecodeManifest(output.bytes, output.manifest, true);
    if (!again || again->entries.size() != decoded->entries.size()) abort();
    for (size_t i = 0; i < again->entries.size(); ++i) {
      if (again->entries[i].file.path != decoded->entries[i].file.path ||
          again->entries[i].file.lower_bounds != decoded->entries[i].file.lower_bounds ||
          again->entries[i].sequence_number != decoded->entries[i].sequence_number) {
        abort();
      }
    }
  }
  auto list = DecodeManifestList(bytes);
  if (list) {
    int64_t next_row_id = 0;
    std::vector<ManifestFile> manifests = *list;
    const std::string written = WriteManifestList(3, 1, std::nullopt, 9, &manifests, &next_row_id);
    const auto again = DecodeManifestList(written);
    if (!again || again->size() != list->size()) abort();
  }
  return 0;
}
