// The inside of the nesting stage: places of the trees, and the ids of child rows. See unnest.h.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "nilus/base/sha256.h"
#include "nilus/rows/unnest.h"

namespace nilus {

// What becomes of the values at one place. A place may have all three: each value goes its own way.
struct UnnestPlan::Node {
  std::string place;  // for people: "orders.items[].tags"

  bool takes_objects = false;                       // objects: their fields …
  std::map<std::string, Node, std::less<>> fields;  // … by key
  bool checks_keys = false;                         // … but an object that names a key twice goes into the column

  bool takes_arrays = false;      // arrays: rows of a child table …
  int table = -1;                 // … -1: every array was empty
  std::unique_ptr<Node> element;  // … what its rows are made of …
  std::string id_path;            // … and what its ids are made with

  int column = -1;  // everything else: of the table at hand; -1: there was nothing else

  int first_column = 0;  // of a parent's column: which columns come of it
  int end_column = 0;
};

// Makes ids of child rows (docs/formats.md, "Row ids of child tables"). Not thread-safe.
class ChildIds {
 public:
  using Id = std::array<char, 22>;  // URL-safe base64 of 16 bytes, as all row ids

  Id Make(std::string_view parent_id, std::string_view id_path, int64_t index);
  // What a place's ids are made with: the keys on the way from the parent's column, as they stand in the JSON.
  static std::string ExtendPath(std::string_view path, std::string_view key);

 private:
  Sha256 hash_;
};

}  // namespace nilus
