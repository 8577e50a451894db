// Answers of object stores: whatever the bytes, no crash, and messages that are short and printable.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nilus/base/encoding.h"
#include "nilus/storage/store_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (bool google : {false, true}) {
    auto page = nilus::storage::ReadBucketListing(bytes, google);
    if (page) {
      for (const auto& object : page->objects) {
        if (object.size < 0) std::abort();
      }
    }
  }
  static_cast<void>(nilus::storage::ReadContainerListing(bytes));
  const auto problem = nilus::storage::ReadProblemXml(bytes);
  if (problem.code.size() > 64 || problem.message.size() > 300 || !nilus::IsValidUtf8(problem.message)) std::abort();
  static_cast<void>(nilus::storage::ReadDeleteResult(bytes));
  static_cast<void>(nilus::storage::ReadUploadId(bytes));
  static_cast<void>(nilus::storage::ReadUploadIds(bytes, "a"));
  return 0;
}
