#include "nilus/duck/row_filter.h"

#include <gtest/gtest.h>

#include <set>

#include "nilus/duck/connection.h"

namespace nilus::duck {
namespace {

class TestSet final : public RowSet {
 public:
  explicit TestSet(std::set<int64_t> positions) : positions_(std::move(positions)) {}
  void FindAbsent(std::span<const int64_t> positions, bool* absent) const override {
    for (size_t i = 0; i < positions.size(); ++i) absent[i] = !positions_.contains(positions[i]);
  }

 private:
  std::set<int64_t> positions_;
};

RowSetPtr Set(std::set<int64_t> positions) { return std::make_shared<TestSet>(std::move(positions)); }

TEST(RowFilter, RowsOfTheirOwnSetsAreLeftOut) {
  Connection connection = *Connection::Open(*Database::Open({}));
  const RowFilter other(connection.database(), {Set({0}), Set({1}), Set({2})});
  RowFilter made(connection.database(), {Set({2, 5'000}), Set({}), Set({0, 9'999})});
  const RowFilter filter = std::move(made);
  ASSERT_TRUE(connection.Execute(
      "CREATE TABLE t AS SELECT f::BIGINT AS f, p::BIGINT AS p FROM range(3) AS f(f), range(10000) AS p(p)"));
  auto rows = connection.Query("SELECT f, p FROM t WHERE NOT " + filter.Condition("f", "p") + " ORDER BY f, p");
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ(*rows, (std::vector<TextRow>{{"0", "2"}, {"0", "5000"}, {"2", "0"}, {"2", "9999"}}));
  EXPECT_EQ(*connection.QueryValue("SELECT count(*) FROM t WHERE " + filter.Condition("f", "p")), "29996");
}

TEST(RowFilter, StatementsEndWithTheirSets) {
  Connection connection = *Connection::Open(*Database::Open({}));
  std::string condition;
  {
    const RowFilter filter(connection.database(), {Set({0})});
    condition = filter.Condition("0", "range");
    EXPECT_EQ(*connection.QueryValue("SELECT count(*) FROM range(3) WHERE " + condition), "2");
    auto beyond = connection.Query("SELECT * FROM range(3) WHERE " + filter.Condition("1", "range"));
    EXPECT_FALSE(beyond);
  }
  EXPECT_FALSE(connection.Query("SELECT * FROM range(3) WHERE " + condition));
}

}  // namespace
}  // namespace nilus::duck
