// Hostile deletion vectors: refused or understood, never a crash; what is understood reads the same after writing.
#include <cstdlib>

#include "nilus/lake/deletes_bitmap.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kLimit = 1 << 24;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(nilus::lake::DecodeDeletionVector(bytes, kLimit));
  auto parsed = nilus::lake::RowBitmap::Parse(bytes, kLimit);
  if (!parsed) return 0;
  auto again = nilus::lake::DecodeDeletionVector(nilus::lake::EncodeDeletionVector(*parsed), kLimit);
  if (!again || again->count() != parsed->count()) std::abort();
  return 0;
}
