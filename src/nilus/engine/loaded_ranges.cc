#include "nilus/engine/loaded_ranges.h"

#include <algorithm>

#include "nilus/engine/key_column.h"

namespace nilus {
namespace {

bool IsBelow(const std::string& a, const std::string& b, const Type& type) {
  Result<Column> left = ParseKey(Scalar{type, a}, type);
  Result<Column> right = ParseKey(Scalar{type, b}, type);
  return left && right && CompareCells(*left, 0, *right, 0) < 0;
}

}  // namespace

std::optional<LoadedPart> FindLoaded(const std::vector<LoadedRange>& ranges, const WantedRange& wanted,
                                     const std::optional<Type>& type) {
  for (const LoadedRange& range : ranges) {
    if (range.key != wanted.key) continue;
    if (!type) {
      if (range.start == wanted.start && range.end == wanted.end) return LoadedPart{.range = range, .is_whole = true};
      continue;
    }
    bool ends_before = wanted.end && !range.start.empty() && !IsBelow(range.start, *wanted.end, *type);
    bool starts_behind = wanted.start && !IsBelow(*wanted.start, range.end, *type);
    if (ends_before || starts_behind) continue;
    bool has_start = range.start.empty() || (wanted.start && !IsBelow(*wanted.start, range.start, *type));
    bool has_end = wanted.end && !IsBelow(range.end, *wanted.end, *type);
    return LoadedPart{.range = range, .is_whole = has_start && has_end};
  }
  return std::nullopt;
}

void AddLoaded(std::vector<LoadedRange>* ranges, LoadedRange range, const std::optional<Type>& type) {
  auto joins = [&](const LoadedRange& other) {
    if (other.key != range.key) return false;
    if (!type) return other == range;
    bool apart = (!range.start.empty() && IsBelow(other.end, range.start, *type)) ||
                 (!other.start.empty() && IsBelow(range.end, other.start, *type));
    return !apart;
  };
  for (auto other = ranges->begin(); other != ranges->end();) {
    if (!joins(*other)) {
      ++other;
      continue;
    }
    if (type) {
      if (other->start.empty() || (!range.start.empty() && IsBelow(other->start, range.start, *type))) {
        range.start = other->start;
      }
      if (IsBelow(range.end, other->end, *type)) range.end = other->end;
    }
    other = ranges->erase(other);
  }
  ranges->push_back(std::move(range));
  if (ranges->size() > kMaxLoadedRanges) ranges->erase(ranges->begin());
}

}  // namespace nilus
