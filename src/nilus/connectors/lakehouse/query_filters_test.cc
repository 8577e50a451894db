#include "nilus/connectors/lakehouse/query_filters.h"

#include <gmock/gmock.h>

namespace nilus::lakehouse {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ScanCondition Condition(int32_t id, std::string comparison, std::vector<std::string> literals) {
  return ScanCondition{.field_id = id, .comparison = std::move(comparison), .literals = std::move(literals)};
}

TEST(QueryFiltersTest, FiltersAreReadAsDuckDbWritesThem) {
  EXPECT_THAT(
      ParseFilters("f1=5000\nf2>='it''s AND f1=3' AND f2<'x\ny'\nf3>'2024-01-01 00:00:00+00'::TIMESTAMP WITH TIME "
                   "ZONE\nf4<=-3.50\noptional: f12 IN (1, 5, 'a, b)')"),
      ElementsAre(Condition(1, "=", {"5000"}), Condition(2, ">=", {"'it''s AND f1=3'"}), Condition(2, "<", {"'x\ny'"}),
                  Condition(3, ">", {"'2024-01-01 00:00:00+00'::TIMESTAMP WITH TIME ZONE"}),
                  Condition(4, "<=", {"-3.50"}), Condition(12, "IN", {"1", "5", "'a, b)'"})));
}

TEST(QueryFiltersTest, WhatIsNotUnderstoodIsLeftOut) {
  for (const char* filter : {"",
                             "f1!=4",
                             "f1",
                             "(NOT f7)",
                             "f1 IS NULL",
                             "f1 IS NOT NULL",
                             "optional: f1=3 OR f1=9",
                             "f1>2 AND f1=3 OR f1=9",
                             "((f1 = 3) OR (f1 > 9))",
                             "(CAST(f1 AS DECIMAL(20,1)) > 3.5)",
                             "f1=f2",
                             "f1=now()",
                             "f1='open",
                             "f1='a'::T; DROP",
                             "x1=3",
                             "f=3",
                             "f99999999999=3",
                             "f1 IN (1, f2)",
                             "f1=1)",
                             "optional: Dynamic Filter (f1)"}) {
    EXPECT_THAT(ParseFilters(filter), IsEmpty()) << filter;
  }
}

TEST(QueryFiltersTest, ScansOfOneTableKeepWhatTheyShare) {
  const auto found = ScanConditions(
      R"([{"name":"HASH_JOIN","extra_info":{},"children":[)"
      R"({"name":"SEQ_SCAN","extra_info":{"Table":"memory.main.nilus_stand_in_0","Filters":["f1>7","f2='a"," b'"]},"children":[]},)"
      R"({"name":"SEQ_SCAN","extra_info":{"Table":"memory.main.nilus_stand_in_0","Filters":"f1>7"}},)"
      R"({"name":"SEQ_SCAN","extra_info":{"Table":"memory.main.nilus_stand_in_1","Filters":["f2='a"," b'"]}},)"
      R"({"name":"SEQ_SCAN","extra_info":{"Table":"memory.main.nilus_stand_in_2"}},)"
      R"({"name":"SEQ_SCAN","extra_info":{"Table":"memory.main.other","Filters":"f1=1"}}]}])");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_THAT(found.at("nilus_stand_in_0"), ElementsAre(Condition(1, ">", {"7"})));
  EXPECT_THAT(found.at("nilus_stand_in_1"), ElementsAre(Condition(2, "=", {"'a\n b'"})));
  EXPECT_THAT(found.at("nilus_stand_in_2"), IsEmpty());
  EXPECT_TRUE(ScanConditions("no json").empty());
}

class StandInsTest : public testing::Test {
 protected:
  StandInsTest() {
    const auto field = [&](std::string name, lake::TypeKind kind) {
      schema_.fields.push_back({.id = static_cast<int32_t>(schema_.fields.size()) + 1,
                                .name = std::move(name),
                                .type = lake::MakeIcebergType(kind)});
    };
    field("id", lake::TypeKind::kLong);
    field("f1=1 OR \"x\"", lake::TypeKind::kString);
    field("at", lake::TypeKind::kTimestamptz);
    field("day", lake::TypeKind::kDate);
  }

  // "id 5..7" for each filter on table s.t.
  std::vector<std::string> FiltersOf(const std::string& sql) {
    duck::Connection connection = *duck::Connection::Open(*duck::Database::Open({}));
    EXPECT_TRUE(connection.Execute("CREATE SCHEMA s"));
    StandIns stand_ins(connection);
    EXPECT_TRUE(stand_ins.Add("s.t", schema_));
    EXPECT_TRUE(stand_ins.Add("s.other", schema_));
    auto filters = stand_ins.Filters(sql, {});
    EXPECT_TRUE(filters) << (filters ? "" : filters.error().ToString());
    std::vector<std::string> texts;
    if (!filters) return texts;
    for (const lake::RangeFilter& filter : filters->at(0)) {
      EXPECT_FALSE(filter.with_nulls);
      const lake::IcebergField& field = *schema_.FindById(filter.field_id);
      const auto text = [&](const std::optional<lake::Literal>& bound) {
        return bound ? lake::LiteralToText(*bound, field.type) : std::string();
      };
      texts.push_back(fmt::format("{} {}..{}{}", field.name.substr(0, 2), text(filter.lower),
                                  filter.upper_inclusive ? "" : "<", text(filter.upper)));
    }
    return texts;
  }

  lake::IcebergSchema schema_;
};

TEST_F(StandInsTest, ConditionsOfEveryFormBecomeRanges) {
  EXPECT_THAT(FiltersOf("SELECT * FROM s.t WHERE id = 5"), ElementsAre("id 5..5"));
  EXPECT_THAT(FiltersOf("SELECT count(*) FROM s.t AS x WHERE x.id BETWEEN 3 AND 4 + 5 AND x.\"at\" < '2024-03-01'"),
              ElementsAre("id 3..", "id ..9", "at ..<2024-03-01T00:00:00Z"));
  EXPECT_THAT(FiltersOf(R"(SELECT id FROM (SELECT id, "f1=1 OR ""x""" AS n FROM s.t) WHERE n LIKE 'ab%')"),
              ElementsAre("f1 ab..", "f1 ..<ac"));
  EXPECT_THAT(FiltersOf("WITH w AS (SELECT * FROM s.t) SELECT * FROM w WHERE id IN (9, 5, 7)"), ElementsAre("id 5..9"));
  EXPECT_THAT(FiltersOf("SELECT * FROM s.t WHERE date_trunc('month', \"day\") = DATE '2024-02-01'"),
              ElementsAre("da 2024-02-01..", "da ..<2024-03-01"));
  EXPECT_THAT(FiltersOf("SELECT * FROM s.t JOIN s.other AS o USING (id) WHERE o.id > 7"), ElementsAre("id 7.."));
}

TEST_F(StandInsTest, WhatMayLookAtAnyRowIsNotNarrowed) {
  for (const char* sql :
       {"SELECT * FROM s.t", "SELECT * FROM s.t WHERE id = 1 OR \"day\" IS NULL", "SELECT * FROM s.other WHERE id = 1",
        "SELECT * FROM s.t AS a, s.t AS b WHERE a.id = 1 AND b.id = 2", "SELECT count(*) FILTER (id = 3) FROM s.t",
        "SELECT * FROM s.other LEFT JOIN s.t ON s.t.id + 1 = s.other.id", "SELECT nothing FROM s.t WHERE id = 1",
        "SELECT * FROM s.t WHERE id = random() * 100"}) {
    EXPECT_THAT(FiltersOf(sql), IsEmpty()) << sql;
  }
}

}  // namespace
}  // namespace nilus::lakehouse
