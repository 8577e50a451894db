// Patterns, folder names and query texts.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nilus/connectors/files/disk_name.h"
#include "nilus/connectors/files/glob.h"
#include "nilus/connectors/files/query_text.h"

using namespace nilus::files;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto disk = EncodeDiskName(text)) {
    if (disk->find('/') != std::string::npos || disk->size() > kLongestDiskName || disk->starts_with('.') ||
        disk->starts_with("_nilus"))
      std::abort();
    auto again = DecodeDiskName(*disk);
    if (again && *again != text) std::abort();
  }
  static_cast<void>(DecodeDiskName(text));
  static_cast<void>(ExpandBraces(text));
  size_t half = size / 2;
  static_cast<void>(MatchesName(text.substr(0, half), text.substr(half)));
  nilus::ReadRequest request;
  request.interval_start = "2024-01-01";
  static_cast<void>(BindQuery(text, request));
  return 0;
}
