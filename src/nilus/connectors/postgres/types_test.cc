// Every built-in type with its edge values, read through the source and compared with what the server itself prints.
#include "nilus/connectors/postgres/types.h"

#include <gtest/gtest.h>

#include "nilus/connectors/postgres/read_testing.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {
namespace {

struct TypeCase {
  std::string type;                 // of the column
  std::string logical;              // what it becomes
  std::vector<std::string> values;  // SQL expressions
  // How the server prints the value in our canonical text; misfits are compared with value::text.
  std::string canonical = "{}::text";
};

const std::string kIsoDate =
    "CASE WHEN extract(year from {}) = -1 THEN '0000' WHEN extract(year from {}) < 0 THEN "
    "'-' || lpad((-extract(year from {}) - 1)::int::text, 4, '0') "
    "WHEN extract(year from {}) > 9999 THEN '+' || extract(year from {})::int::text "
    "ELSE lpad(extract(year from {})::int::text, 4, '0') END || '-' || lpad(extract(month from {})::int::text, 2, '0') "
    "|| '-' || lpad(extract(day from {})::int::text, 2, '0')";
const std::string kIsoTime = "to_char({}, 'HH24:MI:SS') || replace(to_char({}, '.US'), '.000000', '')";

std::string Replace(std::string text, const std::string& with) {
  for (size_t at = text.find("{}"); at != std::string::npos; at = text.find("{}", at + with.size()))
    text.replace(at, 2, with);
  return text;
}

std::vector<TypeCase> Cases() {
  return {
      {"bool", "bool", {"true", "false"}},
      {"int2", "bigint", {"-32768", "32767", "0"}},
      {"int4", "bigint", {"-2147483648", "2147483647", "0"}},
      {"int8", "bigint", {"-9223372036854775808", "9223372036854775807", "0"}},
      {"oid", "bigint", {"0", "4294967295"}},
      {"xid", "bigint", {"'4294967295'", "'3'"}},
      {"cid", "bigint", {"'4294967295'"}},
      {"float8", "double", {"'1e308'", "1.5", "'-0.5'", "0.1", "123456789"}},
      {"numeric(15,2)",
       "decimal(15,2)",
       {"0", "12.34", "-12.34", "9999999999999.99", "-9999999999999.99", "0.01", "'NaN'"}},
      {"numeric(4,4)", "decimal(4,4)", {"0.1234", "-0.9999", "0.0001"}},
      {"numeric(38,0)", "decimal(38,0)", {"99999999999999999999999999999999999999", "-1", "100000000000000000000"}},
      {"numeric(38,38)", "decimal(38,38)", {"0.12345678901234567890123456789012345678"}},
      {"numeric(3,-2)", "decimal(5,0)", {"99900", "-100", "12345"}},
      {"numeric(3,5)", "decimal(5,5)", {"0.00999", "-0.00001"}},
      {"numeric",
       "decimal(38,9)",
       {"1", "-1.5", "0.000000001", "0.0000000001", "'NaN'", "1e40", "-1e28", "12345678901234567890123456789.123456789",
        "123456789012345678901234567890.1", "1e-300", "1e1000"},
       "round({}, 9)::text"},
      {"numeric(50,10)", "decimal(38,9)", {"1.5", "1.0000000001", "1e39"}, "round({}, 9)::text"},
      {"money", "decimal(38,9)", {"'12.34'", "'-92233720368547758.08'"}, "round({}::numeric, 9)::text"},
      {"text",
       "text",
       {"''", "'a'", "'Grüße, 世界 🎉'", "repeat('x', 100000)", "E'tab\\tline\\nback\\\\slash'",
        "''' ; DROP TABLE t; --'"}},
      {"varchar(10)", "text", {"'abc'", "'ü'"}},
      {"char(5)", "text", {"'ab'"}, "format('%s', {})"},
      {"name", "text", {"'a_name'"}},
      {"\"char\"", "text", {"'x'", "''"}},
      {"bytea", "binary", {"'\\x'", "'\\x00ff10'", "decode(repeat('ab', 1000), 'hex')"}, "encode({}, 'hex')"},
      {"date",
       "date",
       {"'2024-02-29'", "'0001-01-01'", "'4713-11-24 BC'", "'0044-03-15 BC'", "'0001-12-31 BC'", "'9999-12-31'",
        "'12024-01-01'", "'5874897-12-31'", "'infinity'", "'-infinity'", "'1970-01-01'", "'1999-12-31'"},
       kIsoDate},
      {"time", "time", {"'00:00'", "'23:59:59.999999'", "'12:30:00.5'"}, kIsoTime},
      {"time", "time", {"'24:00'"}},
      {"timetz", "text", {"'12:30:00.5+02'", "'24:00-11:30'"}},
      {"timestamp",
       "timestamp_ntz",
       {"'2024-03-15 10:20:30.123456'", "'1969-12-31 23:59:59.999999'", "'4713-11-24 00:00 BC'", "'0001-01-01'",
        "'infinity'", "'-infinity'", "'294276-12-31 23:59:59.999999'", "'294247-01-10 04:00:54.775807'",
        "'294247-01-10 04:00:54.775808'", "'12024-01-01'", "'2016-12-31 23:59:60'"},
       kIsoDate + " || 'T' || " + kIsoTime},
      {"timestamptz",
       "timestamp",
       {"'2024-03-15 10:20:30.5+02'", "'infinity'", "'-infinity'", "'294276-12-31 23:59:59+00'",
        "'0044-03-15 00:00+00 BC'", "'2024-03-31 01:30 Europe/Berlin'"},
       kIsoDate + " || 'T' || " + kIsoTime + " || 'Z'"},
      {"interval", "text", {"'1 year 2 mons 3 days 04:05:06.789'", "'-1 day'", "'0'", "'178000000 years'"}},
      {"uuid",
       "text",
       {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'"}},
      {"json", "json", {"'{\"a\" :  1, \"a\": [1,2]}'", "'null'", "'\"x\"'"}},
      {"jsonb", "json", {"'{\"a\": 1, \"b\": [1, 2.50, null]}'", "'null'", "'12345678901234567890.5'"}},
      {"xml", "text", {"'<a b=\"c\">d</a>'"}},
      {"inet", "text", {"'192.168.0.1/24'", "'::1'", "'10.0.0.1'"}},
      {"cidr", "text", {"'192.168.0.0/24'", "'2001:db8::/32'"}},
      {"macaddr", "text", {"'08:00:2b:01:02:03'"}},
      {"macaddr8", "text", {"'08:00:2b:01:02:03:04:05'"}},
      {"bit(3)", "text", {"B'101'"}},
      {"varbit", "text", {"B'1'", "B''"}},
      {"tsvector", "text", {"'a fat cat'"}},
      {"tsquery", "text", {"'a & b'"}},
      {"point", "text", {"'(1.5,2)'"}},
      {"line", "text", {"'{1,2,3}'"}},
      {"lseg", "text", {"'[(1,2),(3,4)]'"}},
      {"box", "text", {"'(3,4),(1,2)'"}},
      {"path", "text", {"'((1,2),(3,4))'"}},
      {"polygon", "text", {"'((1,2),(3,4),(5,6))'"}},
      {"circle", "text", {"'<(1,2),3>'"}},
      {"int4range", "text", {"'[1,5)'", "'empty'", "'(,5)'"}},
      {"int8range", "text", {"'[1,5)'"}},
      {"numrange", "text", {"'[1.5,5.25]'"}},
      {"tsrange", "text", {"'[2024-01-01,infinity)'"}},
      {"tstzrange", "text", {"'[2024-01-01 00:00+00,)'"}},
      {"daterange", "text", {"'[2024-01-01,2024-02-01)'"}},
      {"int4multirange", "text", {"'{[1,3),[5,9)}'", "'{}'"}},
      {"pg_lsn", "text", {"'16/B374D848'"}},
      {"txid_snapshot", "text", {"'10:20:10,14,15'"}},
      {"xid8", "text", {"'18446744073709551615'"}},
      {"tid", "text", {"'(42,7)'"}},
      {"regclass", "text", {"'pg_class'"}},
      {"regtype", "text", {"'int4'"}},
      {"regproc", "text", {"'pg_catalog.now'"}},
      {"oidvector", "json", {"'1 2 3'"}, "to_json({})::text"},
      {"int2vector", "json", {"'1 2'"}, "to_json({})::text"},
      {"int4[]", "json", {"'{1,2,NULL}'", "'{{1,2},{3,4}}'", "'{}'", "'[5:6]={1,2}'"}, "to_json({})::text"},
      {"text[]", "json", {"ARRAY['a\"b', 'c,d', NULL, 'ü', '']"}, "to_json({})::text"},
      {"numeric[]", "json", {"'{1.50,NaN}'"}, "to_json({})::text"},
      {"timestamptz[]", "json", {"'{2024-01-01 00:00+00,infinity}'"}, "to_json({})::text"},
      {"bytea[]", "json", {"ARRAY['\\x00ff'::bytea]"}, "to_json({})::text"},
      {"jsonb[]", "json", {"ARRAY['{\"a\":1}'::jsonb]"}, "to_json({})::text"},
      {"uuid[]", "json", {"'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"}, "to_json({})::text"},
      {"mood", "text", {"'sad'", "'très heureux'"}},
      {"mood[]", "json", {"'{sad,ok}'"}, "to_json({})::text"},
      {"pair", "json", {"ROW(1, 'x\"y')", "ROW(NULL, NULL)"}, "to_json({})::text"},
      {"pair[]", "json", {"ARRAY[ROW(1, 'x')::pair]"}, "to_json({})::text"},
      {"positive", "bigint", {"5"}},
      {"more_positive", "bigint", {"500"}},
      {"price", "decimal(10,2)", {"12.30"}},
      {"ints", "json", {"'{1,2}'"}, "to_json({})::text"},
      {"floatrange", "text", {"'[1.5,2.5)'"}},
  };
}

class TypesTest : public testing::TestWithParam<std::string> {};

TEST_P(TypesTest, ReadAsTheServerPrintsThem) {
  TestServer* server = TestServer::Shared(GetParam());
  if (server == nullptr) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed";
  Address address = server->NewDatabase();
  MustExecute(
      address,
      "SET TimeZone='UTC'; CREATE TYPE mood AS ENUM ('sad', 'ok', 'très heureux'); CREATE TYPE pair AS (a int, b text);"
      "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN more_positive AS positive CHECK (VALUE > 100);"
      "CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN ints AS int[]; CREATE TYPE floatrange AS RANGE (subtype = "
      "float8)");
  auto session = Connection::Open(address, {});
  ASSERT_TRUE(session.has_value()) << session.error().ToString();
  auto must = [&](const std::string& sql) {
    auto result = (*session)->Execute(sql);
    ASSERT_TRUE(result.has_value()) << result.error().ToString() << sql;
  };
  int number = 0;
  for (const TypeCase& type_case : Cases()) {
    SCOPED_TRACE(type_case.type);
    std::string table = "t" + std::to_string(++number);
    must("CREATE TABLE " + table + " (id int PRIMARY KEY, v " + type_case.type + ")");
    int id = 0;
    for (const std::string& value : type_case.values) {
      must(fmt::format("INSERT INTO {} VALUES ({}, {})", table, ++id, value));
    }
    must("INSERT INTO " + table + " VALUES (" + std::to_string(++id) + ", NULL)");
    auto read = ReadAll(address, Request("public." + table));
    ASSERT_TRUE(read.has_value()) << read.error().ToString();
    EXPECT_EQ(read->plan.table.schema.fields[1].type.ToString(), type_case.logical);
    EXPECT_FALSE(read->plan.table.schema.fields[0].nullable);
    EXPECT_EQ(read->plan.table.primary_key, std::vector<std::string>{"id"});
    ASSERT_EQ(read->rows.size(), type_case.values.size() + 1);
    for (auto& row : read->rows) {
      std::string where = fmt::format(" FROM {} WHERE id = {}", table, row["id"]);
      auto server_says = [&](const std::string& expression) {
        auto result = (*session)->Execute("SELECT " + expression + where);
        if (!result) return result.error().ToString();
        return FieldIsNull(*result, 0, 0) ? std::string("NULL") : std::string(FieldText(*result, 0, 0));
      };
      bool is_misfit = row.contains("v!") && row["v!"] != "NULL";
      if (is_misfit) {
        EXPECT_EQ(row["v"], "NULL");
        EXPECT_EQ(row["v!"], server_says("v::text"));
      } else if (type_case.type == "float8") {
        EXPECT_EQ(std::stod(row["v"] == "NULL" ? "0" : row["v"]), std::stod(server_says("coalesce(v, 0)::text")));
      } else {
        EXPECT_EQ(row["v"],
                  row["v"] == "NULL" ? server_says("v::text") : server_says(Replace(type_case.canonical, "v")));
      }
      // Misfits are only what really does not fit.
      std::string text = server_says("v::text");
      if (is_misfit && type_case.type != "numeric" && type_case.type != "numeric(50,10)") {
        EXPECT_TRUE(text.find("inf") != std::string::npos || text == "NaN" || text.find("2942") == 0) << text;
      }
    }
  }
}

TEST_P(TypesTest, HstoreIsJsonWhereverTheExtensionIs) {
  TestServer* server = TestServer::Shared(GetParam());
  if (server == nullptr) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed";
  Address address = server->NewDatabase();
  if (MustSelect(address, "SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'") == "0")
    GTEST_SKIP() << "this server has no contrib modules";
  MustExecute(address, R"(CREATE SCHEMA "odd ""schema"; CREATE EXTENSION hstore SCHEMA "odd ""schema";
      SET search_path = public, "odd ""schema";
      CREATE DOMAIN labels AS hstore; CREATE TABLE t (id int, h hstore, l labels, a hstore[]);
      INSERT INTO t VALUES (1, 'a=>1, "b\"c"=>NULL, ""=>"ü 🎉"', 'x=>y', ARRAY['k=>v'::hstore]), (2, '', NULL, '{}'),
      (3, NULL, '', NULL))");
  auto read = ReadAll(address, Request("t"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(read->plan.table.schema.fields[static_cast<size_t>(i)].type.ToString(), "json") << i;
  ASSERT_EQ(read->rows.size(), 3);
  EXPECT_EQ(read->rows[0]["h"], R"({"": "ü 🎉", "a": "1", "b\"c": null})");
  EXPECT_EQ(read->rows[0]["l"], R"({"x": "y"})");
  EXPECT_EQ(read->rows[0]["a"], R"([{"k": "v"}])");
  EXPECT_EQ(read->rows[1]["h"], "{}");
  EXPECT_EQ(read->rows[1]["l"], "NULL");
  EXPECT_EQ(read->rows[2]["h"], "NULL");
  EXPECT_EQ(read->rows[2]["l"], "{}");
}

INSTANTIATE_TEST_SUITE_P(Servers, TypesTest, testing::Values("15", "18"),
                         [](const auto& tested) { return "Postgres" + tested.param; });

TEST(MapType, PrecisionIsKeptOnRequest) {
  auto name = [](uint32_t oid, int32_t typmod, ReflectionLevel level) {
    Type type = MapType({oid, typmod, 'b', 'N', "pg_catalog", "x", ""}, level).type;
    return type.ToString();
  };
  EXPECT_EQ(name(oid::kInt2, -1, ReflectionLevel::kFull), "bigint");
  EXPECT_EQ(MapType({oid::kInt2}, ReflectionLevel::kFullWithPrecision).type.id, TypeId::kInt16);
  EXPECT_EQ(MapType({oid::kInt4}, ReflectionLevel::kFullWithPrecision).type.id, TypeId::kInt32);
  EXPECT_EQ(MapType({oid::kFloat4}, ReflectionLevel::kFullWithPrecision).type.id, TypeId::kFloat32);
  EXPECT_EQ(MapType({oid::kVarchar, 14}, ReflectionLevel::kFullWithPrecision).type.length, 10);
  EXPECT_EQ(MapType({oid::kVarchar, 14}, ReflectionLevel::kFull).type.length, 0);
}

TEST(MapType, ExtensionTypesUseTheirOwnSchema) {
  PgType geometry{50000, -1, 'b', 'U', "gis \"x\"", "geometry", "postgis"};
  EXPECT_EQ(MapType(geometry, ReflectionLevel::kFull).select_before, "\"gis \"\"x\"\"\".st_asewkb(");
  EXPECT_EQ(MapType(geometry, ReflectionLevel::kFull).select_after, "::\"gis \"\"x\"\"\".geometry)");
  EXPECT_EQ(MapType(geometry, ReflectionLevel::kFull).type.id, TypeId::kBinary);
  geometry.extension = "";  // a type of the users' own with that name
  EXPECT_EQ(MapType(geometry, ReflectionLevel::kFull).select_after, "::pg_catalog.text");
  EXPECT_EQ(MapType({50001, -1, 'b', 'U', "public", "vector", "vector"}, ReflectionLevel::kFull).type.id,
            TypeId::kJson);
}

}  // namespace
}  // namespace nilus::postgres
