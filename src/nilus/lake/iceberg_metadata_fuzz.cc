// Any bytes as table metadata, schema, spec, name mapping. What is read can be written, and reads back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nilus/lake/metadata_json.h"
#include "nilus/lake/pipeline_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus::lake;  // NOLINT
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto metadata = MetadataFromJson(text);
  if (metadata) {
    static_cast<void>(metadata->SnapshotAsOf(1'600'000'000'000));
    static_cast<void>(FindPipelineState(*metadata, "p"));
    static_cast<void>(HasLoad(*metadata, "p", "l"));
    if (metadata->current_snapshot_id) {
      static_cast<void>(metadata->IsAncestor(1, *metadata->current_snapshot_id));
    }
    const std::string json = MetadataToJson(*metadata);
    if (metadata->format_version >= 2) {
      const auto again = MetadataFromJson(json);
      if (!again || MetadataToJson(*again) != json) abort();
    }
  }
  const auto schema = SchemaFromJson(text);
  if (schema) {
    const auto again = SchemaFromJson(SchemaToJson(*schema));
    if (!again || !(*again == *schema)) abort();
    static_cast<void>(ToNilusSchema(*schema));
  }
  const auto spec = SpecFromJson(text);
  if (spec) {
    const auto again = SpecFromJson(SpecToJson(*spec));
    if (!again || !(*again == *spec)) abort();
  }
  static_cast<void>(SortOrderFromJson(text));
  static_cast<void>(NameMappingFromJson(text));
  return 0;
}
