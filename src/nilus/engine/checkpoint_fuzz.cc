// The committed position as a hostile text: parsing never crashes, and what is accepted survives writing and reading.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "nilus/engine/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nilus::Position position{std::string(reinterpret_cast<const char*>(data), size)};
  nilus::Result<nilus::Checkpoint> checkpoint = nilus::ParseCheckpoint(position);
  if (!checkpoint) return 0;
  nilus::Result<nilus::Position> written = nilus::ToPosition(*checkpoint);
  if (!written) std::abort();
  nilus::Result<nilus::Checkpoint> again = nilus::ParseCheckpoint(*written);
  if (!again) std::abort();
  nilus::Result<nilus::Position> rewritten = nilus::ToPosition(*again);
  if (!rewritten || *rewritten != *written) std::abort();
  return 0;
}
