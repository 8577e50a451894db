#include "nilus/connector/sql_strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/connector/change_fold.h"
#include "nilus/connector/sql_state.h"

namespace nilus {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string TypeName(const Type& type) { return type.ToString(); }
std::string Literal(const Scalar& value) { return QuoteText(value.text); }

SqlDialect TestDialect() {
  return SqlDialect{
      .name = "TestDB", .identifier_limit = 30, .column_limit = 5, .type_name = TypeName, .literal = Literal};
}

WriteRequest Request(WriteStrategy strategy) {
  WriteRequest request;
  request.load_id = "load";
  request.table = {"s", "t"};
  auto schema = std::make_shared<Schema>();
  schema->fields = {{"id", MakeType(TypeId::kInt64)}, {"v", MakeType(TypeId::kText)}};
  request.schema = schema;
  request.strategy = strategy;
  request.primary_key = {"id"};
  return request;
}

std::vector<std::string> Texts(const std::vector<SqlStep>& steps) {
  std::vector<std::string> texts;
  for (const SqlStep& step : steps) texts.push_back(step.sql);
  return texts;
}

TEST(SqlDialectTest, QuotesWhateverANameHolds) {
  EXPECT_EQ(QuoteIdentifier("a\"b'; DROP TABLE x; --"), "\"a\"\"b'; DROP TABLE x; --\"");
  EXPECT_EQ(QuoteText("it's"), "'it''s'");
  EXPECT_EQ(QuoteTable(TestDialect(), {"s", "t"}), "\"s\".\"t\"");
  EXPECT_EQ(QuoteTable(TestDialect(), {"", "t"}), "\"t\"");
}

TEST(SqlDialectTest, RefusesNamesThatCannotBeUsed) {
  const SqlDialect dialect = TestDialect();
  EXPECT_TRUE(CheckIdentifier(dialect, "column", std::string(30, 'x')));
  for (const std::string& bad : {std::string(), std::string("a\0b", 3), std::string("\xff"), std::string(31, 'x')}) {
    const Status status = CheckIdentifier(dialect, "column", bad);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::kInvalidInput);
  }
}

TEST(SqlDialectTest, DerivedNamesTellLoadsAndTablesApart) {
  const std::string name = DerivedName("stage", "load", {"s", "t"});
  EXPECT_EQ(name, DerivedName("stage", "load", {"s", "t"}));
  EXPECT_LE(name.size(), 30U);
  EXPECT_NE(name, DerivedName("stage", "load2", {"s", "t"}));
  EXPECT_NE(DerivedName("stage", "l", {"a.b", "c"}), DerivedName("stage", "l", {"a", "b.c"}));
  EXPECT_NE(DerivedName("stage", "l", {"a|1:b", "c"}), DerivedName("stage", "l", {"a", "1:b|c"}));
}

TEST(LoadSqlTest, RefusesWhatCannotBeLoaded) {
  const SqlDialect dialect = TestDialect();
  const auto kind = [&](const WriteRequest& request) {
    const auto sql = LoadSql::Make(dialect, request);
    return sql ? std::string("ok") : std::string(ErrorKindName(sql.error().kind)) + ": " + sql.error().message;
  };
  EXPECT_EQ(kind(Request(WriteStrategy::kMerge)), "ok");
  WriteRequest request = Request(WriteStrategy::kMerge);
  request.primary_key = {"nope"};
  EXPECT_THAT(kind(request), HasSubstr("primary key `nope`"));
  request = Request(WriteStrategy::kMerge);
  request.incremental_key = "nope";
  EXPECT_THAT(kind(request), HasSubstr("incremental key `nope`"));
  for (const char* reserved : {"_nilus_seq", "_nilus_valid_from", "_nilus_rank"}) {
    auto schema = std::make_shared<Schema>(*Request(WriteStrategy::kScd2).schema);
    schema->fields.push_back({reserved, MakeType(TypeId::kText)});
    request = Request(WriteStrategy::kScd2);
    request.schema = schema;
    EXPECT_THAT(kind(request), HasSubstr(reserved));
    request.strategy = WriteStrategy::kAppend;  // nothing of ours there
    EXPECT_EQ(kind(request), "ok");
  }
  request = Request(WriteStrategy::kAppend);
  auto wide = std::make_shared<Schema>();
  for (int i = 0; i < 6; ++i) wide->fields.push_back({fmt::format("c{}", i), MakeType(TypeId::kText)});
  request.schema = wide;
  EXPECT_THAT(kind(request), HasSubstr("unsupported"));
  auto twins = std::make_shared<Schema>();
  twins->fields = {{"a", MakeType(TypeId::kText)}, {"A", MakeType(TypeId::kText)}};
  request.schema = twins;
  EXPECT_EQ(kind(request), "ok");
  SqlDialect folding = dialect;
  folding.case_insensitive_names = true;
  EXPECT_FALSE(LoadSql::Make(folding, request));
}

TEST(LoadSqlTest, ReplaceSwapsOrCopies) {
  SqlDialect dialect = TestDialect();
  const auto sql = *LoadSql::Make(dialect, Request(WriteStrategy::kReplace));
  const std::string stage = QuoteIdentifier(DerivedName("stage", "load", {"s", "t"}));
  EXPECT_THAT(sql.CreateStaging(),
              ElementsAre("CREATE SCHEMA IF NOT EXISTS \"s\"",
                          fmt::format("CREATE TABLE \"s\".{} (\"id\" bigint, \"v\" text)", stage)));
  TargetState target;
  EXPECT_THAT(Texts(*sql.Apply(target, std::nullopt)),
              ElementsAre(fmt::format("ALTER TABLE \"s\".{} RENAME TO \"t\"", stage)));
  target.existing = *Request(WriteStrategy::kReplace).schema;
  EXPECT_THAT(Texts(*sql.Apply(target, std::nullopt)),
              ElementsAre("DROP TABLE \"s\".\"t\"", fmt::format("ALTER TABLE \"s\".{} RENAME TO \"t\"", stage)));
  target.can_drop = false;
  EXPECT_THAT(
      Texts(*sql.Apply(target, std::nullopt)),
      ElementsAre("DELETE FROM \"s\".\"t\"",
                  fmt::format("INSERT INTO \"s\".\"t\" (\"id\", \"v\") SELECT \"id\", \"v\" FROM \"s\".{}", stage),
                  fmt::format("DROP TABLE \"s\".{}", stage)));
  target.existing->fields.pop_back();
  EXPECT_THAT(Texts(*sql.PrepareTarget(target)),
              ElementsAre("CREATE SCHEMA IF NOT EXISTS \"s\"", "ALTER TABLE \"s\".\"t\" ADD COLUMN \"v\" text"));
}

TEST(LoadSqlTest, ColumnsThatComeLaterJoinStagingAndInserts) {
  const SqlDialect dialect = TestDialect();
  auto sql = *LoadSql::Make(dialect, Request(WriteStrategy::kMerge));
  Schema batch = *Request(WriteStrategy::kMerge).schema;
  batch.fields.push_back({"v__v_text", MakeType(TypeId::kText)});
  const std::vector<Field> missing = sql.MissingFrom(batch);
  ASSERT_EQ(missing.size(), 1U);
  const auto added = sql.AddColumns(missing);
  ASSERT_TRUE(added);
  EXPECT_THAT(*added, ElementsAre(testing::EndsWith("ADD COLUMN \"v__v_text\" text")));
  EXPECT_THAT(sql.MissingFrom(batch), IsEmpty());
  EXPECT_THAT(Texts(*sql.Apply({}, std::nullopt)), testing::Contains(HasSubstr("(\"id\", \"v\", \"v__v_text\")")));
  // Refused columns leave the load as it was.
  EXPECT_FALSE(
      sql.AddColumns({{"a", MakeType(TypeId::kText)}, {"b", MakeType(TypeId::kText)}, {"c", MakeType(TypeId::kText)}}));
  EXPECT_EQ(sql.columns().size(), 3);
}

TEST(LoadSqlTest, MatchesKeysAsTheDialectDoesBest) {
  SqlDialect dialect = TestDialect();
  WriteRequest request = Request(WriteStrategy::kMerge);
  request.primary_key = {"id", "v"};
  request.key_is_unique = true;
  auto steps = Texts(*LoadSql::Make(dialect, request)->Apply({}, std::nullopt));
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_THAT(steps[0], HasSubstr("EXISTS (SELECT 1 FROM \"_nilus_stage_"));
  EXPECT_THAT(steps[0], HasSubstr("i.\"id\" = t.\"id\" AND i.\"v\" = t.\"v\""));
  dialect.keys_by_row_in = true;
  steps = Texts(*LoadSql::Make(dialect, request)->Apply({}, std::nullopt));
  EXPECT_THAT(steps[0], HasSubstr("(t.\"id\", t.\"v\") IN (SELECT i.\"id\", i.\"v\" FROM"));
}

// A merge's child rows may belong to versions of a row that are superseded: which ones is a join, whatever its size.
TEST(LoadSqlTest, ChildrenOfSupersededRowsAreLookedUpRowByRow) {
  SqlDialect dialect = TestDialect();
  dialect.identifier_limit = 63;
  for (const bool is_unique : {false, true}) {
    auto root = std::make_shared<WriteRequest>(Request(WriteStrategy::kMerge));
    root->schema = std::make_shared<Schema>(Schema{{{"id", MakeType(TypeId::kInt64)},
                                                    {"at", MakeType(TypeId::kInt64)},
                                                    {std::string(kRowIdColumn), MakeType(TypeId::kText)}}});
    root->incremental_key = "at";
    root->keeps_newer = true;
    root->key_is_unique = is_unique;
    root->has_children = true;
    WriteRequest child = *root;
    child.table.name = "t__items";
    auto schema = std::make_shared<Schema>(Schema{{{std::string(kRootIdColumn), MakeType(TypeId::kText)}}});
    if (!is_unique) schema->fields.push_back({std::string(kRootNumberColumn), MakeType(TypeId::kInt64)});
    child.schema = schema;
    child.primary_key.clear();
    child.incremental_key.clear();
    child.root = root;
    auto sql = LoadSql::Make(dialect, child);
    ASSERT_TRUE(sql) << sql.error().ToString();
    auto steps = sql->Apply({.existing = *schema, .has_root = true}, std::nullopt);
    ASSERT_TRUE(steps) << steps.error().ToString();
    EXPECT_THAT(Texts(*steps), Contains(HasSubstr(is_unique ? R"(r."_nilus_id" = s."_nilus_root_id")"
                                                            : R"(r."_nilus_seq" = s."_nilus_root_seq")")));
    EXPECT_THAT(Texts(*steps), Contains(HasSubstr("WHERE NOT EXISTS (SELECT 1 FROM ")));
    EXPECT_THAT(Texts(*steps), Not(Contains(HasSubstr("NOT IN"))));
    SqlDialect by_row_in = dialect;
    by_row_in.keys_by_row_in = true;
    steps = LoadSql::Make(by_row_in, child)->Apply({.existing = *schema, .has_root = true}, std::nullopt);
    EXPECT_THAT(Texts(*steps),
                Contains(HasSubstr(is_unique ? R"(s."_nilus_root_id" NOT IN (SELECT r."_nilus_id" FROM)"
                                             : R"(s."_nilus_root_seq" NOT IN (SELECT r."_nilus_seq" FROM)")));
  }
}

TEST(LoadSqlTest, BoundsOfIntervalsAreLiterals) {
  const SqlDialect dialect = TestDialect();
  WriteRequest request = Request(WriteStrategy::kDeleteInsert);
  request.incremental_key = "v";
  const auto sql = *LoadSql::Make(dialect, request);
  KeyRange interval{.column = "v",
                    .lower = Scalar{MakeType(TypeId::kText), "o'hara"},
                    .upper = Scalar{MakeType(TypeId::kText), "p"},
                    .upper_inclusive = false};
  EXPECT_THAT(Texts(*sql.Apply({}, interval))[0], HasSubstr("\"v\" >= 'o''hara' AND \"v\" < 'p'"));
  EXPECT_THAT(Texts(*sql.Apply({}, interval))[0], testing::Not(HasSubstr("IS NULL")));
  interval.lower->text = std::string("a\0b", 3);
  EXPECT_FALSE(sql.Apply({}, interval));
}

TEST(StateSqlTest, ParametersAppearInTheirOrder) {
  const auto sql = *MakeStateSql(TestDialect(), "s");
  for (const std::string& statement :
       {sql.select_state, sql.select_load, sql.insert_state, sql.update_state, sql.insert_load}) {
    size_t last = 0;
    for (int i = 1; statement.find(fmt::format("${}", i)) != std::string::npos; ++i) {
      EXPECT_GT(statement.find(fmt::format("${}", i)), last) << statement;
      last = statement.find(fmt::format("${}", i));
    }
    EXPECT_GT(last, 0U);
  }
  EXPECT_THAT(sql.create, testing::SizeIs(3));
  EXPECT_FALSE(MakeStateSql(TestDialect(), ""));
}

TEST(CountRowsTest, MergeCountsReplacedRowsAsUpdated) {
  CommitResult result;
  CountRows(SqlEffect::kReplaced, 3, &result);
  CountRows(SqlEffect::kInserted, 10, &result);
  CountRows(SqlEffect::kDeleted, 2, &result);
  CountRows(SqlEffect::kStaged, 99, &result);
  EXPECT_EQ(result.rows_inserted, 7);
  EXPECT_EQ(result.rows_updated, 3);
  EXPECT_EQ(result.rows_deleted, 2);
}

TEST(LoadSqlTest, ChangesAreCompletedRemovedUpdatedAndInserted) {
  SqlDialect dialect = TestDialect();
  dialect.updates_in_place = true;
  dialect.index_keys = true;
  WriteRequest request = Request(WriteStrategy::kMerge);
  request.is_changes = true;
  const LoadSql load = LoadSql::Make(dialect, request).value();
  const std::string stage = load.staging_sql();
  FoldedChanges changes{.groups = {{.columns = {"v"}, .has_moved = true, .rows = 2}}, .removed = 1, .kept = 3};
  const std::vector<SqlStep> steps = load.ApplyChanges(changes, false, KeyIndex::kUnique);
  EXPECT_THAT(
      Texts(steps),
      ElementsAre(
          "UPDATE " + stage + " AS s SET \"v\" = t.\"v\" FROM " + stage +
              " AS k, \"s\".\"t\" AS t WHERE s.\"_nilus_group\" = 1 AND k.\"_nilus_seq\" = s.\"_nilus_from\" AND "
              "t.\"id\" = k.\"id\"",
          "DELETE FROM \"s\".\"t\" AS t WHERE EXISTS (SELECT 1 FROM " + stage +
              " AS i WHERE i.\"_nilus_group\" = -1 AND i.\"id\" = t.\"id\")",
          "UPDATE \"s\".\"t\" AS t SET \"v\" = s.\"v\" FROM " + stage +
              " AS s WHERE s.\"_nilus_group\" >= 0 AND t.\"id\" = s.\"id\"",
          "INSERT INTO \"s\".\"t\" (\"id\", \"v\") SELECT s.\"id\", s.\"v\" FROM " + stage +
              " AS s WHERE s.\"_nilus_group\" >= 0 AND NOT EXISTS (SELECT 1 FROM \"s\".\"t\" AS t WHERE t.\"id\" = "
              "s.\"id\")"));
  EXPECT_TRUE(CheckStep(steps[0], 2, nullptr));
  EXPECT_EQ(CheckStep(steps[0], 1, nullptr).error().kind, ErrorKind::kData);
  EXPECT_TRUE(CheckStep(steps[1], 0, nullptr)) << "a row that is not there may be removed";

  // A table without rows needs no look at it, and one without an index gets one.
  EXPECT_THAT(Texts(load.ApplyChanges({.truncates = true, .removed = 1, .kept = 1}, true, KeyIndex::kPlain)),
              ElementsAre(testing::StartsWith("INSERT INTO")));
  EXPECT_THAT(Texts(load.PrepareTarget({.existing = *request.schema, .key_index = KeyIndex::kNone}).value()),
              testing::IsSupersetOf({testing::StartsWith("DROP INDEX IF EXISTS \"s\".\"_nilus_key_"),
                                     testing::StartsWith("CREATE INDEX \"_nilus_key_")}));
  request.has_children = true;
  EXPECT_EQ(LoadSql::Make(dialect, request).error().kind, ErrorKind::kUnsupported);
}

TEST(LoadSqlTest, ChangesAreOneStatementWhereTheKeyIsUnique) {
  SqlDialect dialect = TestDialect();
  dialect.updates_in_place = true;
  dialect.index_keys = true;
  dialect.is_inserted_row = "is_new_here";
  WriteRequest request = Request(WriteStrategy::kMerge);
  request.is_changes = true;
  const LoadSql load = LoadSql::Make(dialect, request).value();
  const std::vector<SqlStep> steps = load.ApplyChanges({.kept = 3}, false, KeyIndex::kUnique);
  EXPECT_THAT(Texts(steps),
              ElementsAre("WITH done AS (INSERT INTO \"s\".\"t\" (\"id\", \"v\") SELECT s.\"id\", s.\"v\" FROM " +
                          load.staging_sql() +
                          " AS s WHERE s.\"_nilus_group\" >= 0 ON CONFLICT (\"id\") DO UPDATE SET \"v\" = "
                          "EXCLUDED.\"v\" RETURNING is_new_here AS is_new) SELECT count(*) FILTER (WHERE is_new), "
                          "count(*) FILTER (WHERE NOT is_new) FROM done"));
  EXPECT_EQ(steps.back().effect, SqlEffect::kUpserted);
  EXPECT_THAT(Texts(load.ApplyChanges({.kept = 3}, false, KeyIndex::kPlain)),
              ElementsAre(testing::StartsWith("UPDATE"), testing::StartsWith("INSERT")));
  EXPECT_THAT(Texts(load.PrepareTarget({}).value()),
              testing::Contains(testing::StartsWith("CREATE UNIQUE INDEX \"_nilus_key_")));

  // Batches may bring keys twice, and so may tables that others made.
  request.is_changes = false;
  EXPECT_THAT(Texts(LoadSql::Make(dialect, request).value().PrepareTarget({}).value()),
              testing::Contains(testing::StartsWith("CREATE INDEX \"_nilus_key_")));
}

TEST(StateSqlTest, OnlyTheLastLoadsAreRemembered) {
  EXPECT_EQ(ForgottenVersion(1), std::nullopt);
  EXPECT_EQ(ForgottenVersion(1000), std::nullopt);
  EXPECT_EQ(ForgottenVersion(1100), 100);
  EXPECT_EQ(ForgottenVersion(1101), std::nullopt);
  EXPECT_EQ(ForgottenVersion(5000), 4000);
}

}  // namespace
}  // namespace nilus
