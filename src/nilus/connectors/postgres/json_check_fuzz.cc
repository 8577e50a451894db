// AcceptsJson reads within its bounds whatever the bytes, and jsonb takes no text that json refuses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "nilus/connectors/postgres/json_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (nilus::postgres::AcceptsJson(text, true) && !nilus::postgres::AcceptsJson(text, false)) std::abort();
  return 0;
}
