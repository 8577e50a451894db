#include "nilus/connectors/postgres/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "nilus/connectors/postgres/read_testing.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class SourceTest : public testing::Test {
 protected:
  void SetUp() override { address_ = TestServer::Shared()->NewDatabase(); }
  void Sql(const std::string& sql) { MustExecute(address_, sql); }
  // A column's values, in the order they were read.
  std::vector<std::string> Values(const ReadRequest& request, const std::string& column) {
    auto read = ReadAll(address_, request);
    EXPECT_TRUE(read.has_value()) << read.error().ToString();
    std::vector<std::string> values;
    if (!read) return values;
    for (auto& row : read->rows) values.push_back(row[column]);
    upper_ = read->plan.upper ? read->plan.upper->text : "none";
    return values;
  }
  Error Refused(const ReadRequest& request) {
    auto read = ReadAll(address_, request);
    EXPECT_FALSE(read.has_value());
    return read ? Error{} : read.error();
  }

  Address address_;
  std::string upper_;
};

// A batch has its columns by name: the second `id` of a join would be lost without a word.
TEST_F(SourceTest, QueryWithTwoColumnsOfOneNameIsRefused) {
  Sql("CREATE TABLE a (id int, note text); CREATE TABLE b (id int, note text); INSERT INTO a VALUES (1, 'x'); INSERT "
      "INTO b VALUES (1, 'y')");
  for (const char* columns : {"a.id, b.note, b.id", "a.*, b.*"}) {
    ReadRequest request = Request(std::string("query:SELECT ") + columns + " FROM a JOIN b ON a.id = b.id");
    Error error = Refused(request);
    EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
    EXPECT_THAT(error.message, HasSubstr("two columns named `id`"));
    EXPECT_THAT(error.fix, HasSubstr("AS id_2"));
    EXPECT_FALSE(OpenPostgresSource(address_, {}).value()->Describe(request).has_value());
  }
  EXPECT_THAT(Values(Request("query:SELECT a.note, b.note AS note_2 FROM a JOIN b ON a.id = b.id"), "note_2"),
              ElementsAre("y"));
}

TEST_F(SourceTest, DescribesColumnsKeyAndSize) {
  Sql("CREATE TABLE t (b text NOT NULL, a int, c varchar(7), d numeric(9,3), dropped int, PRIMARY KEY (a, b) INCLUDE "
      "(d));"
      "ALTER TABLE t DROP COLUMN dropped; INSERT INTO t SELECT 'x', i FROM generate_series(1, 1000) i; ANALYZE t");
  auto source = OpenPostgresSource(address_, {}).value();
  TableDescription description = source->Describe(Request("public.t")).value();
  EXPECT_EQ(description.schema.size(), 4);
  EXPECT_THAT(description.primary_key, ElementsAre("a", "b"));
  EXPECT_EQ(description.estimated_rows, 1000);
  EXPECT_GT(description.estimated_bytes.value(), 8192);
  EXPECT_FALSE(description.schema.fields[1].nullable);
  EXPECT_TRUE(description.schema.fields[2].nullable);
  ReadRequest precise = Request("t");
  precise.reflection = ReflectionLevel::kFullWithPrecision;
  precise.exclude_columns = {"b"};
  description = source->Describe(precise).value();
  EXPECT_EQ(description.schema.fields[0].type.id, TypeId::kInt32);
  EXPECT_EQ(description.schema.fields[1].type.length, 7);
  EXPECT_TRUE(description.primary_key.empty());  // half a key identifies nothing
}

TEST_F(SourceTest, OddNamesAreOnlyNames) {
  Sql(R"(CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."t""; DROP TABLE x; --" ("c""; DROP TABLE x; --" int, "ünï ço∂e 🎉" int, "SELECT" int, "a'b\c" int);
         INSERT INTO "a.b"."t""; DROP TABLE x; --" VALUES (1, 2, 3, 4))");
  auto read = ReadAll(address_, Request(R"("a.b"."t""; DROP TABLE x; --")"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  std::map<std::string, std::string> row = {
      {"c\"; DROP TABLE x; --", "1"}, {"ünï ço∂e 🎉", "2"}, {"SELECT", "3"}, {"a'b\\c", "4"}};
  EXPECT_THAT(read->rows, ElementsAre(row));
  ReadRequest request = Request(R"("a.b"."t""; DROP TABLE x; --")");
  request.range = KeyRange{.column = "c\"; DROP TABLE x; --", .lower = Scalar{MakeType(TypeId::kInt64), "1"}};
  EXPECT_THAT(Values(request, "SELECT"), ElementsAre("3"));
  request.range->column = "a'b\\c";
  EXPECT_THAT(Values(request, "SELECT"), ElementsAre("3"));
}

TEST_F(SourceTest, ViewsMaterializedViewsAndInheritance) {
  Sql("CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1); INSERT "
      "INTO child VALUES (2);"
      "CREATE VIEW v AS SELECT id * 10 AS ten FROM parent; CREATE MATERIALIZED VIEW m AS SELECT ten FROM v");
  EXPECT_THAT(Values(Request("public.parent"), "id"), UnorderedElementsAre("1", "2"));
  EXPECT_THAT(Values(Request("public.v"), "ten"), UnorderedElementsAre("10", "20"));
  EXPECT_THAT(Values(Request("public.m"), "ten"), UnorderedElementsAre("10", "20"));
  EXPECT_THAT(Values(Request("pg_catalog.pg_namespace"), "nspname"), testing::Contains("public"));
}

TEST_F(SourceTest, NotNullOfADomainIsNoPromise) {
  Sql("CREATE DOMAIN name AS text NOT NULL; CREATE TABLE t (id int NOT NULL, v public.name); INSERT INTO t VALUES (1, "
      "'a');"
      "CREATE VIEW joined AS SELECT n, t.v FROM generate_series(1, 2) n LEFT JOIN t ON t.id = n");
  auto read = ReadAll(address_, Request("joined"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_TRUE(read->plan.table.schema.fields[1].nullable);
  EXPECT_THAT(Values(Request("joined"), "v"), UnorderedElementsAre("a", "NULL"));
  EXPECT_FALSE(ReadAll(address_, Request("t"))->plan.table.schema.fields[0].nullable);
}

TEST_F(SourceTest, Queries) {
  Sql("CREATE TABLE t (id int, at timestamptz); INSERT INTO t SELECT i, '2024-01-01 00:00+00'::timestamptz + i * "
      "interval '1 day' FROM generate_series(0, 9) i");
  EXPECT_THAT(Values(Request("query:SELECT id + 1 AS n FROM t WHERE id < 2 ORDER BY id; -- a comment"), "n"),
              ElementsAre("1", "2"));
  EXPECT_THAT(Values(Request("query:WITH x AS (SELECT 'a'::text AS a, 'b' AS b) SELECT * FROM x"), "b"),
              ElementsAre("b"));
  EXPECT_THAT(Values(Request("query:VALUES (1), (2)"), "column1"), ElementsAre("1", "2"));
  EXPECT_THAT(Values(Request("query:TABLE t LIMIT 1"), "id"), ElementsAre("0"));
  EXPECT_THAT(Values(Request("query:SELECT ROW(1, 'x') AS r"), "r"), ElementsAre(R"({"f1":1,"f2":"x"})"));
  ReadRequest request = Request("query:SELECT id FROM t WHERE at >= :interval_start AND at < :interval_end ORDER BY 1");
  request.interval_start = "2024-01-03T00:00:00Z";
  request.interval_end = "2024-01-05T00:00:00Z";
  EXPECT_THAT(Values(request, "id"), ElementsAre("2", "3"));
  request.interval_end.reset();
  EXPECT_EQ(Refused(request).kind, ErrorKind::kInvalidInput);

  EXPECT_EQ(Refused(Request("query:SELEC 1")).kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(Refused(Request("query:SELECT 1; DROP TABLE t")).kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(Refused(Request("query:SELECT 1) TO STDOUT; DROP TABLE t; --")).kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(Refused(Request("query:SELECT nope FROM t")).kind, ErrorKind::kNotFound);
  Sql("CREATE SEQUENCE s; CREATE FUNCTION clear() RETURNS int LANGUAGE sql AS 'DELETE FROM t; SELECT 1'");
  for (std::string query : {"DELETE FROM t RETURNING id", "WITH d AS (DELETE FROM t RETURNING id) SELECT * FROM d",
                            "SELECT id FROM t FOR UPDATE", "SELECT nextval('s')", "SELECT clear()"}) {
    Error error = Refused(Request("query:" + query));
    EXPECT_EQ(error.kind, ErrorKind::kInvalidInput) << query;
    EXPECT_THAT(error.fix, HasSubstr("may not write")) << query;
  }
  EXPECT_EQ(Refused(Request("query:SELECT 1 / (id - 5) AS x FROM t")).kind, ErrorKind::kData);
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM t"), "10");
}

TEST_F(SourceTest, UnknownNamesSuggestTheNearest) {
  Sql("CREATE SCHEMA sales; CREATE TABLE sales.orders (id int, customer text)");
  Error error = Refused(Request("sales.order"));
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  EXPECT_THAT(error.fix, HasSubstr("sales.orders"));
  EXPECT_THAT(Refused(Request("orders")).fix, HasSubstr("sales.orders"));
  ReadRequest request = Request("sales.orders");
  request.exclude_columns = {"custmer"};
  error = Refused(request);
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(error.fix, HasSubstr("customer"));
  request.exclude_columns = {};
  request.range = KeyRange{.column = "ID"};
  error = Refused(request);
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  EXPECT_THAT(error.fix, HasSubstr("id"));
  request.range->column = "customer";
  EXPECT_TRUE(ReadAll(address_, request).has_value());
  Sql("CREATE TABLE empty_of_columns ()");
  EXPECT_EQ(Refused(Request("empty_of_columns")).kind, ErrorKind::kInvalidInput);
}

TEST_F(SourceTest, RangesAndUpperBound) {
  Sql("CREATE TABLE t (id int, n numeric(10,2), txt text, at timestamp, day date, u uuid, e text COLLATE "
      "\"und-x-icu\", f float8);"
      "INSERT INTO t SELECT i, i + 0.5, chr(64 + i), '2024-01-01'::timestamp + i * interval '1 hour', "
      "'2024-01-01'::date + i,"
      "('00000000-0000-0000-0000-00000000000' || i)::uuid, chr(64 + i), i / 2.0 FROM generate_series(1, 5) i;"
      "INSERT INTO t (id) VALUES (NULL)");
  struct Case {
    std::string column, lower, upper, highest;
    TypeId type;
  };
  for (const Case& c :
       {Case{"id", "2", "4", "5", TypeId::kInt64},
        {"n", "2.50", "4.50", "5.50", TypeId::kDecimal},
        {"txt", "B", "D", "E", TypeId::kText},
        {"at", "2024-01-01T02:00:00", "2024-01-01T04:00:00", "2024-01-01T05:00:00", TypeId::kTimestampNtz},
        {"day", "2024-01-03", "2024-01-05", "2024-01-06", TypeId::kDate},
        {"u", "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000004",
         "00000000-0000-0000-0000-000000000005", TypeId::kText},
        {"e", "B", "D", "E", TypeId::kText},
        {"f", "1", "2", "2.5", TypeId::kFloat64}}) {
    SCOPED_TRACE(c.column);
    ReadRequest request = Request("t");
    request.range = KeyRange{.column = c.column};
    EXPECT_EQ(Values(request, "id").size(), 6);
    EXPECT_EQ(upper_, c.highest);
    request.range->with_nulls = false;
    EXPECT_THAT(Values(request, "id"), ElementsAre("1", "2", "3", "4", "5"));
    request.range->lower = Scalar{MakeType(c.type), c.lower};
    request.range->upper = Scalar{MakeType(c.type), c.upper};
    EXPECT_THAT(Values(request, "id"), ElementsAre("2", "3", "4"));
    request.range->upper_inclusive = false;
    EXPECT_THAT(Values(request, "id"), ElementsAre("2", "3"));
    request.range->with_nulls = true;
    EXPECT_THAT(Values(request, "id"), ElementsAre("2", "3", "NULL"));
  }
  for (std::string column : {"id", "txt"}) {  // through a query
    ReadRequest request = Request("query:SELECT * FROM t WHERE id < 5");
    request.range = KeyRange{.column = column, .lower = Scalar{MakeType(TypeId::kText), column == "id" ? "3" : "C"}};
    EXPECT_THAT(Values(request, "id"), ElementsAre("3", "4"));
    EXPECT_EQ(upper_, column == "id" ? "4" : "D");
  }
}

TEST_F(SourceTest, KeysWithoutOrderAreRefused) {
  Sql("CREATE TABLE t (b bool, j jsonb, a int[], y bytea)");
  for (std::string column : {"b", "j", "a", "y"}) {
    ReadRequest request = Request("t");
    request.range = KeyRange{.column = column};
    EXPECT_EQ(Refused(request).kind, ErrorKind::kUnsupported) << column;
  }
}

TEST_F(SourceTest, InfinityIsNoUpperBoundAndIsReadWithTheNulls) {
  Sql("CREATE TABLE t (id int, at timestamptz, n numeric); INSERT INTO t VALUES (1, '2024-01-01Z', 1), (2, 'infinity', "
      "'NaN'), (3, '-infinity', '-5'), (4, NULL, NULL);"
      "INSERT INTO t VALUES (5, NULL, 'Infinity'), (6, NULL, '-Infinity')");
  ReadRequest request = Request("t");
  request.range = KeyRange{.column = "at", .lower = Scalar{MakeType(TypeId::kTimestamp), "2024-01-01T00:00:00Z"}};
  EXPECT_THAT(Values(request, "id"), ElementsAre("1", "2", "3", "4", "5", "6"));
  EXPECT_EQ(upper_, "2024-01-01T00:00:00Z");
  request.range->column = "n";
  request.range->lower = Scalar{MakeDecimal(38, 9), "0.000000000"};
  EXPECT_THAT(Values(request, "id"), ElementsAre("1", "2", "4", "5", "6"));
  EXPECT_EQ(upper_, "1.000000000");
}

// They meet the engine, which refuses them, and are no cursor.
TEST_F(SourceTest, FloatsThatAreNotFiniteAreReadButNotTheHighest) {
  Sql("CREATE TABLE t (id int, r float4, d float8);"
      "INSERT INTO t SELECT id, v::float4, v::float8 FROM (VALUES (1, '1'), (2, '2'), (3, 'Infinity'), (4, 'NaN'), "
      "(5, '-Infinity')) x(id, v)");
  for (const char* column : {"r", "d"}) {
    ReadRequest request = Request("t");
    request.range = KeyRange{.column = column};
    EXPECT_THAT(Values(request, "id"), ElementsAre("1", "2", "3", "4", "5"));
    EXPECT_EQ(upper_, "2");
    request.range->lower = Scalar{MakeType(TypeId::kFloat64), "2"};
    EXPECT_THAT(Values(request, "id"), ElementsAre("2", "3", "4"));
  }
  Sql("DELETE FROM t WHERE id < 5");
  ReadRequest request = Request("t");
  request.range = KeyRange{.column = "d"};
  EXPECT_THAT(Values(request, "id"), ElementsAre("5"));
  EXPECT_EQ(upper_, "none");
}

TEST_F(SourceTest, LimitReadsTheLowestKeys) {
  Sql("CREATE TABLE t (id int); INSERT INTO t SELECT 100 - i FROM generate_series(1, 99) i");
  ReadRequest request = Request("t");
  request.limit = 3;
  EXPECT_EQ(Values(request, "id").size(), 3);
  request.range = KeyRange{.column = "id", .lower = Scalar{MakeType(TypeId::kInt64), "10"}};
  EXPECT_THAT(Values(request, "id"), ElementsAre("10", "11", "12"));
  EXPECT_EQ(upper_, "12");  // not 99: the rows between would never be read
  request.limit = 0;
  EXPECT_THAT(Values(request, "id"), ElementsAre());
  EXPECT_EQ(upper_, "none");
}

TEST_F(SourceTest, EmptyTable) {
  Sql("CREATE TABLE t (id int)");
  ReadRequest request = Request("t");
  request.range = KeyRange{.column = "id"};
  EXPECT_THAT(Values(request, "id"), ElementsAre());
  EXPECT_EQ(upper_, "none");
}

TEST_F(SourceTest, ManyColumns) {
  std::string columns;
  std::string values;
  for (int i = 1; i <= 1600; ++i) {
    columns += (i > 1 ? "," : "") + ("c" + std::to_string(i)) + " int";
    values += (i > 1 ? "," : "") + std::to_string(i);
  }
  Sql("CREATE TABLE t (" + columns + "); INSERT INTO t VALUES (" + values + ")");
  auto read = ReadAll(address_, Request("t"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  ASSERT_EQ(read->rows.size(), 1);
  for (int i = 1; i <= 1600; ++i) EXPECT_EQ(read->rows[0]["c" + std::to_string(i)], std::to_string(i));
}

TEST_F(SourceTest, BatchesEndAtRowsOrBytes) {
  Sql("CREATE TABLE t (id int, v text); INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 1000) i");
  ReadRequest request = Request("t");
  request.page_rows = 300;
  EXPECT_THAT(ReadAll(address_, request)->batch_rows, ElementsAre(300, 300, 300, 100));
  request.batch_bytes = 100'000;
  auto read = ReadAll(address_, request);
  EXPECT_EQ(read->rows.size(), 1000);
  for (int64_t rows : read->batch_rows) EXPECT_LE(rows, 100);
  request.batch_bytes = 1;
  EXPECT_EQ(ReadAll(address_, request)->batch_rows.size(), 1000);
}

TEST_F(SourceTest, HugeValueIsABatchOfItsOwn) {
  Sql("CREATE TABLE t (id int, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
      "INSERT INTO t VALUES (1, 'small'), (2, repeat('0123456789', 10000000)), (3, 'small')");
  auto source = OpenPostgresSource(address_, {}).value();
  ReadPlan plan = source->Plan(Request("t")).value();
  auto reader = source->Open(plan.splits[0]).value();
  auto first = reader->Next({});
  ASSERT_TRUE(first.has_value()) << first.error().ToString();
  EXPECT_EQ((*first)->rows.num_rows(), 2);
  EXPECT_EQ((*first)->rows.column(1).BytesValue(1).size(), 100'000'000);
  EXPECT_EQ((*reader->Next({}))->rows.num_rows(), 1);
  EXPECT_FALSE(reader->Next({})->has_value());
  EXPECT_FALSE(reader->Next({})->has_value());
}

TEST_F(SourceTest, InvalidUtf8IsKeptInHex) {
  Address ascii = TestServer::Shared()->NewDatabase("SQL_ASCII");
  MustExecute(ascii,
              "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (v text); INSERT INTO t VALUES (E'caf\\351'), "
              "('plain'), (E'caf\\303\\251')");
  auto read = ReadAll(ascii, Request("t"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(read->rows[0]["v"], "NULL");
  EXPECT_EQ(read->rows[0]["v!"], "636166e9");
  EXPECT_EQ(read->rows[1]["v"], "plain");
  EXPECT_EQ(read->rows[2]["v"], "café");
  Address latin = TestServer::Shared()->NewDatabase("LATIN1");
  MustExecute(latin, "CREATE TABLE t (v text); INSERT INTO t VALUES ('café')");
  EXPECT_EQ(ReadAll(latin, Request("t"))->rows[0]["v"], "café");
}

TEST_F(SourceTest, CheckSaysWhatItFound) {
  auto source = OpenPostgresSource(address_, {}).value();
  auto items = source->Check().value();
  EXPECT_TRUE(items[0].ok);
  EXPECT_THAT(items[0].detail, HasSubstr("PostgreSQL 15"));
  EXPECT_THAT(items.back().detail, HasSubstr("logical"));
  Address nowhere = address_;
  nowhere.port = 1;
  items = OpenPostgresSource(nowhere, {}).value()->Check().value();
  EXPECT_FALSE(items[0].ok);
}

}  // namespace
}  // namespace nilus::postgres
