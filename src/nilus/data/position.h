// Where a source has been read to. The source (and, for cursors, the engine) writes and reads it; a sink stores it as
// text beside the rows and never looks inside.
#pragma once

#include <string>

namespace nilus {

struct Position {
  std::string json;  // one JSON object; empty: from the beginning

  bool empty() const { return json.empty(); }
  friend bool operator==(const Position&, const Position&) = default;
};

}  // namespace nilus
