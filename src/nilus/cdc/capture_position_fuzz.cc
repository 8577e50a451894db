// Positions are read from tables that others may write to: any text is refused or means the same when written again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "nilus/cdc/key_bound.h"
#include "nilus/cdc/position.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  nilus::Result<nilus::CdcPosition> read = nilus::ParseCdcPosition(nilus::Position{text});
  if (read) {
    nilus::Result<nilus::CdcPosition> again = nilus::ParseCdcPosition(nilus::ToPosition(*read));
    if (again && !(*again == *read)) std::abort();
  }
  nilus::Schema columns;
  columns.fields.push_back({"a", nilus::MakeType(nilus::TypeId::kInt64), true, {}});
  columns.fields.push_back({"b", nilus::MakeType(nilus::TypeId::kTimestamp), true, {}});
  static_cast<void>(nilus::KeyBound::Parse(text, {"a", "b"}, columns));
  return 0;
}
