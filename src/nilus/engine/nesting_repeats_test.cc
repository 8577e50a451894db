// Nested rows whose ids repeat in a batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/engine/fakes_testing.h"
#include "nilus/engine/nesting.h"
#include "nilus/engine/run.h"

namespace nilus {
namespace {

constexpr int kRows = 60;

// One batch of rows that have two keys in turn, each row with an array of one item.
class RepeatedKeysTest : public testing::Test {
 protected:
  RepeatedKeysTest() {
    world_.source.table.schema = Schema{{Field{.name = "id", .type = MakeType(TypeId::kInt64)},
                                         Field{.name = "n", .type = MakeType(TypeId::kText)},
                                         Field{.name = "l", .type = MakeType(TypeId::kJson)}}};
    world_.source.batch_rows = kRows;
    for (int i = 0; i < kRows; ++i)
      world_.source.table.rows.push_back({std::to_string(i % 2), std::to_string(i), "[" + std::to_string(i) + "]"});
    job_ = world_.MakeJob();
    job_.primary_key = {"id"};
    job_.max_nesting = 1;
  }

  // A row of the table as the texts of these columns.
  std::vector<std::vector<std::string>> Rows(const std::string& table, const std::vector<std::string>& columns) const {
    const FakeDestination::Table& there = world_.destination.tables.at(table);
    std::vector<std::vector<std::string>> rows;
    for (const FakeRow& row : there.rows) {
      std::vector<std::string>& texts = rows.emplace_back();
      for (const std::string& column : columns)
        texts.push_back(row[static_cast<size_t>(*there.schema.Find(column))].value_or("NULL"));
    }
    return rows;
  }

  FakeWorld world_;
  BatchJob job_;
};

TEST_F(RepeatedKeysTest, ABatchIsTakenApartAtOnce) {
  job_.strategy = WriteStrategy::kMerge;
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_TRUE(report.is_success);
  EXPECT_EQ(world_.destination.writes, 2) << "a batch for each table";
  EXPECT_EQ(world_.Rows({"id", "n"}), (std::vector<std::string>{"0 58", "1 59"}));
  // The fake keeps the last child of all: it belongs to the last row.
  EXPECT_EQ(Rows("raw.t__l", {"value", std::string(kRootNumberColumn)}),
            (std::vector<std::vector<std::string>>{{"59", "59"}}));
}

TEST_F(RepeatedKeysTest, OnlyTheRowThatIsDeadGoes) {
  job_.strategy = WriteStrategy::kAppend;
  job_.contract = Contract::kDiscardRow;
  job_.hints = {{.column = "n", .type = MakeType(TypeId::kInt64)}};
  world_.source.table.rows[5][1] = "five";
  world_.source.table.rows[8][1] = "eight";
  RunReport report = RunJob(job_, QuickOptions());
  ASSERT_TRUE(report.is_success);
  EXPECT_EQ(world_.destination.writes, 3) << "a batch for each table, and the letters";
  EXPECT_EQ(Rows("raw.t", {"n"}).size(), kRows - 2U);
  const auto children = Rows("raw.t__l", {"value"});
  EXPECT_EQ(children.size(), kRows - 2U);
  EXPECT_EQ(children[5], std::vector<std::string>{"6"});
  const auto letters = Rows("raw.t__dead_letters", {"payload"});
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_THAT(letters[0][0], testing::HasSubstr("five"));
  EXPECT_THAT(letters[1][0], testing::HasSubstr("eight"));
}

}  // namespace
}  // namespace nilus
