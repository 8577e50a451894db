#include "nilus/base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace nilus {
namespace {

TEST(BoundedQueueTest, EveryItemArrivesOnceThroughManyThreads) {
  BoundedQueue<int> queue(10);
  const std::stop_token never;
  std::atomic<int64_t> sum = 0;
  std::atomic<int> count = 0;
  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] {
      while (auto item = queue.Pop(never)) {
        sum += *item;
        ++count;
      }
    });
  }
  std::vector<std::thread> producers;
  for (int i = 0; i < 3; ++i) {
    producers.emplace_back([&, i] {
      for (int n = 0; n < 1000; ++n) EXPECT_TRUE(queue.Push(i * 1000 + n, 3, never));
    });
  }
  for (std::thread& producer : producers) producer.join();
  queue.Close();
  for (std::thread& consumer : consumers) consumer.join();
  EXPECT_EQ(count, 3000);
  EXPECT_EQ(sum, int64_t{2999} * 3000 / 2);
}

TEST(BoundedQueueTest, HoldsNoMoreThanItsBytes) {
  BoundedQueue<int> queue(100);
  std::stop_source never;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue.Push(i, 25, never.get_token()));
  EXPECT_EQ(queue.bytes(), 100);
  std::atomic<bool> pushed = false;
  std::jthread producer([&] {
    EXPECT_TRUE(queue.Push(4, 25, never.get_token()));
    pushed = true;
  });
  EXPECT_EQ(queue.Pop(never.get_token()), 0);
  producer.join();
  EXPECT_TRUE(pushed);
  EXPECT_EQ(queue.bytes(), 100);
}

TEST(BoundedQueueTest, AnItemOverTheLimitPassesAlone) {
  BoundedQueue<int> queue(10);
  std::stop_source never;
  std::atomic<int> made = 0;
  std::jthread producer([&] {
    for (int i = 1; i <= 3; ++i) {
      made = i;
      EXPECT_TRUE(queue.Push(i, 1000, never.get_token()));
    }
    queue.Close();
  });
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(queue.Pop(never.get_token()), i);
    EXPECT_EQ(made, i) << "the next one is made when this one is dealt with";
  }
  EXPECT_FALSE(queue.Pop(never.get_token()).has_value());
}

TEST(BoundedQueueTest, AConsumerThatLeavesLetsTheNextLargeItemPass) {
  BoundedQueue<int> queue(1);
  const std::stop_token never;
  std::jthread producer([&] {
    EXPECT_TRUE(queue.Push(1, 5, never));
    EXPECT_TRUE(queue.Push(2, 5, never));
    queue.Close();
  });
  EXPECT_EQ(queue.Pop(never), 1);
  queue.Leave();
  std::jthread other([&] {
    EXPECT_EQ(queue.Pop(never), 2);
    EXPECT_EQ(queue.Pop(never), std::nullopt);
  });
}

TEST(BoundedQueueTest, AStopEndsTheWaitBehindALargeItem) {
  BoundedQueue<int> queue(1);
  std::stop_source stop;
  std::jthread producer([&] { EXPECT_FALSE(queue.Push(1, 1000, stop.get_token())); });
  EXPECT_EQ(queue.Pop({}), 1);
  stop.request_stop();
}

TEST(BoundedQueueTest, AStopWakesBothSides) {
  BoundedQueue<int> full(1);
  BoundedQueue<int> empty(1);
  std::stop_source source;
  ASSERT_TRUE(full.Push(0, 1, source.get_token()));
  std::jthread producer([&] { EXPECT_FALSE(full.Push(1, 1, source.get_token())); });
  std::jthread consumer([&] { EXPECT_FALSE(empty.Pop(source.get_token()).has_value()); });
  source.request_stop();
}

TEST(BoundedQueueTest, TellsThatNothingCame) {
  BoundedQueue<int> queue(1);
  std::stop_source source;
  int told = 0;
  auto item = queue.Pop(source.get_token(), std::chrono::milliseconds(1), [&] {
    if (++told == 2) queue.Push(7, 1, {});
  });
  EXPECT_EQ(item, 7);
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(queue.Pop(source.get_token(), std::chrono::milliseconds(1), [&] { source.request_stop(); }));
}

TEST(BoundedQueueTest, CloseRefusesItemsButDrains) {
  BoundedQueue<std::unique_ptr<int>> queue(10);
  std::stop_source never;
  ASSERT_TRUE(queue.Push(std::make_unique<int>(7), 1, never.get_token()));
  queue.Close();
  EXPECT_FALSE(queue.Push(std::make_unique<int>(8), 1, never.get_token()));
  auto item = queue.Pop(never.get_token());
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(**item, 7);
  EXPECT_FALSE(queue.Pop(never.get_token()).has_value());
}

}  // namespace
}  // namespace nilus
