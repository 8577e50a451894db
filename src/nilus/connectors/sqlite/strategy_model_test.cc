// The SQL of merge, scd2 and delete+insert against plain C++ that does the same row by row, over random loads.
#include <map>
#include <random>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/sqlite/file_testing.h"

namespace nilus::sqlite {
namespace {

using conformance::Cell;
using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;

// Columns: a, b (key), k (incremental, may be NULL), x, y (values, may be NULL).
using Key = std::pair<std::string, std::string>;

class StrategyModelTest : public FileTest {
 protected:
  std::vector<Row> RandomRows(int count) {
    std::vector<Row> rows;
    const auto maybe = [&](int values) -> Cell {
      const auto value = random_() % static_cast<unsigned>(values + 1);
      if (value == 0) return std::nullopt;
      return fmt::format("{}", value);
    };
    for (int i = 0; i < count; ++i) {
      rows.push_back(
          {fmt::format("{}", random_() % 6), random_() % 2 == 0 ? "p" : "q'\"", maybe(30), maybe(3), maybe(3)});
    }
    return rows;
  }

  // One load of two batches.
  void Load(WriteStrategy strategy, const std::vector<Row>& rows, std::optional<KeyRange> interval, bool complete) {
    auto sink = OpenSink();
    WriteRequest request;
    request.pipeline = {"p", "main"};
    request.load_id = fmt::format("load-{}", ++loads_);
    request.table = {"main", "t"};
    request.schema = schema_;
    request.strategy = strategy;
    request.primary_key = {"a", "b"};
    request.incremental_key = "k";
    request.is_complete = complete;
    request.load_time = WallTime{std::chrono::seconds(loads_)};
    auto writer = sink->Open(request).value();
    const auto middle = rows.begin() + static_cast<ptrdiff_t>(rows.size() / 3);
    for (const auto& part : {std::vector<Row>(rows.begin(), middle), std::vector<Row>(middle, rows.end())}) {
      ASSERT_TRUE(writer->Write(MakeBatch(schema_, part)).has_value());
    }
    ASSERT_TRUE(writer->Finish().has_value());
    const auto result = sink->Commit({.pipeline = request.pipeline,
                                      .load_id = request.load_id,
                                      .expected_version = loads_ - 1,
                                      .position = {"{}"},
                                      .interval = std::move(interval)});
    ASSERT_TRUE(result.has_value()) << result.error().message;
  }

  // Sorted lines of cells.
  std::vector<std::string> Stored(const std::string& columns) {
    std::vector<std::string> sorted = Run("SELECT " + columns + " FROM t");
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  static std::string Line(const Row& row) {
    std::string line;
    for (const Cell& cell : row) line += cell.value_or("-") + "|";
    return line;
  }

  // The last version of each key: the highest k, NULL below all; of equals the later.
  static std::map<Key, Row> LastVersions(const std::vector<Row>& rows) {
    std::map<Key, Row> last;
    const auto rank = [](const Row& row) { return row[2] ? std::stoi(*row[2]) : -1; };
    for (const Row& row : rows) {
      const auto [at, added] = last.try_emplace({*row[0], *row[1]}, row);
      if (!added && rank(row) >= rank(at->second)) at->second = row;
    }
    return last;
  }

  static constexpr const char* kLine =
      "a || '|' || b || '|' || coalesce(k, '-') || '|' || coalesce(x, '-') || '|' || coalesce(y, '-') || '|'";

  std::mt19937 random_{20261121};
  int loads_ = 0;
  SchemaPtr schema_ =
      MakeSchema({MakeField("a", TypeId::kInt64), MakeField("b", TypeId::kText), MakeField("k", TypeId::kInt64),
                  MakeField("x", TypeId::kInt64), MakeField("y", TypeId::kText)});
};

TEST_F(StrategyModelTest, Merge) {
  std::map<Key, Row> model;
  for (int round = 0; round < 40; ++round) {
    const std::vector<Row> rows = RandomRows(static_cast<int>(random_() % 12));
    ASSERT_NO_FATAL_FAILURE(Load(WriteStrategy::kMerge, rows, std::nullopt, false));
    for (auto& [key, row] : LastVersions(rows)) model[key] = row;
    std::vector<std::string> expected;
    for (const auto& [key, row] : model) expected.push_back(Line(row));
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(Stored(kLine), expected) << "round " << round;
  }
}

TEST_F(StrategyModelTest, Scd2) {
  struct Version {
    Row row;
    int from;
    int to;  // 0: open
  };
  std::vector<Version> model;
  for (int round = 0; round < 40; ++round) {
    const std::vector<Row> rows = RandomRows(static_cast<int>(random_() % 12));
    const bool complete = random_() % 3 == 0;
    ASSERT_NO_FATAL_FAILURE(Load(WriteStrategy::kScd2, rows, std::nullopt, complete));
    std::map<Key, Row> last = LastVersions(rows);
    for (Version& version : model) {
      if (version.to != 0) continue;
      const auto now = last.find({*version.row[0], *version.row[1]});
      if (now == last.end()) {
        if (complete) version.to = loads_;
      } else if (now->second == version.row) {
        last.erase(now);
      } else {
        version.to = loads_;
      }
    }
    for (auto& [key, row] : last) model.push_back({row, loads_, 0});
    std::vector<std::string> expected;
    for (const Version& version : model)
      expected.push_back(fmt::format("{}{}|{}", Line(version.row), version.from, version.to));
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(Stored(std::string(kLine) +
                     " || unixepoch(_nilus_valid_from) || '|' || coalesce(unixepoch(_nilus_valid_to), 0)"),
              expected)
        << "round " << round;
  }
}

TEST_F(StrategyModelTest, DeleteInsert) {
  std::vector<Row> model;
  for (int round = 0; round < 40; ++round) {
    const int low = static_cast<int>(random_() % 30);
    const int high = low + static_cast<int>(random_() % 10);
    const bool inclusive = random_() % 2 == 0;
    const auto inside = [&](const Row& row) {
      if (!row[2]) return false;
      const int k = std::stoi(*row[2]);
      return k >= low && (k < high || (inclusive && k == high));
    };
    std::vector<Row> rows = RandomRows(10);
    // What a source gives: rows of the interval, and those without a key or not as the policy has it.
    const bool nulls = random_() % 2 == 0;
    std::erase_if(rows, [&](const Row& row) { return row[2] ? !inside(row) : !nulls; });
    KeyRange interval{.column = "k",
                      .lower = Scalar{MakeType(TypeId::kInt64), fmt::format("{}", low)},
                      .upper = Scalar{MakeType(TypeId::kInt64), fmt::format("{}", high)},
                      .upper_inclusive = inclusive};
    ASSERT_NO_FATAL_FAILURE(Load(WriteStrategy::kDeleteInsert, rows, interval, false));
    std::erase_if(model, [&](const Row& row) { return inside(row); });  // rows without a key stay
    model.insert(model.end(), rows.begin(), rows.end());
    std::vector<std::string> expected;
    for (const Row& row : model) expected.push_back(Line(row));
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(Stored(kLine), expected) << "round " << round;
  }
}

}  // namespace
}  // namespace nilus::sqlite
