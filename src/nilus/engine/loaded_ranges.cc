#include "nilus/engine/loaded_ranges.h"

#include <algorithm>

#include "nilus/engine/key_column.h"

namespace nilus {

std::optional<LoadedPart> FindLoaded(const std::vector<LoadedRange>& ranges, const WantedRange& wanted,
                                     const std::optional<Type>& type) {
  for (const LoadedRange& range : ranges) {
    if (range.key != wanted.key) continue;
    if (!type) {
      if (range.start == wanted.start && range.end == wanted.end) return LoadedPart{.range = range, .is_whole = true};
      continue;
    }
    bool ends_before = wanted.end && !range.start.empty() && !IsKeyBelow(range.start, *wanted.end, *type);
    bool starts_behind = wanted.start && !IsKeyBelow(*wanted.start, range.end, *type);
    if (ends_before || starts_behind) continue;
    bool has_start = range.start.empty() || (wanted.start && !IsKeyBelow(*wanted.start, range.start, *type));
    bool has_end = wanted.end && !IsKeyBelow(range.end, *wanted.end, *type);
    return LoadedPart{.range = range, .is_whole = has_start && has_end};
  }
  return std::nullopt;
}

void AddLoaded(std::vector<LoadedRange>* ranges, LoadedRange range, const std::optional<Type>& type) {
  auto joins = [&](const LoadedRange& other) {
    if (other.key != range.key) return false;
    if (!type) return other == range;
    bool apart = (!range.start.empty() && IsKeyBelow(other.end, range.start, *type)) ||
                 (!other.start.empty() && IsKeyBelow(range.end, other.start, *type));
    return !apart;
  };
  for (auto other = ranges->begin(); other != ranges->end();) {
    if (!joins(*other)) {
      ++other;
      continue;
    }
    if (type) {
      if (other->start.empty() || (!range.start.empty() && IsKeyBelow(other->start, range.start, *type))) {
        range.start = other->start;
      }
      if (IsKeyBelow(range.end, other->end, *type)) range.end = other->end;
    }
    other = ranges->erase(other);
  }
  ranges->push_back(std::move(range));
  if (ranges->size() > kMaxLoadedRanges) ranges->erase(ranges->begin());
}

}  // namespace nilus
