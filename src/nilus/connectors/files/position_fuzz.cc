// Persisted texts: file positions, state documents, table schemas. What parses is written and parsed again to the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "nilus/connectors/files/file_position.h"
#include "nilus/connectors/files/sink_state.h"
#include "nilus/connectors/files/table_schema.h"

using namespace nilus::files;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  if (auto files = ParseFilePosition({text}); files && nilus::Position{text}.json.find('\0') == std::string::npos) {
    auto position = FormatFilePosition(*files);
    if (FormatFilePosition(*ParseFilePosition(position)) != position) std::abort();
  }
  if (auto state = ParseSinkState(text)) {
    if (*ParseSinkState(*FormatSinkState(*state)) != *state) std::abort();
    for (const PendingTable& table : state->pending) {
      if (table.target.starts_with('/') || table.target.find("..") == 0) std::abort();
    }
  }
  if (auto table = ParseTableSchema(text)) {
    if (*ParseTableSchema(FormatTableSchema(*table)) != *table) std::abort();
  }
  return 0;
}
