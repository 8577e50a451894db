#include "nilus/connectors/lakehouse/key_index.h"

#include <gmock/gmock.h>

#include "nilus/connector/conformance_testing.h"

namespace nilus::lakehouse {
namespace {

using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;

std::vector<std::optional<KeyHash>> HashesOf(const KeyIndex& index, int first, int count) {
  std::vector<conformance::Row> rows;
  for (int i = first; i < first + count; ++i) rows.push_back({fmt::format("{}", i)});
  return index.Hash(MakeBatch(MakeSchema({MakeField("id", TypeId::kInt64)}), rows), 1);
}

TEST(KeyIndex, FindsLiveRowsOnly) {
  KeyIndex index(std::make_shared<IndexMemory>(IndexMemory{1 << 20}));
  const auto keys = HashesOf(index, 0, 5000);
  const uint32_t a = index.AddFile("a");
  const uint32_t b = index.AddFile("b");
  for (uint32_t i = 0; i < 5000; ++i) ASSERT_TRUE(index.Put(*keys[i], i < 3000 ? a : b, i));
  EXPECT_EQ(index.LiveRows(a), 3000);
  EXPECT_EQ(index.Find(*keys[2999])->row, 2999U);
  EXPECT_EQ(index.Find(*keys[3000])->file, b);
  EXPECT_FALSE(index.Put(*keys[7], b, 1)) << "a key twice";
  index.Erase(*keys[7]);
  EXPECT_EQ(index.Find(*keys[7]), nullptr);
  EXPECT_TRUE(index.Put(*keys[7], b, 1));
  EXPECT_EQ(index.LiveRows(b), 2001);
  index.DropFile("a");
  EXPECT_EQ(index.Find(*keys[6]), nullptr);
  EXPECT_EQ(index.Find(*keys[7])->row, 1U);
  EXPECT_EQ(index.FileNumber("a"), std::nullopt);
  const uint32_t again = index.AddFile("a");
  EXPECT_EQ(index.LiveRows(again), 0);
  EXPECT_TRUE(index.Put(*keys[6], again, 9));
  EXPECT_EQ(index.Find(*keys[6])->row, 9U);
}

// Loads that update the same keys again and again do not make it grow.
TEST(KeyIndex, ReplacedRowsAreReused) {
  KeyIndex index(std::make_shared<IndexMemory>(IndexMemory{64 << 10}));
  ASSERT_TRUE(index.HasRoomFor(1000));
  EXPECT_FALSE(index.HasRoomFor(10'000));
  const auto keys = HashesOf(index, 0, 1000);
  for (int load = 0; load < 100; ++load) {
    const uint32_t file = index.AddFile(fmt::format("{}", load));
    for (uint32_t i = 0; i < 1000; ++i) {
      index.Erase(*keys[i]);
      ASSERT_TRUE(index.Put(*keys[i], file, i));
    }
    if (load > 0) {
      EXPECT_EQ(index.LiveRows(file - 1), 0);
    }
  }
  EXPECT_TRUE(index.HasRoomFor(400));
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(index.Find(*keys[i])->file, 99U);
}

TEST(KeyIndex, SeveralShareTheirMemory) {
  const auto memory = std::make_shared<IndexMemory>(IndexMemory{660 << 10});
  KeyIndex first(memory);
  KeyIndex second(memory);
  ASSERT_TRUE(first.HasRoomFor(12'000));
  first.Reserve(12'000);
  const auto keys = HashesOf(first, 0, 12'000);
  const uint32_t file = first.AddFile("a");
  for (uint32_t i = 0; i < 12'000; ++i) ASSERT_TRUE(first.Put(*keys[i], file, i));
  EXPECT_FALSE(second.HasRoomFor(3000));
  EXPECT_TRUE(second.HasRoomFor(500)) << "a little always has";
  first.Clear();
  EXPECT_TRUE(second.HasRoomFor(12'000));
  EXPECT_EQ(memory->used_bytes, 0);
}

TEST(KeyIndex, KeysOfOneValueAreOneKeyWhateverTheirWidth) {
  const KeyIndex index(std::make_shared<IndexMemory>(IndexMemory{1 << 20}));
  const auto hash = [&](TypeId type, const char* text) {
    return index.Hash(MakeBatch(MakeSchema({MakeField("id", type)}), {{text}}), 1)[0];
  };
  EXPECT_EQ(hash(TypeId::kInt32, "5"), hash(TypeId::kInt64, "5"));
  EXPECT_NE(hash(TypeId::kInt64, "5"), hash(TypeId::kText, "5"));
  const SchemaPtr two = MakeSchema({MakeField("a", TypeId::kText), MakeField("b", TypeId::kText)});
  const auto keys = index.Hash(MakeBatch(two, {{"ab", "c"}, {"a", "bc"}, {"a", std::nullopt}}), 2);
  EXPECT_NE(keys[0], keys[1]);
  EXPECT_EQ(keys[2], std::nullopt);
}

}  // namespace
}  // namespace nilus::lakehouse
