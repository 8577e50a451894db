#include <gtest/gtest.h>

#include <thread>

#include "nilus/connectors/duckdb/connector.h"
#include "nilus/connectors/duckdb/select.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/temp_folder_testing.h"

namespace nilus::duckdb {
namespace {

std::string SqlOf(const std::string& table) {
  ReadRequest request{.table = table, .interval_start = "2024-01-01T00:00:00Z", .interval_end = "2024-02-01T00:00:00Z"};
  auto relation = ParseRelation(request, "db");
  return relation ? relation->SelectAll() : std::string(ErrorKindName(relation.error().kind));
}

TEST(Select, TableNames) {
  EXPECT_EQ(SqlOf("orders"), R"(SELECT * FROM "db"."main"."orders")");
  EXPECT_EQ(SqlOf("Shop.Orders"), R"(SELECT * FROM "db"."Shop"."Orders")");
  EXPECT_EQ(SqlOf(R"("my.shop"."a ""b"" c")"), R"(SELECT * FROM "db"."my.shop"."a ""b"" c")");
  EXPECT_EQ(SqlOf(R"(main.x"; DROP TABLE y; --)"), R"(SELECT * FROM "db"."main"."x""; DROP TABLE y; --")");
  for (const char* bad : {"", ".", "a.", ".a", "a.b.c", R"("a)", "query:", "query: ; "})
    EXPECT_EQ(SqlOf(bad), "invalid_input") << bad;
}

TEST(Select, IntervalsAreParametersOnlyWhereTheyStandAsSuch) {
  EXPECT_EQ(
      SqlOf("query:SELECT * FROM t WHERE a >= :interval_start AND a < :interval_end AND b >= :interval_start;"),
      "SELECT * FROM t WHERE a >= CAST($1 AS TIMESTAMP) AND a < CAST($2 AS TIMESTAMP) AND b >= CAST($1 AS TIMESTAMP)");
  for (const char* untouched :
       {"SELECT ':interval_start'", "SELECT \":interval_end\" FROM t", "SELECT 1 -- :interval_start",
        "SELECT 1 /* :interval_end */", "SELECT $$ :interval_start $$", "SELECT x::interval_start FROM t",
        "SELECT {'a': 1}, ':'"}) {
    EXPECT_EQ(SqlOf(std::string("query:") + untouched), untouched);
  }
  ReadRequest request{.table = "query:SELECT :interval_end"};
  auto relation = ParseRelation(request, "db");
  ASSERT_FALSE(relation);
  EXPECT_NE(relation.error().message.find("interval_end"), std::string::npos);
}

class DuckdbSourceTest : public testing::Test {
 protected:
  void Execute(const std::string& sql) {
    auto connection = duck::Connection::Open(*duck::Database::Open({.path = path_}));
    auto done = connection->Execute(sql);
    ASSERT_TRUE(done) << done.error().ToString();
  }
  std::unique_ptr<Source> Open() {
    auto source =
        kDuckdbConnector.open_source(*ParseAddress("duckdb:///" + path_, ProcessEnvironment()), OpenContext{});
    EXPECT_TRUE(source) << (source ? "" : source.error().ToString());
    return source ? *std::move(source) : nullptr;
  }
  // First column of all rows, canonical.
  std::vector<std::string> Read(const ReadRequest& request, std::optional<Scalar>* upper = nullptr) {
    std::vector<std::string> values;
    auto source = Open();
    auto plan = source->Plan(request);
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().ToString());
    if (!plan) return {plan.error().ToString()};
    if (upper != nullptr) *upper = plan->upper;
    auto reader = source->Open(plan->splits[0]);
    EXPECT_TRUE(reader) << (reader ? "" : reader.error().ToString());
    while (reader) {
      auto batch = (*reader)->Next({});
      EXPECT_TRUE(batch) << (batch ? "" : batch.error().ToString());
      if (!batch || !*batch) break;
      const RecordBatch& rows = (*batch)->rows;
      for (int64_t row = 0; row < rows.num_rows(); ++row) {
        values.emplace_back();
        rows.column(0).IsNull(row) ? void(values.back() = "NULL") : AppendCellText(rows.column(0), row, &values.back());
      }
    }
    return values;
  }

  duck::TempFolder folder_;
  std::string path_ = folder_ / "t.duckdb";
};

TEST_F(DuckdbSourceTest, DescribesTables) {
  Execute("CREATE TABLE t (b INT, a VARCHAR, h HUGEINT, PRIMARY KEY (a, b))");
  Execute("INSERT INTO t SELECT range, range, range FROM range(1000)");
  auto description = Open()->Describe({.table = "T", .exclude_columns = {"H"}});
  ASSERT_TRUE(description) << description.error().ToString();
  EXPECT_EQ(description->schema.size(), 2);
  EXPECT_EQ(description->primary_key, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(description->estimated_rows, 1000);
}

TEST_F(DuckdbSourceTest, MissingThingsComeWithTheNearestName) {
  Execute("CREATE TABLE customers (id INT)");
  auto missing = Open()->Describe({.table = "main.custmers"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(missing.error().fix.find("main.customers"), std::string::npos) << missing.error().fix;
  ReadRequest request{.table = "customers", .range = KeyRange{.column = "idd"}};
  auto column = Open()->Plan(request);
  ASSERT_FALSE(column);
  EXPECT_NE(column.error().message.find("idd"), std::string::npos);
}

TEST_F(DuckdbSourceTest, ViewsAndQueriesAreRead) {
  Execute("CREATE TABLE t AS SELECT range AS id, TIMESTAMP '2024-01-01' + INTERVAL 1 DAY * range AS ts FROM range(60)");
  Execute("CREATE VIEW v AS SELECT id FROM t WHERE id < 3");
  EXPECT_EQ(Read({.table = "main.v"}), (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(Read({.table = "query:SELECT id FROM t WHERE ts >= :interval_start AND ts < :interval_end ORDER BY id DESC",
                  .interval_start = "2024-01-02T00:00:00Z",
                  .interval_end = "2024-01-04T00:00:00Z"}),
            (std::vector<std::string>{"2", "1"}));
  std::optional<Scalar> upper;
  ReadRequest ranged{.table = "query:SELECT id FROM t WHERE ts >= :interval_start",
                     .range = KeyRange{.column = "id", .lower = Scalar{MakeType(TypeId::kInt64), "58"}},
                     .interval_start = "2024-01-10"};
  EXPECT_EQ(Read(ranged, &upper), (std::vector<std::string>{"58", "59"}));
  EXPECT_EQ(upper->text, "59");
}

TEST_F(DuckdbSourceTest, QueryWithTwoColumnsOfOneNameIsRefused) {
  Execute("CREATE TABLE t AS SELECT 1 AS id, 'x' AS note");
  for (const char* query : {"query:SELECT 1 AS id, 2 AS id", "query:SELECT 1 AS id, [2] AS ID",
                            "query:SELECT a.id, b.note, b.id FROM t AS a, t AS b", "query:SELECT * FROM t a, t b"}) {
    for (std::optional<int64_t> limit : {std::optional<int64_t>(), std::optional<int64_t>(1)}) {
      auto plan = Open()->Plan({.table = query, .limit = limit});
      ASSERT_FALSE(plan) << query;
      EXPECT_EQ(plan.error().kind, ErrorKind::kInvalidInput);
      EXPECT_NE(plan.error().message.find("two columns named `"), std::string::npos) << plan.error().ToString();
      EXPECT_NE(plan.error().fix.find("AS "), std::string::npos);
    }
  }
  EXPECT_EQ(Read({.table = "query:SELECT b.note AS note_2, a.note FROM t AS a, t AS b"}),
            (std::vector<std::string>{"x"}));
}

TEST_F(DuckdbSourceTest, KeysOfDuckdbsOwnTypesCompareAsTheirValues) {
  Execute(
      "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'z'::ENUM('z', 'b', 'a'), 5::UBIGINT, 'ff'::BLOB, 1.5::FLOAT), "
      "(2, 'a', 18446744073709551615, 'a', 'NaN'), (3, 'b', 7, '', 2.5)) v(id, e, u, b, f)");
  auto ids = [&](const char* column, Type type, std::string lower, std::string* highest) {
    std::optional<Scalar> upper;
    auto read =
        Read({.table = "t", .range = KeyRange{.column = column, .lower = Scalar{type, std::move(lower)}}}, &upper);
    *highest = upper ? upper->text : "none";
    std::sort(read.begin(), read.end());
    return fmt::format("{}", fmt::join(read, ","));
  };
  std::string highest;
  EXPECT_EQ(ids("e", MakeType(TypeId::kText), "b", &highest), "1,3");
  EXPECT_EQ(highest, "z");
  EXPECT_EQ(ids("u", MakeDecimal(20, 0), "7", &highest), "2,3");
  EXPECT_EQ(highest, "18446744073709551615");
  EXPECT_EQ(ids("b", MakeType(TypeId::kBinary), "61", &highest), "1,2");
  EXPECT_EQ(highest, "6666");
  EXPECT_EQ(ids("f", MakeType(TypeId::kFloat64), "2", &highest), "2,3");
  EXPECT_EQ(highest, "2.5");
}

TEST_F(DuckdbSourceTest, InfinityIsNoUpperBound) {
  Execute(
      "CREATE TABLE t AS SELECT * FROM (VALUES (1, '2024-01-01'::DATE), (2, 'infinity'), (3, NULL), (4, '-infinity')) "
      "v(id, d)");
  std::optional<Scalar> upper;
  ReadRequest request{.table = "t", .range = KeyRange{.column = "d", .with_nulls = false}};
  EXPECT_EQ(Read(request, &upper), (std::vector<std::string>{"1"}));
  EXPECT_EQ(upper->text, "2024-01-01");
  request.range->with_nulls = true;  // what the column cannot hold arrives as NULL with a variant
  request.range->lower = Scalar{MakeType(TypeId::kDate), "2024-01-01"};
  EXPECT_EQ(Read(request), (std::vector<std::string>{"1", "2", "3", "4"}));
}

// They meet the engine, which refuses them, and are no cursor.
TEST_F(DuckdbSourceTest, FloatsThatAreNotFiniteAreReadButNotTheHighest) {
  for (const char* type : {"DOUBLE", "FLOAT"}) {
    Execute(
        fmt::format("CREATE OR REPLACE TABLE t AS SELECT id, k::{} AS k FROM (VALUES (1, '1'), (2, '2'), "
                    "(3, 'Infinity'), (4, 'NaN'), (5, '-Infinity')) v(id, k)",
                    type));
    std::optional<Scalar> upper;
    ReadRequest request{.table = "t", .range = KeyRange{.column = "k"}};
    EXPECT_EQ(Read(request, &upper), (std::vector<std::string>{"1", "2", "3", "4", "5"}));
    ASSERT_TRUE(upper.has_value());
    EXPECT_EQ(upper->text, "2");
    request.range->lower = Scalar{MakeType(TypeId::kFloat64), "2"};
    EXPECT_EQ(Read(request), (std::vector<std::string>{"2", "3", "4"}));
  }
  Execute("CREATE OR REPLACE TABLE t AS SELECT 1 AS id, '-Infinity'::DOUBLE AS k");
  std::optional<Scalar> upper;
  Read({.table = "t", .range = KeyRange{.column = "k"}}, &upper);
  EXPECT_FALSE(upper.has_value());
}

// The bound and the rows are of one moment, whatever is committed in between.
TEST_F(DuckdbSourceTest, ReadsTheSnapshotOfItsPlan) {
  Execute("CREATE TABLE t AS SELECT range AS id FROM range(10)");
  auto writer = duck::Connection::Open(*duck::Database::Open({.path = path_}));
  auto source = Open();
  ReadRequest request{.table = "t", .range = KeyRange{.column = "id"}};
  auto plan = source->Plan(request);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->upper->text, "9");
  ASSERT_TRUE(writer->Execute("INSERT INTO t VALUES (10)"));
  ASSERT_TRUE(writer->Execute("DELETE FROM t WHERE id < 5"));
  auto reader = source->Open(plan->splits[0]);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*(*reader)->Next({}))->rows.num_rows(), 10);
}

TEST_F(DuckdbSourceTest, SchemaTableAndFileMayBeCalledTheSame) {
  path_ = folder_ / "shop.duckdb";
  Execute("CREATE SCHEMA shop.shop");
  Execute("CREATE TABLE shop.shop.shop AS SELECT range AS id FROM range(3)");
  Execute("CREATE TABLE shop.main.shop AS SELECT range + 10 AS id FROM range(2)");
  std::optional<Scalar> upper;
  EXPECT_EQ(Read({.table = "shop.shop", .range = KeyRange{.column = "id"}}, &upper),
            (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(upper->text, "2");
  EXPECT_EQ(Read({.table = "shop"}), (std::vector<std::string>{"10", "11"}));
}

// Asked to stop by another thread, in the middle of a statement that would run for hours: each of these works before it
// gives its first row.
TEST_F(DuckdbSourceTest, LongQueriesStop) {
  Execute("CREATE TABLE t AS SELECT 1 AS id");
  for (const char* query : {"SELECT sum(a.range * b.range % 7) AS s FROM range(10000000) a, range(10000000) b",
                            "SELECT hash(range) AS h FROM range(100000000000) ORDER BY h",
                            "SELECT max(a.range) AS m FROM range(10000000) a, range(10000000) b GROUP BY hash(b.range)",
                            "SELECT sum(range) OVER (ORDER BY hash(range)) AS w FROM range(100000000000)"}) {
    std::stop_source stop;
    OpenContext context;
    context.stop = stop.get_token();
    auto source = kDuckdbConnector.open_source(*ParseAddress("duckdb:///" + path_, ProcessEnvironment()), context);
    ASSERT_TRUE(source);
    auto plan = (*source)->Plan({.table = std::string("query:") + query});
    ASSERT_TRUE(plan) << plan.error().ToString();
    std::jthread asks([&] { stop.request_stop(); });
    auto reader = (*source)->Open(plan->splits[0]);
    if (reader) {  // it may give its first rows lazily
      auto batch = (*reader)->Next(stop.get_token());
      ASSERT_FALSE(batch) << query;
      EXPECT_EQ(batch.error().kind, ErrorKind::kCancelled) << batch.error().ToString();
    } else {
      EXPECT_EQ(reader.error().kind, ErrorKind::kCancelled) << reader.error().ToString();
    }
  }
}

TEST_F(DuckdbSourceTest, AddressesWithoutAFileAreRefused) {
  for (const char* text : {"duckdb://", "duckdb:///", "duckdb:///:memory:"}) {
    auto address = ParseAddress(text, ProcessEnvironment());
    if (!address) continue;
    auto sink = kDuckdbConnector.open_sink(*address, OpenContext{});
    ASSERT_FALSE(sink) << text;
    EXPECT_EQ(sink.error().kind, ErrorKind::kInvalidInput) << text;
    EXPECT_FALSE(sink.error().fix.empty());
    if (address->path == ":memory:") continue;
    auto source = kDuckdbConnector.open_source(*address, OpenContext{});
    ASSERT_FALSE(source) << text;
    EXPECT_EQ(source.error().kind, ErrorKind::kInvalidInput) << text;
  }
}

TEST_F(DuckdbSourceTest, QueriesNeedNoFile) {
  auto source = kDuckdbConnector.open_source(*ParseAddress("duckdb:///:memory:", ProcessEnvironment()), OpenContext{});
  ASSERT_TRUE(source) << source.error().ToString();
  auto plan = (*source)->Plan({.table = "query:SELECT * FROM range(7)"});
  ASSERT_TRUE(plan) << plan.error().ToString();
  EXPECT_EQ((*(*(*source)->Open(plan->splits[0]))->Next({}))->rows.num_rows(), 7);
}

}  // namespace
}  // namespace nilus::duckdb
