// What happens to tables and transactions while they are captured: shapes, identities, partitions, TOAST, aborts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/connectors/postgres/cdc/log_fixture_testing.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LogShapesTest : public LogTest {
 protected:
  // The error that the stream ends with.
  Error ReadError() {
    auto seen = ReadUpToNow(address_, *capture_.reader);
    EXPECT_FALSE(seen);
    return seen ? Error{} : seen.error();
  }
};

INSTANTIATE_TEST_SUITE_P(Servers, LogShapesTest, testing::ValuesIn(kLogServers),
                         [](const auto& server) { return LogServer::TestName(server.param); });

// What only pgoutput has: publications, binary values, transactions in progress.
class PublishedShapesTest : public LogShapesTest {};
INSTANTIATE_TEST_SUITE_P(Servers, PublishedShapesTest, testing::Values("15", "18"),
                         [](const auto& server) { return LogServer::TestName(server.param); });

TEST_P(LogShapesTest, ColumnsChangeInsideATransaction) {
  Run("CREATE TABLE t (id int PRIMARY KEY, a text)");
  Stream();
  Run("BEGIN; INSERT INTO t VALUES (1, 'x'); ALTER TABLE t ADD b numeric(6,2) DEFAULT 1.5; INSERT INTO t VALUES (2, "
      "'y', 2.25); ALTER TABLE t DROP a; ALTER TABLE t RENAME b TO c; INSERT INTO t VALUES (3, 3); ALTER TABLE t ALTER "
      "c TYPE text; INSERT INTO t VALUES (4, 'four'); COMMIT");
  const SeenLog seen = Read();
  // The others do not tell how many digits a column had that is none of numbers any more.
  const std::string zeros = which_.is_pgoutput() ? "" : "0000000";
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=1 a=x", "c public.t id=2 a=y b=2.25" + zeros,
                                        "c public.t id=3 c=3.00" + zeros, "c public.t id=4 c=four"));
  ASSERT_THAT(seen.schemas, SizeIs(3));
  EXPECT_EQ(seen.schemas[0].table.columns.fields.back().name, "b");
  EXPECT_EQ(seen.schemas[0].at, seen.changes[0].position);
  EXPECT_EQ(seen.schemas[2].table.columns.fields.back().type.id, TypeId::kText);
}

TEST_P(LogShapesTest, ATableIsMadeAgain) {
  Run("CREATE TABLE t (id int PRIMARY KEY, a text)");
  Stream({{"publication.autocreate.mode", "all_tables"}});
  Run("INSERT INTO t VALUES (1, 'x'); DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, b int); INSERT INTO t VALUES "
      "(1, "
      "2); CREATE TABLE later (k uuid PRIMARY KEY); INSERT INTO later VALUES "
      "('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')");
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=1 a=x", "c public.t id=1 b=2",
                                        "c public.later k=a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
  // Where the log has names only, what it says of the old table is met by the catalog of the new one first.
  ASSERT_THAT(seen.schemas, SizeIs(which_.is_pgoutput() ? 2 : 3));
  EXPECT_THAT(seen.schemas.back().table.key, ElementsAre("k"));
}

TEST_P(LogShapesTest, ValuesOfToastThatDidNotChangeAreMarked) {
  Run("CREATE TABLE t (id int PRIMARY KEY, big text, n int); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; "
      "INSERT INTO t VALUES (1, repeat('x', 10000), 0)");
  Stream();
  Run("UPDATE t SET n = 1; UPDATE t SET big = repeat('y', 9000); UPDATE t SET id = 2");
  const SeenLog seen = Read();
  ASSERT_THAT(seen.changes, SizeIs(3));
  EXPECT_EQ(seen.changes[0].text, "u public.t id=1 big=? n=1");
  EXPECT_THAT(seen.changes[1].row.at("big"), SizeIs(9000));
  EXPECT_EQ(seen.changes[2].text, "u public.t id=2 big=? n=1 | id=1");
}

TEST_P(LogShapesTest, FullIdentityBringsOldRowsAndWhatToastLeavesOut) {
  Run("CREATE TABLE t (id int PRIMARY KEY, big text, n int); ALTER TABLE t ALTER big SET STORAGE EXTERNAL; ALTER TABLE "
      "t "
      "REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, repeat('x', 3000), 0)");
  Stream({}, true);
  EXPECT_TRUE(capture_.start.tables[0].has_full_old_rows);
  EXPECT_THAT(capture_.start.tables[0].key, ElementsAre("id"));
  Run("UPDATE t SET n = 1; DELETE FROM t");
  const SeenLog seen = Read();
  const std::string big = " big=" + std::string(3000, 'x');
  EXPECT_THAT(seen.Texts(),
              ElementsAre("u public.t id=1" + big + " n=1 | id=1" + big + " n=0", "d public.t id=1" + big + " n=1"));
}

TEST_P(LogShapesTest, AnIndexIsAnIdentity) {
  Run("CREATE TABLE t (a int NOT NULL, b text NOT NULL, c int); CREATE UNIQUE INDEX u ON t (b, a); ALTER TABLE t "
      "REPLICA "
      "IDENTITY USING INDEX u; INSERT INTO t VALUES (1, 'x', 2)");
  Stream({}, true);
  EXPECT_THAT(capture_.start.tables[0].key, ElementsAre("b", "a"));
  Run("UPDATE t SET c = 3; UPDATE t SET b = 'y'; DELETE FROM t");
  EXPECT_THAT(Read().Texts(),
              ElementsAre("u public.t a=1 b=x c=3", "u public.t a=1 b=y c=3 | a=1 b=x", "d public.t a=1 b=y"));
}

TEST_P(LogShapesTest, AnIdentityThatIsLostIsRefusedWhereRowsAreMerged) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream({}, true);
  Run("INSERT INTO t VALUES (1); ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (1)");
  const Error error = ReadError();
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.fix, HasSubstr("ADD PRIMARY KEY"));
}

TEST_P(PublishedShapesTest, ATableThatHadNoKeyForAWhileHasToBeReadAnew) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream({}, true);
  Run("BEGIN; INSERT INTO t VALUES (1); ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (2); ALTER TABLE t "
      "ADD PRIMARY KEY (id); INSERT INTO t VALUES (3); COMMIT");
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=1", "c public.t id=3"));
  ASSERT_THAT(seen.schemas, SizeIs(1));
  EXPECT_EQ(seen.schemas[0].lacks, Lack::kChanges);
  EXPECT_EQ(seen.schemas[0].at, seen.changes[0].position);
}

TEST_P(LogShapesTest, ATableThatIsGoneDoesNotStopTheOthers) {
  Run("CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY FULL; CREATE TABLE u (id int PRIMARY KEY)");
  Stream({}, true);
  Run("INSERT INTO t VALUES (1); DROP TABLE t; INSERT INTO u VALUES (1)");
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=1", "c public.u id=1"));  // its key is known
  capture_.reader.reset();
  CommittedLog committed{capture_.start.from, capture_.start.identity, {{"public.t", {}}, {"public.u", {}}}, {}};
  auto again = StreamCapture(address_, capture_.request, committed);
  ASSERT_TRUE(again) << again.error().ToString();
  capture_ = *std::move(again);
  EXPECT_THAT(capture_.start.vanished, ElementsAre("public.t"));
  EXPECT_GT(capture_.start.vanished_before, capture_.start.from);
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.u id=1"));
  ASSERT_THAT(seen.schemas, SizeIs(1));
  EXPECT_EQ(seen.schemas[0].table.name, "t");
  EXPECT_EQ(seen.schemas[0].lacks, Lack::kForGood);
}

TEST_P(PublishedShapesTest, ChangesUnderAnotherNameAreTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
  Stream({{"table.include.list", "public.(t|u)"}});
  Run("ALTER TABLE t RENAME TO x; INSERT INTO x VALUES (1); ALTER TABLE x RENAME TO t; INSERT INTO t VALUES (2); ALTER "
      "TABLE u RENAME TO y; INSERT INTO y VALUES (3)");
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=2"));
  ASSERT_THAT(seen.schemas, SizeIs(3));
  EXPECT_EQ(seen.schemas[0].table.name, "t");
  EXPECT_EQ(seen.schemas[0].lacks, Lack::kWasAway);
  EXPECT_EQ(seen.schemas[1].lacks, Lack::kNothing);
  EXPECT_EQ(seen.schemas[2].table.name, "u");
  EXPECT_EQ(seen.schemas[2].lacks, Lack::kMoved);
}

TEST_P(PublishedShapesTest, ATableThatIsMadeAgainIsNoGap) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream({{"heartbeat.interval.ms", "50"}});
  const CapturedTable& table = capture_.start.tables[0];
  CommittedLog committed{
      capture_.start.from, capture_.start.identity, {{"public.t", {table.id, table.sender}}}, /*replaceable=*/{}};
  Run("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)");
  EXPECT_EQ(StreamError().kind, ErrorKind::kTransient);  // a start mends it
  capture_.reader.reset();
  auto again = StartCapture(address_, capture_.request, committed);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_THAT(again->start.gaps, IsEmpty());
  EXPECT_THAT(again->start.notices, testing::Contains(HasSubstr("ADD TABLE \"public\".\"t\"")));
}

TEST_P(PublishedShapesTest, PartitionsComeUnderTheirRootsName) {
  Run("CREATE TABLE p (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); CREATE TABLE p_1 PARTITION "
      "OF p "
      "FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); CREATE TABLE p_2 (day date NOT NULL, id int NOT NULL); ALTER "
      "TABLE "
      "p ATTACH PARTITION p_2 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); INSERT INTO p VALUES (0, "
      "'2024-06-01')");
  Stream({}, true);
  ASSERT_THAT(capture_.start.tables, SizeIs(1));
  Run("INSERT INTO p VALUES (1, '2024-02-02'), (2, '2025-02-02'); UPDATE p SET id = 3 WHERE id = 2; TRUNCATE p");
  const SeenLog seen = Read();
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.p id=1 day=2024-02-02", "c public.p id=2 day=2025-02-02",
                                        "u public.p id=3 day=2025-02-02 | id=2 day=2025-02-02", "t public.p"));
  // The log describes the partitions, too, and none of them is a table of its own.
  for (const SchemaEvent& event : seen.schemas) EXPECT_EQ(event.table.name, "p");
}

TEST_P(PublishedShapesTest, PartitionsThatAPublicationSendsByTheirNamesAreTold) {
  Run("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM "
      "(0) TO "
      "(10); CREATE PUBLICATION mine FOR TABLE p");
  auto refused = StartCapture(address_, Requested({{"publication.name", "mine"}, {"table.include.list", "public.p"}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fix, R"(ALTER PUBLICATION "mine" SET (publish_via_partition_root = true);)");
  Stream({{"publication.name", "mine"}});
  Run("INSERT INTO p VALUES (1)");
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.p_1 id=1"));
}

TEST_P(LogShapesTest, GeneratedColumnsComeWhereThePublicationSendsThem) {
  Run("CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, n int)");
  Stream();
  Run("INSERT INTO t (id, n) VALUES (1, 5)");
  const SeenLog seen = Read();
  const bool are_sent = which_.is_pgoutput() && which_.version == "18";
  EXPECT_THAT(seen.Texts(), ElementsAre(are_sent ? "c public.t id=1 twice=2 n=5" : "c public.t id=1 n=5"));
  EXPECT_THAT(seen.schemas, IsEmpty());
  auto view = WaitForView(*capture_.source);
  ASSERT_TRUE(view) << view.error().ToString();
  auto rows = ReadView(**view, capture_.start.tables[0], 10, nullptr);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ(rows->at(0), seen.changes.at(0).row);
}

TEST_P(LogShapesTest, AbortedSubtransactionsAreNotSeen) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream();
  Run("BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a; INSERT INTO t VALUES (2); ROLLBACK TO a; INSERT INTO t VALUES "
      "(3); "
      "SAVEPOINT b; INSERT INTO t VALUES (4); RELEASE b; COMMIT; BEGIN; INSERT INTO t VALUES (5); ROLLBACK");
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=1", "c public.t id=3", "c public.t id=4"));
}

TEST_P(LogShapesTest, PreparedTransactionsComeWhenTheyAreCommitted) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream();
  Run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'one'; BEGIN; INSERT INTO t VALUES (2); PREPARE "
      "TRANSACTION "
      "'two'; INSERT INTO t VALUES (3)");
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=3"));
  Run("ROLLBACK PREPARED 'two'");
  Run("COMMIT PREPARED 'one'");
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=1"));
}

TEST_P(PublishedShapesTest, TransactionsMayBeSentWhileTheyAreInProgress) {
  Run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  address_.params["options"] = "-c logical_decoding_work_mem=64kB";
  Stream({{"slot.stream.params", "streaming=on"}});
  Run("BEGIN; INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i; SAVEPOINT a; INSERT INTO t "
      "SELECT "
      "i, 'y' FROM generate_series(5001, 9000) i; ROLLBACK TO a; ALTER TABLE t ADD w int; INSERT INTO t VALUES (0, "
      "'z', 1); "
      "COMMIT");
  auto seen = ReadUpToNow(address_, *capture_.reader, 500);
  ASSERT_TRUE(seen) << seen.error().ToString();
  ASSERT_THAT(seen->changes, SizeIs(5001));
  for (size_t i = 0; i < 5000; ++i) EXPECT_EQ(seen->changes[i].row.at("id"), std::to_string(i + 1));
  EXPECT_EQ(seen->changes[5000].text, "c public.t id=0 v=z w=1");
  EXPECT_GE(seen->chunks, 5);
  EXPECT_NE(MustSelect(address_, "SELECT stream_count FROM pg_stat_replication_slots WHERE slot_name = 'slot_" +
                                     address_.path + "'"),
            "0");
}

TEST_P(LogShapesTest, ColumnsThatAreFilteredStayAway) {
  Run("CREATE TABLE t (id int PRIMARY KEY, secret text, a int, b int); CREATE TABLE other (id int PRIMARY KEY)");
  Stream({{"column.exclude.list", R"(public\.t\.(secret|id),public\.t\.b)"}, {"table.include.list", "public.t"}});
  Run("INSERT INTO t VALUES (1, 'x', 2, 3); INSERT INTO other VALUES (1)");
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=1 a=2"));  // a key stays
}

TEST_P(LogShapesTest, NamesMayHoldAnything) {
  Run(R"(CREATE SCHEMA "Sch.ema"; CREATE TABLE "Sch.ema"."t ""ä;--" ("ID '" int PRIMARY KEY, "Ö\" text))");
  Stream({{"publication.name", "p\"u'b\\l"}}, true);
  Run(R"(INSERT INTO "Sch.ema"."t ""ä;--" VALUES (1, 'x'), (2, 'y'))");
  EXPECT_THAT(Read().Texts(), ElementsAre("c Sch.ema.t \"ä;-- ID '=1 Ö\\=x", "c Sch.ema.t \"ä;-- ID '=2 Ö\\=y"));
  auto view = WaitForView(*capture_.source);
  ASSERT_TRUE(view) << view.error().ToString();
  auto rows = ReadView(**view, capture_.start.tables[0], 1, nullptr);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_THAT(*rows, SizeIs(2));
}

TEST_P(PublishedShapesTest, PreparedTransactionsMayBeSentWhenTheyArePrepared) {
  Run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  Stream({{"slot.stream.params", "two_phase=on"}});
  EXPECT_EQ(
      MustSelect(address_, "SELECT two_phase FROM pg_replication_slots WHERE slot_name = 'slot_" + address_.path + "'"),
      "t");
  Run("BEGIN; INSERT INTO t VALUES (1, 'x'); PREPARE TRANSACTION 'one'; BEGIN; INSERT INTO t VALUES (2); PREPARE "
      "TRANSACTION 'two'; INSERT INTO t VALUES (3)");
  const SeenLog before = Read();
  EXPECT_THAT(before.Texts(), ElementsAre("c public.t id=3"));
  // The sink has it, and the service starts again: what is prepared comes once more, and what was loaded does not.
  ASSERT_TRUE(capture_.source->Acknowledge(before.complete));
  capture_.reader.reset();
  Run("COMMIT PREPARED 'one'");
  Run("ROLLBACK PREPARED 'two'");
  capture_.request.properties.erase("slot.stream.params");  // the slot stays what it is
  auto again = StreamCapture(address_, capture_.request, CommittedLog{before.complete, capture_.start.identity});
  ASSERT_TRUE(again) << again.error().ToString();
  capture_ = *std::move(again);
  Run("INSERT INTO t VALUES (4)");
  const SeenLog after = Read();
  EXPECT_THAT(after.Texts(), ElementsAre("c public.t id=1 v=x", "c public.t id=4"));
  ASSERT_TRUE(capture_.source->Acknowledge(after.complete));
  capture_.reader.reset();
  uint64_t confirmed = 0;
  for (int i = 0; i < 3000 && confirmed < after.complete.major; ++i) {  // the server hears of it a moment later
    const std::string told =
        MustSelect(address_, "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'slot_" +
                                 address_.path + "'");
    ASSERT_TRUE(ParseLsn(told, &confirmed));
  }
  EXPECT_EQ(confirmed, after.complete.major);
}

TEST_P(PublishedShapesTest, ADroppedPublicationIsTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream({{"heartbeat.interval.ms", "50"}});
  Run("DROP PUBLICATION nilus_test");
  Run("INSERT INTO t VALUES (1)");
  // PostgreSQL 18 goes on without the table, and only warns in its own log.
  EXPECT_THAT(StreamError().message, HasSubstr("publication"));
}

TEST_P(PublishedShapesTest, ATableThatIsTakenOutOfThePublicationIsTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
  Stream({{"heartbeat.interval.ms", "50"}});
  Run("ALTER PUBLICATION nilus_test DROP TABLE u");
  const Error error = StreamError();
  EXPECT_EQ(error.kind, ErrorKind::kData);
  EXPECT_THAT(error.message, HasSubstr("does not send all changes of table public.u any more"));
  capture_.reader.reset();
  auto again = StartCapture(address_, capture_.request, CommittedLog{capture_.start.from, capture_.start.identity});
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_THAT(again->start.notices, testing::Contains(HasSubstr("ADD TABLE \"public\".\"u\"")));
}

TEST_P(PublishedShapesTest, AColumnThatNeedsTextEndsABinaryStream) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Stream();
  Run("INSERT INTO t VALUES (1)");
  const SeenLog before = Read();
  Run("ALTER TABLE t ADD i interval; INSERT INTO t VALUES (2, '1 day')");
  EXPECT_EQ(ReadError().kind, ErrorKind::kTransient);
  capture_.reader.reset();
  auto reader = capture_.source->Stream(before.complete);
  ASSERT_TRUE(reader) << reader.error().ToString();
  capture_.reader = *std::move(reader);
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=2 i=1 day"));
}

// What was written as a type that is gone: only the server knew what its binary form means.
TEST_P(PublishedShapesTest, ValuesOfADroppedTypeComeAsText) {
  Run("CREATE DOMAIN score AS int; CREATE TABLE t (id int PRIMARY KEY, s score)");
  Stream();
  Run("INSERT INTO t VALUES (1, 65); ALTER TABLE t ALTER s TYPE int; DROP DOMAIN score; INSERT INTO t VALUES (2, 66)");
  EXPECT_EQ(ReadError().kind, ErrorKind::kTransient);
  capture_.reader.reset();
  auto reader = capture_.source->Stream(capture_.start.from);
  ASSERT_TRUE(reader) << reader.error().ToString();
  capture_.reader = *std::move(reader);
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=1 s=65", "c public.t id=2 s=66"));
}

}  // namespace
}  // namespace nilus::postgres
