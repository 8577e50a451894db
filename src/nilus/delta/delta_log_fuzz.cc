// Lines of a log, schemas, names of files and deletion vectors: whatever the bytes, no crash.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/delta/action.h"
#include "nilus/delta/checkpoint_file.h"
#include "nilus/delta/deletion_vector.h"
#include "nilus/delta/log_listing.h"
#include "nilus/delta/table_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus::delta;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(ReadActionLines(bytes, [](Action action) {
    if (const auto* metadata = std::get_if<Metadata>(&action)) {
      if (auto schema = ParseTableSchema(*metadata)) static_cast<void>(ToNilusSchema(*schema));
    }
    return nilus::Status();
  }));
  LogListing log;
  log.Add({.key = std::string(bytes)});
  static_cast<void>(log.CheckpointUpTo(1000));
  static_cast<void>(DecodeBase85(bytes));
  static_cast<void>(DecodeVector(bytes, 1000));
  static_cast<void>(DecodeFramedVector(bytes, {.size_in_bytes = static_cast<int64_t>(size) - 8, .cardinality = 1000}));
  return 0;
}
