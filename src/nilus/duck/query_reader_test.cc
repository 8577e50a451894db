#include "nilus/duck/query_reader.h"

#include <gtest/gtest.h>

#include "nilus/data/scalar.h"

namespace nilus::duck {
namespace {

Connection InMemory() { return *Connection::Open(*Database::Open({.preserve_insertion_order = true})); }

struct Cell {
  std::string type;
  std::string value;    // canonical; "NULL"
  std::string variant;  // empty: there is no variant column
};

// The one value of `SELECT <expression> AS v`.
Cell Read(const std::string& expression, bool keep_narrow = false) {
  Connection connection = InMemory();
  auto reader = QueryReader::Open(connection, "SELECT " + expression + " AS v", {}, {.keep_narrow = keep_narrow}, {});
  if (!reader) return {reader.error().ToString(), "", ""};
  auto batch = (*reader)->Next({});
  if (!batch || !*batch) return {"no rows", "", ""};
  const RecordBatch& rows = **batch;
  auto text = [&](int column) {
    std::string out;
    if (rows.column(column).IsNull(0)) return std::string("NULL");
    AppendCellText(rows.column(column), 0, &out);
    return out;
  };
  Cell cell{rows.schema()->fields[0].type.ToString(), text(0), ""};
  if (rows.schema()->size() == 2) {
    EXPECT_EQ(rows.schema()->fields[1].name, "v__v_text");
    EXPECT_EQ(rows.schema()->fields[1].variant_of, "v");
    cell.variant = text(1);
  }
  return cell;
}

TEST(QueryReader, EveryTypeIsReadWithoutLoss) {
  struct Case {
    const char* expression;
    const char* type;
    const char* value;
    const char* variant = "";
  };
  const Case cases[] = {
      {"true", "bool", "true"},
      {"(-128)::TINYINT", "bigint", "-128"},
      {"32767::SMALLINT", "bigint", "32767"},
      {"(-2147483648)::INTEGER", "bigint", "-2147483648"},
      {"9223372036854775807::BIGINT", "bigint", "9223372036854775807"},
      {"255::UTINYINT", "bigint", "255"},
      {"65535::USMALLINT", "bigint", "65535"},
      {"4294967295::UINTEGER", "bigint", "4294967295"},
      {"18446744073709551615::UBIGINT", "decimal(20,0)", "18446744073709551615"},
      {"99999999999999999999999999999999999999::HUGEINT", "decimal(38,0)", "99999999999999999999999999999999999999"},
      {"100000000000000000000000000000000000000::HUGEINT", "decimal(38,0)", "NULL",
       "100000000000000000000000000000000000000"},
      {"(-170141183460469231731687303715884105727)::HUGEINT", "decimal(38,0)", "NULL",
       "-170141183460469231731687303715884105727"},
      {"340282366920938463463374607431768211455::UHUGEINT", "decimal(38,0)", "NULL",
       "340282366920938463463374607431768211455"},
      {"1.5::FLOAT", "double", "1.5"},
      {"'NaN'::DOUBLE", "double", "NaN"},
      {"(-1.2)::DECIMAL(4,1)", "decimal(4,1)", "-1.2"},
      {"(-1.2)::DECIMAL(9,2)", "decimal(9,2)", "-1.20"},
      {"(-1.2)::DECIMAL(18,3)", "decimal(18,3)", "-1.200"},
      {"'-0.00000000000000000000000000000000000001'::DECIMAL(38,38)", "decimal(38,38)",
       "-0.00000000000000000000000000000000000001"},
      {"''::VARCHAR", "text", ""},
      {"'exactly12chr'", "text", "exactly12chr"},
      {"'more than twelve chäracters'", "text", "more than twelve chäracters"},
      {"'\\x00\\xFF'::BLOB", "binary", "00ff"},
      {"'{\"a\": 1}'::JSON", "json", "{\"a\": 1}"},
      {"DATE '0001-01-01'", "date", "0001-01-01"},
      {"'infinity'::DATE", "date", "NULL", "infinity"},
      {"'-infinity'::DATE", "date", "NULL", "-infinity"},
      {"TIME '24:00:00'", "time", "24:00:00"},
      {"TIMESTAMP '2024-02-29 10:20:30.123456'", "timestamp_ntz", "2024-02-29T10:20:30.123456"},
      {"'-infinity'::TIMESTAMP", "timestamp_ntz", "NULL", "-infinity"},
      {"TIMESTAMPTZ '2024-02-29 10:20:30+02'", "timestamp", "2024-02-29T08:20:30Z"},
      {"'infinity'::TIMESTAMPTZ", "timestamp", "NULL", "infinity"},
      {"TIMESTAMP_S '2024-02-29 10:20:30'", "timestamp_ntz", "2024-02-29T10:20:30"},
      {"TIMESTAMP_MS '2024-02-29 10:20:30.5'", "timestamp_ntz", "2024-02-29T10:20:30.500000"},
      {"TIMESTAMP_NS '2024-02-29 10:20:30.123456'", "timestamp_ntz", "2024-02-29T10:20:30.123456"},
      {"TIMESTAMP_NS '1969-12-31 23:59:59.123456789'", "timestamp_ntz", "NULL", "1969-12-31T23:59:59.123456789"},
      {"'00112233-4455-6677-8899-aabbccddeeff'::UUID", "text", "00112233-4455-6677-8899-aabbccddeeff"},
      {"'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID", "text", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
      {"'b'::ENUM('a', 'b')", "text", "b"},
      {"INTERVAL '1 month 2 days 03:04:05'", "text", "1 month 2 days 03:04:05"},
      {"'0101'::BIT", "text", "0101"},
      {"TIMETZ '10:20:30+02'", "text", "10:20:30+02"},
      {"[1, NULL, 3]", "json", "[1,null,3]"},
      {"{'a': 1, 'b': [DATE '2024-01-01']}", "json", R"({"a":1,"b":["2024-01-01"]})"},
      {"['NaN'::FLOAT, '-Infinity'::DOUBLE, 0.5, NULL]", "json", R"(["NaN","-Infinity",0.5,null])"},
      {"{'a': 'Infinity'::DOUBLE, 'b': 'NaN'}", "json", R"({"a":"Infinity","b":"NaN"})"},
      {"MAP {'k': 1}", "json", R"({"k":1})"},
      {"[1, 2]::INT[2]", "json", "[1,2]"},
      {"union_value(num := 2)", "json", R"({"num":2})"},
      {"NULL", "bigint", "NULL"},  // DuckDB calls it INTEGER
      {"NULL::DECIMAL(12,2)", "decimal(12,2)", "NULL"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.expression);
    Cell cell = Read(test.expression);
    EXPECT_EQ(cell.type, test.type);
    EXPECT_EQ(cell.value, test.value);
    EXPECT_EQ(cell.variant, test.variant);
  }
}

TEST(QueryReader, NarrowTypesAreKeptOnRequest) {
  for (auto [expression, type] : std::vector<std::pair<std::string, TypeId>>{{"1::TINYINT", TypeId::kInt16},
                                                                             {"1::SMALLINT", TypeId::kInt16},
                                                                             {"1::USMALLINT", TypeId::kInt32},
                                                                             {"1::INTEGER", TypeId::kInt32},
                                                                             {"1::UINTEGER", TypeId::kInt64},
                                                                             {"1::FLOAT", TypeId::kFloat32}}) {
    EXPECT_EQ(Read(expression, true).type, MakeType(type).ToString()) << expression;
    EXPECT_EQ(Read(expression, true).value, "1") << expression;
  }
}

// Nulls, misfits and values over several vectors, in order.
TEST(QueryReader, RowsKeepTheirPlacesOverManyVectors) {
  Connection connection = InMemory();
  auto reader = QueryReader::Open(
      connection,
      "SELECT range AS id, CASE WHEN range % 3 > 0 THEN range || ' of the rows' END AS v, "
      "CASE WHEN range % 5000 = 4999 THEN 'infinity'::DATE WHEN range % 2 = 0 THEN DATE '1970-01-01' + "
      "range::INT END AS d FROM range(20000)",
      {}, {.page_rows = 3000}, {});
  ASSERT_TRUE(reader) << reader.error().ToString();
  int64_t row = 0;
  int64_t misfits = 0;
  while (true) {
    auto batch = (*reader)->Next({});
    ASSERT_TRUE(batch) << batch.error().ToString();
    if (!*batch) break;
    const RecordBatch& rows = **batch;
    EXPECT_LE(rows.num_rows(), 3000);
    std::optional<int> variant = rows.schema()->Find("d__v_text");
    bool any_misfit = false;
    for (int64_t i = 0; i < rows.num_rows(); ++i, ++row) {
      ASSERT_EQ(rows.column(0).Value<int64_t>(i), row);
      ASSERT_EQ(rows.column(1).IsNull(i), row % 3 == 0);
      if (row % 3 > 0) {
        ASSERT_EQ(rows.column(1).BytesValue(i), std::to_string(row) + " of the rows");
      }
      bool is_misfit = row % 5000 == 4999;
      ASSERT_EQ(rows.column(2).IsNull(i), is_misfit || row % 2 == 1);
      if (!is_misfit && row % 2 == 0) {
        ASSERT_EQ(rows.column(2).Value<int32_t>(i), row);
      }
      if (variant) {
        ASSERT_EQ(rows.column(*variant).IsNull(i), !is_misfit);
      }
      any_misfit |= is_misfit;
      misfits += is_misfit;
    }
    EXPECT_EQ(variant.has_value(), any_misfit);  // it comes and goes with the values that need it
  }
  EXPECT_EQ(row, 20000);
  EXPECT_EQ(misfits, 4);
}

TEST(QueryReader, BatchesEndAtTheirBytesWhateverTheRows) {
  Connection connection = InMemory();
  auto reader = QueryReader::Open(
      connection, "SELECT repeat('x', CASE WHEN range = 10 THEN 500000 ELSE 5000 END) AS v FROM range(200)", {},
      {.batch_bytes = 100'000}, {});
  ASSERT_TRUE(reader);
  int64_t rows = 0;
  int batches = 0;
  while (auto batch = *(*reader)->Next({})) {
    EXPECT_TRUE(batch->ByteSize() <= 110'000 || batch->num_rows() == 1) << batch->ByteSize();
    rows += batch->num_rows();
    ++batches;
  }
  EXPECT_EQ(rows, 200);
  EXPECT_GE(batches, 11);
  EXPECT_FALSE((*reader)->Next({})->has_value());  // the end stays the end
}

TEST(QueryReader, TrailingSemicolonsAndQuotesInNamesAreReadable) {
  Connection connection = InMemory();
  auto schema = DescribeQuery(connection, "SELECT 1 AS a, [2] AS b, 'x\"y' AS \"q\"\"q\";  \n");
  ASSERT_TRUE(schema) << schema.error().ToString();
  ASSERT_EQ(schema->size(), 3);
  EXPECT_EQ(schema->fields[1].type.ToString(), "json");
  EXPECT_EQ(schema->fields[2].name, "q\"q");
}

TEST(QueryReader, TwoColumnsOfOneNameAreRefused) {
  Connection connection = InMemory();
  for (const char* sql : {"SELECT 1 AS a, 2 AS b, 3 AS a", "SELECT 1 AS a, 2 AS A", "SELECT 1 AS a, [2] AS a"}) {
    for (const auto& error :
         {DescribeQuery(connection, sql).error(), QueryReader::Open(connection, sql, {}, {}, {}).error()}) {
      EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
      EXPECT_NE(error.message.find("two columns named `"), std::string::npos) << error.message;
      EXPECT_NE(error.fix.find("AS "), std::string::npos) << error.fix;
    }
  }
}

TEST(QueryReader, ErrorsInTheMiddleArrive) {
  Connection connection = InMemory();
  auto reader = QueryReader::Open(
      connection, "SELECT CAST(CASE WHEN range = 150000 THEN 'bad' ELSE '1' END AS INT) FROM range(200000)", {}, {},
      {});
  ErrorKind kind = ErrorKind::kInternal;
  if (!reader) {
    kind = reader.error().kind;
  } else {
    while (true) {
      auto batch = (*reader)->Next({});
      if (!batch) kind = batch.error().kind;
      if (!batch || !*batch) break;
    }
  }
  EXPECT_EQ(kind, ErrorKind::kData);
}

TEST(QueryReader, StopsAndCanBeLeftHalfway) {
  Connection connection = InMemory();
  std::stop_source stop;
  auto reader =
      QueryReader::Open(connection, "SELECT range FROM range(100000000)", {}, {.page_rows = 1000}, stop.get_token());
  ASSERT_TRUE(reader);
  ASSERT_TRUE((*reader)->Next(stop.get_token()));
  stop.request_stop();
  auto stopped = (*reader)->Next(stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  (*reader).reset();
  EXPECT_EQ(**connection.QueryValue("SELECT 42"), "42");
}

TEST(QueryReader, LeftHalfwayItsTransactionGoesOn) {
  Connection connection = InMemory();
  ASSERT_TRUE(connection.Execute("CREATE TABLE t AS SELECT range AS id FROM range(300000)"));
  ASSERT_TRUE(connection.Execute("BEGIN TRANSACTION"));
  ASSERT_TRUE(connection.Execute("DELETE FROM t WHERE id < 10"));
  auto reader =
      QueryReader::Open(connection, "SELECT a.id FROM t a, t b WHERE a.id + b.id > 5", {}, {.page_rows = 1000}, {});
  ASSERT_TRUE(reader) << reader.error().ToString();
  ASSERT_TRUE((*reader)->Next({}));
  (*reader).reset();
  EXPECT_EQ(**connection.QueryValue("SELECT count(*) FROM t"), "299990");
  EXPECT_TRUE(connection.Execute("COMMIT"));
}

}  // namespace
}  // namespace nilus::duck
