// Which ranges of the incremental key a pipeline has loaded: part of its checkpoint, so that an append does not load a
// row twice however its intervals are ordered or repeated.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nilus/data/type.h"

namespace nilus {

inline constexpr size_t kMaxLoadedRanges = 1'000;  // that do not join; the oldest are forgotten beyond

// From `start` up to, not including, `end`. Texts of the key's type; an empty start: from the lowest key there is.
struct LoadedRange {
  std::string key;  // the incremental key's column; empty: a query's own, whose type is not known
  std::string start;
  std::string end;
  friend bool operator==(const LoadedRange&, const LoadedRange&) = default;
};

// What is to be read; absent ends are open.
struct WantedRange {
  std::string key;
  std::optional<std::string> start;
  std::optional<std::string> end;
};

struct LoadedPart {
  LoadedRange range;      // the first one that has something of it
  bool is_whole = false;  // it has all of it
};

// Nothing: no key of `wanted` is loaded. Without a type only the very same range counts as loaded.
std::optional<LoadedPart> FindLoaded(const std::vector<LoadedRange>& ranges, const WantedRange& wanted,
                                     const std::optional<Type>& type);
// Joins it with those that it overlaps or meets (with a type).
void AddLoaded(std::vector<LoadedRange>* ranges, LoadedRange range, const std::optional<Type>& type);

}  // namespace nilus
