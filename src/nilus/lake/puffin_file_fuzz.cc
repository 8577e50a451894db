// Hostile Puffin files: refused or understood, and every blob lies within the file.
#include <cstdlib>

#include "nilus/lake/puffin_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto footer = nilus::lake::PuffinFooterSize(bytes);
  if (!footer || *footer > static_cast<int64_t>(size)) return 0;
  auto blobs =
      nilus::lake::ParsePuffinFooter(bytes.substr(size - static_cast<size_t>(*footer)), static_cast<int64_t>(size));
  if (!blobs) return 0;
  for (const nilus::lake::PuffinBlob& blob : *blobs) {
    if (blob.offset < 0 || blob.length < 0 || blob.offset + blob.length > static_cast<int64_t>(size)) std::abort();
  }
  return 0;
}
