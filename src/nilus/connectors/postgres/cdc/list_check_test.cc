// What include and exclude lists match, and what is said of those that match nothing, with real servers.
#include "nilus/connectors/postgres/cdc/list_check.h"

#include <gmock/gmock.h>

#include "nilus/connectors/postgres/cdc/change_source.h"
#include "nilus/connectors/postgres/cdc/log_fixture_testing.h"

namespace nilus::postgres {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ListCheckTest : public LogTest {
 protected:
  using Properties = std::map<std::string, std::string>;
  Error StartError(Properties properties) {
    auto capture = StartCapture(address_, Request(std::move(properties)));
    EXPECT_FALSE(capture);
    return capture ? Error{} : capture.error();
  }
  // About lists.
  std::vector<std::string> Notices(Properties properties) {
    auto capture = StartCapture(address_, Request(std::move(properties)));
    EXPECT_TRUE(capture) << capture.error().ToString();
    if (!capture) return {};
    std::vector<std::string> notices = std::move(capture->start.notices);
    std::erase_if(notices, [](const std::string& notice) { return notice.find(".list: `") == std::string::npos; });
    return notices;
  }
  CheckItem Checked(const std::string& what, Properties properties) {
    capture_.source = *OpenPostgresChanges(address_, {});
    auto items = capture_.source->Check(Request(std::move(properties)));
    EXPECT_TRUE(items);
    for (const CheckItem& item : *items) {
      if (item.what == what) return item;
    }
    return {};
  }
};

INSTANTIATE_TEST_SUITE_P(Servers, ListCheckTest, testing::Values("15", "18"),
                         [](const auto& server) { return LogServer::TestName(server.param); });

TEST_P(ListCheckTest, ExpressionsThatMatchNothingAreNamed) {
  Run("CREATE TABLE t (id int PRIMARY KEY, secret text); CREATE TABLE other (id int PRIMARY KEY); "
      "CREATE VIEW v AS SELECT 1 AS id; CREATE UNLOGGED TABLE u (id int PRIMARY KEY); CREATE SCHEMA s; "
      "CREATE TABLE s.hidden (id int PRIMARY KEY)");
  EXPECT_THAT(Notices({{"table.include.list", R"(public\.t, public\.o.*)"}}), IsEmpty());
  EXPECT_THAT(
      Notices({{"schema.exclude.list", "s"},
               {"table.include.list", R"(public\.t,public\.T,public\.v,public\.[uv],s\.hidden)"}}),
      testing::IsSupersetOf({HasSubstr(R"(table.include.list: `public\.T` matches no table)"),
                             HasSubstr(R"(table.include.list: `public\.v` matches only views)"),
                             HasSubstr(R"(table.include.list: `public\.[uv]` matches only UNLOGGED tables and views)"),
                             HasSubstr(R"(table.include.list: `s\.hidden` matches only tables of schemas that)")}));
  EXPECT_THAT(Notices({{"schema.include.list", "public,s,sales"}, {"table.exclude.list", "public.othr,public.u"}}),
              ElementsAre("table.exclude.list: `public.othr` matches no table",
                          "schema.include.list: `sales` matches no schema that has tables"));
  EXPECT_THAT(Notices({{"table.include.list", "public.t"}, {"column.exclude.list", "public.t.secret,public.t.secrt"}}),
              ElementsAre(HasSubstr("column.exclude.list: `public.t.secrt` matches no column of a captured table")));
  const CheckItem item = Checked("tables", {{"table.include.list", "public.t,public.tt"}});
  EXPECT_TRUE(item.ok);
  EXPECT_THAT(item.detail, AllOf(HasSubstr("1 captured; "), HasSubstr("`public.tt` matches no table")));
}

TEST_P(ListCheckTest, WhatHasNoLogIsNotTakenForAMisspelling) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1 AS id");
  const Error views = StartError({{"table.include.list", "public.v"}});
  EXPECT_EQ(views.kind, ErrorKind::kNotFound);
  EXPECT_THAT(views.message, HasSubstr("`public.v` matches only views"));
  EXPECT_THAT(views.fix, AllOf(HasSubstr("type: batch"), Not(HasSubstr("spells"))));
  const Error spelling = StartError({{"table.include.list", "public.tt"}});
  EXPECT_THAT(spelling.message, HasSubstr("`public.tt` matches no table"));
  EXPECT_THAT(spelling.fix, HasSubstr("as the database spells them"));
  EXPECT_THAT(Checked("tables", {{"table.include.list", "public.v"}}).detail, HasSubstr("matches only views"));
}

TEST_P(ListCheckTest, ExcludeListsHoldBesideIncludeLists) {
  Run("CREATE TABLE a (id int PRIMARY KEY, name text, secret text); CREATE TABLE b (id int PRIMARY KEY)");
  auto capture = StartCapture(address_, Request({{"table.include.list", "public.*"},
                                                 {"table.exclude.list", "public.b"},
                                                 {"column.include.list", "public.a.*"},
                                                 {"column.exclude.list", "public.a.secret"}}));
  ASSERT_TRUE(capture) << capture.error().ToString();
  ASSERT_EQ(capture->start.tables.size(), 1U);
  EXPECT_EQ(capture->start.tables[0].columns.fields.size(), 2U);
  EXPECT_EQ(capture->start.database, address_.path);
}

TEST_P(ListCheckTest, TheDatabaseIsTheAddresss) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  EXPECT_THAT(Notices({{"database.include.list", "other," + address_.path}}), IsEmpty());
  const Error other = StartError({{"database.include.list", "other"}});
  EXPECT_EQ(other.kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(other.message, HasSubstr("does not match " + address_.path));
  EXPECT_THAT(other.fix, HasSubstr("source.address"));
  EXPECT_FALSE(Checked("database", {{"database.include.list", "other"}}).ok);
  EXPECT_THAT(StartError({{"database.exclude.list", address_.path}}).message, HasSubstr("database.exclude.list"));
  EXPECT_THAT(StartError({{"field.exclude.list", "public.t.secret"}}).fix, HasSubstr("column.exclude.list"));
}

}  // namespace
}  // namespace nilus::postgres
