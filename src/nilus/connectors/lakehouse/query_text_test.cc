#include "nilus/connectors/lakehouse/query_text.h"

#include <gmock/gmock.h>

namespace nilus::lakehouse {
namespace {

QueryText Parse(const std::string& sql) {
  auto text = ParseQueryText(sql, "2024-01-01", "2024-02-01");
  EXPECT_TRUE(text) << (text ? "" : text.error().ToString());
  return text ? *std::move(text) : QueryText();
}

TEST(QueryTextTest, TimeTravelBecomesAViewOfItsOwn) {
  QueryText text = Parse(R"(SELECT * FROM a.b FOR VERSION AS OF 42 WHERE x = ' FOR VERSION AS OF 1'; )");
  EXPECT_EQ(text.sql, R"(SELECT * FROM nilus_travelled_1 AS b WHERE x = ' FOR VERSION AS OF 1')");
  ASSERT_EQ(text.travelled.size(), 1U);
  EXPECT_EQ(text.travelled[0].selection.table.ToString(), "a.b");
  EXPECT_EQ(text.travelled[0].selection.version.snapshot_id, 42);
  text = Parse(R"(select 1 from "a.b"."c" for timestamp as of timestamp '1970-01-01 00:00:01' as t join d.e on true)");
  EXPECT_EQ(text.sql, "select 1 from nilus_travelled_1 as t join d.e on true");
  EXPECT_EQ(text.travelled[0].selection.version.as_of_ms, 1'000);
  EXPECT_EQ(text.travelled[0].selection.table.schema, "a.b");
  text = Parse("SELECT * FROM a.b FOR SYSTEM_VERSION AS OF 'dev' x, a.b y");
  EXPECT_EQ(text.sql, "SELECT * FROM nilus_travelled_1 x, a.b y");
  EXPECT_EQ(text.travelled[0].selection.version.ref, "dev");
  text = Parse("SELECT * FROM a.b FOR VERSION AS OF 'it''s '''");
  EXPECT_EQ(text.travelled[0].selection.version.ref, "it's '");
  text = Parse("SELECT * FROM a.b FOR VERSION AS OF $$it''s$$");
  EXPECT_EQ(text.travelled[0].selection.version.ref, "it''s");
}

TEST(QueryTextTest, NamesTablesWhereTheyStand) {
  const auto names = [](const std::string& sql) {
    std::vector<std::string> found;
    for (const NamedTable& table : Parse(sql).named)
      found.push_back(table.selection.table.ToString() + (table.is_certain ? "" : "?"));
    return found;
  };
  EXPECT_THAT(names("SELECT c.x, d.y FROM a.b c JOIN \"p q\".\"r\" d ON c.x = d.y"),
              testing::ElementsAre("d.y?", "a.b", "p q.r"));
  EXPECT_THAT(names("WITH t AS (SELECT * FROM a.b) SELECT * FROM t, a.c -- FROM x.y"),
              testing::ElementsAre("a.b", "a.c?"));
  EXPECT_THAT(names("SELECT 'FROM a.b', * FROM read_csv('x'), s.f(1)"), testing::IsEmpty());
}

TEST(QueryTextTest, IntervalsAreBound) {
  QueryText text =
      Parse("SELECT a::interval_start FROM t WHERE a >= :interval_start AND a < :interval_end OR b = :interval_start");
  EXPECT_EQ(text.sql,
            "SELECT a::interval_start FROM t WHERE a >= CAST('2024-01-01' AS TIMESTAMP) AND a < CAST('2024-02-01' AS "
            "TIMESTAMP) OR b = CAST('2024-01-01' AS TIMESTAMP)");
}

TEST(QueryTextTest, WhatCannotBeUnderstoodIsSaid) {
  for (const char* sql : {"", " ; ", "SELECT 1 FOR VERSION AS OF 3", "SELECT * FROM a.b FOR VERSION AS OF",
                          "SELECT * FROM b FOR VERSION AS OF 3", "SELECT * FROM a.b FOR TIMESTAMP AS OF 'soon'",
                          "SELECT * FROM a.b FOR VERSION AS OF ("}) {
    auto text = ParseQueryText(sql, std::nullopt, std::nullopt);
    ASSERT_FALSE(text) << sql;
    EXPECT_EQ(text.error().kind, ErrorKind::kInvalidInput) << sql;
  }
  EXPECT_EQ(ParseQueryText("SELECT :interval_end", std::nullopt, std::nullopt).error().kind, ErrorKind::kInvalidInput);
}

}  // namespace
}  // namespace nilus::lakehouse
