// Loads of changes into tables whose key has an index of one kind or another: the statements differ, what comes of them
// does not. What changes are, every sink is asked in connector/conformance_changes_testing.cc.
#include <string>
#include <vector>

#include "nilus/connectors/postgres/sink_fixture.h"

namespace nilus::postgres {
namespace {

using testing::HasSubstr;

class SinkChangesTest : public SinkTest {
 protected:
  Result<CommitResult> LoadChanges(const std::string& load_id, const std::vector<Row>& rows) {
    WriteRequest request = MakeRequest(IdText(), WriteStrategy::kMerge, load_id);
    request.is_changes = true;
    return Load(request, rows);
  }
};

INSTANTIATE_TEST_SUITE_P(Postgres, SinkChangesTest, testing::Values("15", "18"),
                         [](const auto& version) { return version.param; });

TEST_P(SinkChangesTest, AnyIndexOfTheKeyWillDo) {
  for (const std::string existing : {
           "CREATE TABLE t (id bigint, v text)",
           "CREATE TABLE t (id bigint PRIMARY KEY, v text)",
           "CREATE TABLE t (id bigint UNIQUE DEFERRABLE INITIALLY DEFERRED, v text)",
           "CREATE TABLE t (id bigint, v text); CREATE UNIQUE INDEX ON t (id) WHERE id > 1",
           "CREATE TABLE t (id bigint, v text); CREATE UNIQUE INDEX ON t (id, v)",
           "CREATE TABLE t (id bigint, v text); CREATE UNIQUE INDEX ON t (abs(id))",
           "CREATE TABLE t (id bigint, v text); CREATE INDEX ON t (id)",
           "CREATE TABLE t (id bigint PRIMARY KEY, v text); CREATE TABLE u (id bigint); CREATE RULE r AS ON INSERT TO "
           "t "
           "DO ALSO INSERT INTO u VALUES (NEW.id)",
           "CREATE TABLE t (id bigint PRIMARY KEY, v text, UNIQUE (id) DEFERRABLE)",
           "CREATE TABLE t (id bigint PRIMARY KEY, v text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
           "$$BEGIN IF EXISTS (SELECT FROM t WHERE id = NEW.id) THEN RETURN NULL; END IF; RETURN NEW; END$$; CREATE "
           "TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
           "CREATE TABLE t (v text, id bigint NOT NULL) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR "
           "VALUES FROM (0) TO (2); CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (2) TO (10)",
       }) {
    SCOPED_TRACE(existing);
    database_ = server_->NewDatabase();
    Execute(existing);
    Execute("INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b')");
    const Result<CommitResult> result = LoadChanges("load-1", {{"2", "B"}, {"3", "c"}, {"4", std::nullopt}});
    ASSERT_OK(result);
    EXPECT_EQ(result->rows_inserted, 2);
    EXPECT_EQ(result->rows_updated, 1);
    EXPECT_EQ(Rows("t", "t.id, t.v"), "(1,a) (2,B) (3,c) (4,)");
  }
}

// A new row is checked before INSERT … ON CONFLICT finds the old one, and an heir's rows are not found by the index.
TEST_P(SinkChangesTest, WhatInsertWouldRefuseOrMissIsUpdated) {
  for (const std::string existing : {
           "CREATE TABLE t (id bigint PRIMARY KEY, v text, w int NOT NULL); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', "
           "1)",
           "CREATE TABLE t (id bigint PRIMARY KEY, v text, w int CHECK (coalesce(w, 0) > 0)); INSERT INTO t VALUES "
           "(1, 'a', 1), (2, 'b', 1)",
           "CREATE TABLE t (id bigint PRIMARY KEY, v text); CREATE TABLE u () INHERITS (t); INSERT INTO t VALUES (1, "
           "'a'); INSERT INTO u VALUES (2, 'b')",
       }) {
    SCOPED_TRACE(existing);
    database_ = server_->NewDatabase();
    Execute(existing);
    const Result<CommitResult> result = LoadChanges("load-1", {{"1", "A"}, {"2", "B"}});
    ASSERT_OK(result);
    EXPECT_EQ(result->rows_inserted, 0);
    EXPECT_EQ(result->rows_updated, 2);
    EXPECT_EQ(Rows("t", "t.id, t.v"), "(1,A) (2,B)");
  }
}

TEST_P(SinkChangesTest, TablesOfOursHaveAUniqueKey) {
  ASSERT_OK(LoadChanges("load-1", {{"1", "a"}, {"2", "b"}}));
  EXPECT_THAT(Select("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't'::regclass"),
              HasSubstr("CREATE UNIQUE INDEX"));
  const Result<CommitResult> result = LoadChanges("load-2", {{"2", "B"}, {"3", "c"}});
  ASSERT_OK(result);
  EXPECT_EQ(result->rows_inserted, 1);
  EXPECT_EQ(result->rows_updated, 1);
  EXPECT_EQ(Rows(), "(1,a) (2,B) (3,c)");
}

TEST_P(SinkChangesTest, ATableOfNothingButItsKey) {
  WriteRequest request = MakeRequest(MakeSchema({MakeField("id", TypeId::kInt64)}), WriteStrategy::kMerge);
  request.is_changes = true;
  ASSERT_OK(Load(request, std::vector<Row>{{"1"}, {"2"}}));
  request.load_id = "load-2";
  const Result<CommitResult> result = Load(request, std::vector<Row>{{"2"}, {"3"}});
  ASSERT_OK(result);
  EXPECT_EQ(result->rows_inserted, 1);
  EXPECT_EQ(result->rows_updated, 0);
  EXPECT_EQ(Rows(), "(1) (2) (3)");
}

}  // namespace
}  // namespace nilus::postgres
