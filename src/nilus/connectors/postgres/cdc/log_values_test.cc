// Every type's values come from the log as they come from a snapshot of the table: same columns, same values, in text
// and in binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/connectors/postgres/cdc/log_fixture_testing.h"

namespace nilus::postgres {
namespace {

struct TypeCase {
  const char* type;
  std::vector<const char*> values;  // SQL expressions
};

// What binary COPY brings as it is.
const std::vector<TypeCase> kDirect = {
    {"bool", {"true", "false"}},
    {"int2", {"-32768", "32767", "0"}},
    {"int4", {"-2147483648", "2147483647"}},
    {"int8", {"-9223372036854775808", "9223372036854775807"}},
    {"oid", {"0", "4294967295"}},
    {"float4", {"1.1", "'NaN'", "'Infinity'", "'-Infinity'", "1e-45", "-0.0", "3.4028235e38"}},
    {"float8", {"1.1", "'NaN'", "'-Infinity'", "5e-324", "-0.0", "1.7976931348623157e308"}},
    {"numeric", {"0", "-12.5", "'NaN'", "1e-9", "1e-10", "123456789012345678901234567890", "1e40", "0.000"}},
    {"numeric(10,2)", {"12345678.90", "-0.01", "0", "'NaN'"}},
    {"numeric(20,0)", {"99999999999999999999", "1"}},
    {"text", {"''", "'x'", "'äöü €'", "E'a\\tb\\nc\\\\'", "repeat('long', 5000)"}},
    {"varchar(10)", {"'abc'", "''"}},
    {"char(5)", {"'ab'", "''"}},
    {"bytea", {"'\\x'", "'\\x00ff10'", "decode(repeat('00', 3000), 'hex')"}},
    {"date", {"'2024-02-29'", "'0044-03-15 BC'", "'infinity'", "'-infinity'", "'5874897-12-31'", "'4713-01-01 BC'"}},
    {"time", {"'00:00'", "'24:00'", "'12:34:56.789012'"}},
    {"timestamp",
     {"'2024-02-29 12:34:56.789012'", "'0044-03-15 10:00 BC'", "'infinity'", "'-infinity'",
      "'294276-12-31 23:59:59.999999'", "'1999-12-31 23:59:59.1'"}},
    {"timestamptz",
     {"'2024-02-29 12:34:56.789012+05:30'", "'0044-03-15 10:00 BC'", "'infinity'", "'294276-12-31 23:59:59.999999+00'",
      "'12024-01-01 00:00+00'"}},
    {"uuid", {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"}},
    {"json", {"'{\"a\": [1, 2.50, null]}'", "'  3 '"}},
    {"jsonb", {"'{\"b\": 1, \"a\": \"\\u00e4\"}'", "'null'"}},
    {"mood", {"'sad'", "'very \"happy\"'"}},
    {"positive", {"1", "2147483647"}},
    {"name", {"'x'"}},
};

// What a SELECT has to convert.
const std::vector<TypeCase> kConverted = {
    {"interval", {"'1 year -2 days 03:04:05.678'", "'0'", "'-1 mon'"}},
    {"timetz", {"'12:34:56+05:30'", "'00:00+00'"}},
    {"inet", {"'1.2.3.4'", "'1.2.3.0/24'", "'::1'", "'2001:db8::/32'"}},
    {"cidr", {"'10.0.0.0/8'"}},
    {"macaddr", {"'08:00:2b:01:02:03'"}},
    {"money", {"12.34", "-1234567.89", "0"}},
    {"bit(3)", {"B'101'"}},
    {"varbit", {"B''", "B'10101'"}},
    {"xml", {"'<a>1</a>'"}},
    {"point", {"'(1,2.5)'"}},
    {"int4range", {"'[1,5)'", "'empty'", "'(,)'"}},
    {"tsvector", {"'a:1 b:2'"}},
    {"pg_lsn", {"'0/16B3748'"}},
    {"regclass", {"'pg_class'"}},
    {"int4[]", {"'{}'", "'{1,NULL,-3}'", "'{{1,2},{3,4}}'", "'[0:1]={7,8}'"}},
    {"float8[]", {"'{1.5,NaN,-Infinity,1e300}'"}},
    {"numeric[]", {"'{1.50,NaN}'"}},
    {"bool[]", {"'{t,f,NULL}'"}},
    {"text[]", {"ARRAY['a', 'b c', 'NULL', NULL, '', 'q\"u\\o,{}', E'l\\nf\\x01', 'ä']"}},
    {"varchar(3)[]", {"'{abc,x}'"}},
    {"date[]", {"'{2024-01-31,infinity}'"}},
    {"timestamp[]", {"'{2024-01-31 10:20:30.5,infinity,0044-03-15 10:00:00 BC}'"}},
    {"timestamptz[]", {"'{2024-01-31 10:20:30+00,-infinity}'"}},
    {"json[]", {"ARRAY['{\"a\": \"x,y\"}'::json, '1'::json]"}},
    {"jsonb[]", {"ARRAY['{\"a\": [1]}'::jsonb]"}},
    {"uuid[]", {"'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"}},
    {"bytea[]", {"ARRAY['\\x00ff'::bytea]"}},
    {"inet[]", {"'{1.2.3.4,::1}'"}},
    {"mood[]", {"ARRAY['sad', 'very \"happy\"']::mood[]"}},
    {"positive[]", {"'{1,2}'"}},
    {"pair", {"ROW(1, 'x')", "ROW(NULL, 'say \"hi\", \\ok')", "ROW(1, NULL)"}},
    {"pair[]", {"ARRAY[ROW(1, 'x'), NULL]::pair[]"}},
};

class LogValuesTest : public LogTest {
 protected:
  void SetUp() override {
    LogTest::SetUp();
    if (IsSkipped()) return;
    MustExecute(address_,
                "CREATE TYPE mood AS ENUM ('sad', 'very \"happy\"'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); "
                "CREATE TYPE pair AS (a int, b text)");
  }

  // A table with a column a type and a row a value; the rows by way of a snapshot, and all of them again by the log.
  void ExpectSame(const std::vector<TypeCase>& cases, bool expects_binary) {
    std::string columns = "id int PRIMARY KEY";
    std::vector<std::string> inserts;
    for (size_t i = 0; i < cases.size(); ++i) columns += ", c" + std::to_string(i) + " " + cases[i].type;
    for (size_t i = 0; i < cases.size(); ++i) {
      for (const char* value : cases[i].values) {
        inserts.push_back("INSERT INTO t (id, c" + std::to_string(i) + ") VALUES (" + std::to_string(inserts.size()) +
                          ", " + value + "); ");
      }
    }
    std::string sql = "CREATE TABLE t (" + columns + "); ";
    MustExecute(address_, sql);
    auto capture = StreamCapture(address_, Request());
    ASSERT_TRUE(capture) << capture.error().ToString();
    sql.clear();
    for (const std::string& insert : inserts) sql += insert;
    MustExecute(address_, sql + "INSERT INTO t (id) VALUES (-1)");
    auto seen = ReadUpToNow(address_, *capture->reader);
    ASSERT_TRUE(seen) << seen.error().ToString();
    EXPECT_EQ(MustSelect(address_,
                         "SELECT query LIKE '%binary%' FROM pg_stat_activity WHERE query LIKE "
                         "'START_REPLICATION%' AND datname = current_database()"),
              expects_binary ? "t" : "f");
    auto view = WaitForView(*capture->source);
    ASSERT_TRUE(view) << view.error().ToString();
    auto rows = ReadView(**view, capture->start.tables[0], 100'000, nullptr);
    ASSERT_TRUE(rows) << rows.error().ToString();
    std::map<std::string, std::map<std::string, std::string>> by_id;
    for (auto& row : *rows) by_id[row.at("id")] = row;
    ASSERT_EQ(seen->changes.size(), by_id.size());
    for (const SeenChange& change : seen->changes) {
      EXPECT_EQ(change.row, by_id[change.row.at("id")]) << change.text;
    }
    // And their types.
    EXPECT_TRUE(seen->schemas.empty());
  }
};

INSTANTIATE_TEST_SUITE_P(Servers, LogValuesTest, testing::ValuesIn(kLogServers),
                         [](const auto& server) { return LogServer::TestName(server.param); });

TEST_P(LogValuesTest, InBinary) {
  if (!which_.is_pgoutput()) GTEST_SKIP() << "it sends texts only";
  ExpectSame(kDirect, true);
}

TEST_P(LogValuesTest, InText) {
  std::vector<TypeCase> cases = kDirect;
  if (which_.plugin == "wal2json") {  // its version here cannot tell NaN from NULL, and columns with both are refused
    std::erase_if(cases, [](const TypeCase& type) {
      return std::string_view(type.type).starts_with("float") || std::string_view(type.type).starts_with("numeric");
    });
  }
  cases.push_back({"interval", {"'1 day'"}});
  ExpectSame(cases, false);
}

TEST_P(LogValuesTest, ThatASelectConverts) { ExpectSame(kConverted, false); }

TEST_P(LogValuesTest, OfATypeThatWasDroppedSince) {
  MustExecute(address_, "CREATE TABLE t (id int PRIMARY KEY, p pair, m mood)");
  auto capture = StreamCapture(address_, Request());
  ASSERT_TRUE(capture) << capture.error().ToString();
  MustExecute(address_,
              "INSERT INTO t VALUES (1, ROW(1, 'x'), 'sad'); ALTER TABLE t DROP p, DROP m; DROP TYPE pair; DROP TYPE "
              "mood");
  auto seen = ReadUpToNow(address_, *capture->reader);
  ASSERT_TRUE(seen) << seen.error().ToString();
  EXPECT_THAT(seen->Texts(), testing::ElementsAre("c public.t id=1 p=(1,x) m=sad"));
}

}  // namespace
}  // namespace nilus::postgres
