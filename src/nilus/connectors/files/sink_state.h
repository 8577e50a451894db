// The state document of one pipeline in a files sink: `<dir>/<schema>/_nilus_state/<hash>.json`. It is the commit
// point: rows become the destination's when a document that names them replaces the one before. Format: README.md,
// "State document". Bytes in, values out; no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::files {

// A table's staged files, to be moved to their place after the commit point. Paths are relative to the sink's folder.
struct PendingTable {
  std::string staged;              // folder that holds `files`
  std::string target;              // the table's folder
  bool replaces = false;           // the staged folder takes the target's place; else its files are added
  std::vector<std::string> files;  // names, published in this order; at least one
  friend bool operator==(const PendingTable&, const PendingTable&) = default;
};

struct SinkState {
  std::string pipeline;
  int64_t version = 0;
  std::string load_id;
  std::string position;               // JSON text of Position; empty: none
  std::vector<std::string> loads;     // load ids committed lately, oldest first, at most kRememberedLoads
  std::vector<PendingTable> pending;  // committed, but perhaps not all in place yet
  friend bool operator==(const SinkState&, const SinkState&) = default;

  bool Remembers(std::string_view load) const;
};

inline constexpr size_t kRememberedLoads = 1000;
inline constexpr int64_t kLargestStateBytes = 512 << 20;

// kInvalidInput when a text of it is not valid UTF-8: another one would be read back.
Result<std::string> FormatSinkState(const SinkState& state);
// kData when the text is nothing that FormatSinkState wrote, or when a path would lead out of the sink's folder.
Result<SinkState> ParseSinkState(std::string_view text);

// Adds `load_id` to the remembered ones; the oldest fall out.
void RememberLoad(std::string_view load_id, SinkState* state);

}  // namespace nilus::files
