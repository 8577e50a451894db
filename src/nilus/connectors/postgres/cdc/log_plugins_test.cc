// What is particular to the plugins test_decoding and wal2json, with real servers; what they share with pgoutput is in
// log_shapes_test.cc and log_values_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/connectors/postgres/cdc/log_fixture_testing.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class LogPluginsTest : public LogTest {
 protected:
  Error Refused(std::map<std::string, std::string> properties = {}) {
    auto capture = StartCapture(address_, Request(std::move(properties)));
    EXPECT_FALSE(capture);
    return capture ? Error{} : capture.error();
  }
  std::string SlotCount() { return MustSelect(address_, "SELECT count(*) FROM pg_replication_slots"); }
};

INSTANTIATE_TEST_SUITE_P(Servers, LogPluginsTest,
                         testing::Values("15 test_decoding", "18 test_decoding", "15 wal2json"),
                         [](const auto& server) { return LogServer::TestName(server.param); });

TEST_P(LogPluginsTest, NoPublicationIsMade) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream();
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_publication"), "0");
  EXPECT_EQ(MustSelect(address_, "SELECT plugin FROM pg_replication_slots"), which_.plugin);
  ASSERT_NE(capture_.source, nullptr);
  auto checked = capture_.source->Check(capture_.request);
  ASSERT_TRUE(checked) << checked.error().ToString();
  for (const CheckItem& item : *checked) EXPECT_TRUE(item.ok) << item.what << ": " << item.detail;
}

TEST_P(LogPluginsTest, ASlotOfAnotherPluginIsRefused) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream({{"plugin.name", "pgoutput"}});
  capture_.reader.reset();
  const Error error = Refused();
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(error.message, HasSubstr("was made for plugin pgoutput, not for " + which_.plugin));
  EXPECT_THAT(error.fix, HasSubstr("pg_drop_replication_slot"));
}

TEST_P(LogPluginsTest, PartitionsComeUnderTheirOwnNames) {
  Run("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM "
      "(0) TO (10)");
  EXPECT_THAT(Refused({{"table.include.list", "public.p"}}).fix, HasSubstr("name the partitions"));
  Stream();
  Run("INSERT INTO p VALUES (1); TRUNCATE p");
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.p_1 id=1", "t public.p_1"));
}

TEST_P(LogPluginsTest, TablesWithoutAnIdentityAreRefused) {
  Run("CREATE TABLE t (id int)");
  EXPECT_THAT(Refused().fix, HasSubstr("REPLICA IDENTITY FULL"));
  Run("ALTER TABLE t REPLICA IDENTITY FULL");
  Stream({{"heartbeat.interval.ms", "50"}});
  Run("INSERT INTO t VALUES (1); ALTER TABLE t REPLICA IDENTITY DEFAULT");
  const Error error = StreamError();
  EXPECT_THAT(error.message, HasSubstr("public.t has"));
  EXPECT_THAT(error.message, HasSubstr("replica identity"));
}

TEST_P(LogPluginsTest, ATransactionLargerThanAChunkIsCut) {
  Run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  Stream();
  Run("BEGIN; INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 5000) i; SAVEPOINT a; INSERT INTO t "
      "VALUES (0, 'gone'); ROLLBACK TO a; UPDATE t SET v = 'y' WHERE id = 5000; COMMIT");
  const SeenLog seen = Read(500);
  ASSERT_THAT(seen.changes, SizeIs(5001));
  EXPECT_EQ(seen.changes[5000].text, "u public.t id=5000 v=y");
  EXPECT_EQ(seen.changes[5000].sequence, 5000);
  EXPECT_GE(seen.chunks, 5);
}

TEST_P(LogPluginsTest, DatabasesInOtherEncodingsAreRefused) {
  address_ = server_->NewDatabase("LATIN1");
  Run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  EXPECT_THAT(Refused().message, HasSubstr("encoding LATIN1"));
  EXPECT_EQ(SlotCount(), "0");
}

TEST_P(LogPluginsTest, AnotherPrimaryKeyIsNoticed) {
  Run("CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL)");
  Stream();
  Run("INSERT INTO t VALUES (1, 2)");
  static_cast<void>(Read());
  Run("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (b); UPDATE t SET b = 3; DELETE FROM t");
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("u public.t a=1 b=3 | b=2", "d public.t b=3"));
  ASSERT_THAT(seen.schemas, SizeIs(1));
  EXPECT_THAT(seen.schemas[0].table.key, ElementsAre("b"));
}

TEST_P(LogPluginsTest, NumbersThatWal2JsonCannotTellFromNullAreRefused) {
  if (which_.plugin != "wal2json") GTEST_SKIP() << "it can";
  Run("CREATE TABLE t (id int PRIMARY KEY, n numeric(10,2) NOT NULL, f float8 NOT NULL, open numeric)");
  const Error error = Refused();
  if (error.message.empty()) GTEST_SKIP() << "this wal2json can";
  EXPECT_THAT(error.message, HasSubstr("table public.t, column open"));
  EXPECT_THAT(error.fix, HasSubstr("pgoutput"));
  EXPECT_EQ(SlotCount(), "0");
  Stream({{"column.exclude.list", "public.t.open"}});
  Run("INSERT INTO t VALUES (1, 12345678.90, 0.1, NULL), (2, -0.01, 5e-324, 1)");
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=1 n=12345678.90 f=0.1", HasSubstr("id=2 n=-0.01 f=5e-324")));
  Run("INSERT INTO t VALUES (3, 'NaN', 0, 0)");
  EXPECT_THAT(StreamError().message, HasSubstr("table public.t, column n"));
}

}  // namespace
}  // namespace nilus::postgres
