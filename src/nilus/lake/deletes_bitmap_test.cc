#include "nilus/lake/deletes_bitmap.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <set>

namespace nilus::lake {
namespace {

constexpr uint64_t kLimit = 1 << 20;

std::vector<int64_t> PositionsOf(const RowBitmap& bitmap) {
  std::vector<int64_t> positions;
  bitmap.AppendTo(&positions);
  return positions;
}

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

TEST(RowBitmapTest, HoldsWhatWasAddedInAnyOrder) {
  RowBitmap bitmap;
  EXPECT_TRUE(bitmap.Add(7));
  EXPECT_TRUE(bitmap.Add(3));
  EXPECT_FALSE(bitmap.Add(7));
  EXPECT_TRUE(bitmap.Add(uint64_t{1} << 40));
  EXPECT_EQ(bitmap.count(), 3U);
  EXPECT_THAT(PositionsOf(bitmap), testing::ElementsAre(3, 7, int64_t{1} << 40));
  EXPECT_TRUE(bitmap.Contains(3));
  EXPECT_FALSE(bitmap.Contains(4));
  EXPECT_FALSE(bitmap.Contains(3 + (uint64_t{1} << 32)));
}

// A scan asks for positions in a row; a filter before it may leave some out, and nothing promises their order.
TEST(RowBitmapTest, ManyPositionsAreLookedUpAtOnce) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 40; ++round) {
    RowBitmap bitmap;
    const uint64_t span = uint64_t{1} << (1 + random() % 20);
    for (uint64_t i = random() % 30'000; i > 0; --i) bitmap.Add(random() % span);
    std::vector<int64_t> asked(1 + random() % 5'000);
    for (int64_t& position : asked) position = static_cast<int64_t>(random() % (2 * span));
    if (round % 2 == 0) std::sort(asked.begin(), asked.end());
    if (round % 3 == 0) std::iota(asked.begin(), asked.end(), static_cast<int64_t>(random() % (2 * span)));
    const auto absent = std::make_unique<bool[]>(asked.size());
    bitmap.FindAbsent(asked, absent.get());
    for (size_t i = 0; i < asked.size(); ++i)
      ASSERT_EQ(absent[i], !bitmap.Contains(static_cast<uint64_t>(asked[i]))) << asked[i];
  }
}

// Sets of every density through their bytes and through unions, against std::set.
TEST(RowBitmapTest, RoundTripsAndUnionsLikeASet) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 60; ++round) {
    RowBitmap bitmaps[2];
    std::set<int64_t> all;
    for (RowBitmap& bitmap : bitmaps) {
      const uint64_t span = uint64_t{1} << (1 + random() % 36);
      const uint64_t count = random() % 20'000;
      for (uint64_t i = 0; i < count; ++i) {
        const uint64_t position = random() % span;
        bitmap.Add(position);
        all.insert(static_cast<int64_t>(position));
      }
      auto parsed = RowBitmap::Parse(bitmap.Serialize(), kLimit);
      ASSERT_TRUE(parsed) << parsed.error().ToString();
      EXPECT_EQ(*parsed, bitmap);
    }
    bitmaps[0].Union(bitmaps[1]);
    EXPECT_EQ(bitmaps[0].count(), all.size());
    EXPECT_EQ(PositionsOf(bitmaps[0]), std::vector<int64_t>(all.begin(), all.end()));
  }
}

// By the format's document: one 32-bit bitmap of key 0, one container of key 0 with the positions 1, 2 and 9.
TEST(RowBitmapTest, BytesAreThePortableFormat) {
  RowBitmap bitmap;
  for (uint64_t position : {1, 2, 9}) bitmap.Add(position);
  EXPECT_EQ(bitmap.Serialize(), Bytes({1,    0,    0, 0, 0, 0, 0, 0,  // one bitmap
                                       0,    0,    0, 0,              // its upper 32 bits
                                       0x3A, 0x30, 0, 0, 1, 0, 0, 0,  // cookie, one container
                                       0,    0,    2, 0,              // key, cardinality less one
                                       16,   0,    0, 0,              // offset
                                       1,    0,    2, 0, 9, 0}));
}

TEST(RowBitmapTest, RunContainersOfOtherWritersAreRead) {
  // Cookie with runs, one container (count - 1 = 0), flag set, key 0, cardinality 6 - 1, two runs: 10-12 and 20-22.
  auto parsed = RowBitmap::Parse(
      Bytes({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3B, 0x30, 0, 0, 1, 0, 0, 5, 0, 2, 0, 10, 0, 2, 0, 20, 0, 2, 0}),
      kLimit);
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_THAT(PositionsOf(*parsed), testing::ElementsAre(10, 11, 12, 20, 21, 22));
}

TEST(RowBitmapTest, DamageIsTold) {
  RowBitmap bitmap;
  for (uint64_t i = 0; i < 5'000; ++i) bitmap.Add(i * 3);
  bitmap.Add(uint64_t{1} << 35);
  const std::string good = EncodeDeletionVector(bitmap);
  ASSERT_TRUE(DecodeDeletionVector(good, kLimit));
  EXPECT_EQ(*DecodeDeletionVector(good, kLimit), bitmap);
  for (size_t size = 0; size < good.size(); size += 97) {
    auto cut = DecodeDeletionVector(std::string_view(good).substr(0, size), kLimit);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().kind, ErrorKind::kData);
  }
  for (size_t at : {size_t{0}, size_t{5}, size_t{9}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(DecodeDeletionVector(bad, kLimit)) << at;
  }
  const std::string raw = bitmap.Serialize();
  for (size_t size = 0; size < raw.size(); ++size)
    EXPECT_FALSE(RowBitmap::Parse(std::string_view(raw).substr(0, size), kLimit));
  EXPECT_FALSE(RowBitmap::Parse(raw + "x", kLimit));
  EXPECT_FALSE(RowBitmap::Parse(raw, bitmap.count() - 1)) << "more than the data file has rows";
}

}  // namespace
}  // namespace nilus::lake
