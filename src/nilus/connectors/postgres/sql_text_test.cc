#include "nilus/connectors/postgres/sql_text.h"

#include <gtest/gtest.h>

namespace nilus::postgres {
namespace {

TEST(ParseTableName, Parts) {
  EXPECT_EQ(ParseTableName("sales.orders").value(), (TableRef{"sales", "orders"}));
  EXPECT_EQ(ParseTableName("orders").value(), (TableRef{"public", "orders"}));
  EXPECT_EQ(ParseTableName("sales.or.ders").value(), (TableRef{"sales", "or.ders"}));
  EXPECT_EQ(ParseTableName("\"a.b\".\"c\"\"d\"").value(), (TableRef{"a.b", "c\"d"}));
  EXPECT_EQ(ParseTableName("sales.\"Ünï.code\"").value(), (TableRef{"sales", "Ünï.code"}));
  EXPECT_EQ(ParseTableName("Sales.Orders").value(), (TableRef{"Sales", "Orders"}));
  EXPECT_EQ(ParseTableName("s.x'; DROP TABLE y; --").value(), (TableRef{"s", "x'; DROP TABLE y; --"}));
}

TEST(ParseTableName, Refused) {
  for (std::string_view text : {"", ".", "a.", ".b", "\"a", "\"a\"b.c", "\"a\".\"b\"c"}) {
    EXPECT_FALSE(ParseTableName(text).has_value()) << text;
  }
}

TEST(QueryText, OnlyBehindThePrefix) {
  EXPECT_EQ(QueryText("query:SELECT 1"), "SELECT 1");
  EXPECT_EQ(QueryText("Query:SELECT 1"), std::nullopt);  // as the engine and the other connectors see it
  EXPECT_EQ(QueryText("queryable.t"), std::nullopt);
  EXPECT_EQ(QueryText("q"), std::nullopt);
}

std::string Bind(std::string_view query) {
  return BindIntervals(query, "2024-01-01T00:00:00Z", "-0043-03-15T00:00:00Z").value();
}

TEST(BindIntervals, PlaceholdersBecomeLiterals) {
  EXPECT_EQ(Bind("SELECT * FROM t WHERE a >= :interval_start AND a<:interval_end"),
            "SELECT * FROM t WHERE a >= '2024-01-01T00:00:00Z' AND a<'0044-03-15T00:00:00Z BC'");
  EXPECT_EQ(Bind("SELECT :interval_start::date"), "SELECT '2024-01-01T00:00:00Z'::date");
}

TEST(BindIntervals, OtherThingsStay) {
  for (std::string_view query : {"SELECT a::interval_start", "SELECT ':interval_start'", "SELECT E'\\':interval_start'",
                                 "SELECT \":interval_start\"", "SELECT 1 -- :interval_start",
                                 "SELECT /* /* :interval_start */ :interval_end */ 1", "SELECT $$:interval_start$$",
                                 "SELECT $x$ $$ :interval_start $x$", "SELECT :interval_started",
                                 "SELECT 'it''s :interval_end'", "SELECT a[1:2]"}) {
    EXPECT_EQ(Bind(query), query);
  }
}

TEST(BindIntervals, ClosingSemicolonIsCut) {
  EXPECT_EQ(Bind("SELECT 1; -- done"), "SELECT 1");
  EXPECT_EQ(Bind("SELECT ';' ;; \n"), "SELECT ';' ");
  EXPECT_EQ(Bind("SELECT 1; DROP TABLE x"), "SELECT 1; DROP TABLE x");  // the server refuses two statements
  EXPECT_EQ(Bind("SELECT :interval_start;"), "SELECT '2024-01-01T00:00:00Z'");
}

TEST(BindIntervals, Refused) {
  auto missing = BindIntervals("SELECT :interval_end", "2024-01-01", std::nullopt);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, ErrorKind::kInvalidInput);
  EXPECT_NE(missing.error().fix.find("interval_end"), std::string::npos);
  EXPECT_FALSE(BindIntervals(" ; ", std::nullopt, std::nullopt).has_value());
  EXPECT_FALSE(BindIntervals("", std::nullopt, std::nullopt).has_value());
}

TEST(BindIntervals, QuotesInValuesAreInert) {
  EXPECT_EQ(BindIntervals("SELECT :interval_start", "x'; DROP TABLE t; --\\", std::nullopt).value(),
            "SELECT  E'x''; DROP TABLE t; --\\\\'");
}

TEST(PostgresDateText, Years) {
  EXPECT_EQ(PostgresDateText("2024-03-15"), "2024-03-15");
  EXPECT_EQ(PostgresDateText("0000-03-15"), "0001-03-15 BC");
  EXPECT_EQ(PostgresDateText("-4712-11-24T00:00:00"), "4713-11-24T00:00:00 BC");
  EXPECT_EQ(PostgresDateText("+12024-03-15"), "12024-03-15");
  EXPECT_EQ(PostgresDateText("nonsense"), "nonsense");
}

}  // namespace
}  // namespace nilus::postgres
