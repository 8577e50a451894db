#include "nilus/engine/loaded_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace nilus {
namespace {

using testing::ElementsAre;

constexpr Type kKey = MakeType(TypeId::kInt64);

LoadedRange Range(std::string start, std::string end) {
  return {.key = "k", .start = std::move(start), .end = std::move(end)};
}

TEST(LoadedRanges, ThoseThatMeetBecomeOne) {
  std::vector<LoadedRange> ranges;
  for (auto& range : {Range("40", "60"), Range("9", "20"), Range("100", "110"), Range("20", "45")}) {
    AddLoaded(&ranges, range, kKey);
  }
  EXPECT_THAT(ranges, ElementsAre(Range("100", "110"), Range("9", "60")));
  AddLoaded(&ranges, Range("", "10"), kKey);
  EXPECT_THAT(ranges, ElementsAre(Range("100", "110"), Range("", "60")));
}

TEST(LoadedRanges, WithoutATypeOnlyTheSameCounts) {
  std::vector<LoadedRange> ranges;
  AddLoaded(&ranges, {.key = "", .start = "1", .end = "3"}, std::nullopt);
  AddLoaded(&ranges, {.key = "", .start = "1", .end = "3"}, std::nullopt);
  AddLoaded(&ranges, {.key = "", .start = "3", .end = "5"}, std::nullopt);
  EXPECT_EQ(ranges.size(), 2U);
  EXPECT_TRUE(FindLoaded(ranges, {.key = "", .start = "1", .end = "3"}, std::nullopt)->is_whole);
  EXPECT_FALSE(FindLoaded(ranges, {.key = "", .start = "1", .end = "2"}, std::nullopt));
}

TEST(LoadedRanges, TheOldestAreForgotten) {
  std::vector<LoadedRange> ranges;
  for (size_t i = 0; i <= kMaxLoadedRanges; ++i) {
    AddLoaded(&ranges, Range(std::to_string(2 * i), std::to_string(2 * i + 1)), kKey);
  }
  EXPECT_EQ(ranges.size(), kMaxLoadedRanges);
  EXPECT_EQ(ranges.front().start, "2");
}

// Against a set of whole numbers.
RC_GTEST_PROP(LoadedRanges, SayWhatASetOfKeysWouldSay, ()) {
  std::vector<LoadedRange> ranges;
  std::set<int> keys;
  auto bounds = [] {
    int start = *rc::gen::inRange(0, 30);
    return std::pair(start, *rc::gen::inRange(start + 1, 32));
  };
  for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
    auto [start, end] = bounds();
    AddLoaded(&ranges, Range(std::to_string(start), std::to_string(end)), kKey);
    for (int key = start; key < end; ++key) keys.insert(key);
  }
  auto [start, end] = bounds();
  int there = 0;
  for (int key = start; key < end; ++key) there += static_cast<int>(keys.count(key));
  auto found = FindLoaded(ranges, {.key = "k", .start = std::to_string(start), .end = std::to_string(end)}, kKey);
  RC_ASSERT(found.has_value() == (there > 0));
  if (found) RC_ASSERT(found->is_whole == (there == end - start));
  RC_ASSERT(!FindLoaded(ranges, {.key = "other", .start = "0", .end = "99"}, kKey));
}

}  // namespace
}  // namespace nilus
