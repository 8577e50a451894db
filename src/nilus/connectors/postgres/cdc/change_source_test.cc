// PostgreSQL's log as a ChangeSource, with real servers: starting, streaming, views, confirmation.
#include "nilus/connectors/postgres/cdc/change_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/cdc/log_testing.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;  // NOLINT

class ChangeSourceTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    server_ = TestServer::Shared(GetParam());
    if (server_ == nullptr) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not here";
    address_ = server_->NewDatabase();
  }
  // A slot keeps the server's log, and there are only so many.
  void TearDown() override {
    if (server_ == nullptr) return;
    EndCaptures(*server_);
  }

  Capture Stream(std::map<std::string, std::string> properties = {}, bool needs_keys = false) {
    auto capture = StreamCapture(address_, Requested(std::move(properties), needs_keys));
    EXPECT_TRUE(capture) << capture.error().ToString();
    return capture ? *std::move(capture) : Capture{};
  }
  Error StartError(std::map<std::string, std::string> properties = {}, bool needs_keys = false,
                   const std::optional<CommittedLog>& committed = std::nullopt) {
    auto capture = StartCapture(address_, Requested(std::move(properties), needs_keys), committed);
    EXPECT_FALSE(capture);
    return capture ? Error{} : capture.error();
  }
  SeenLog Read(Capture& capture) {
    auto seen = ReadUpToNow(address_, *capture.reader);
    EXPECT_TRUE(seen) << seen.error().ToString();
    return seen ? *std::move(seen) : SeenLog{};
  }
  void Run(const std::string& sql) { MustExecute(address_, sql); }
  static void ExpectNoViewYet(Capture& capture) {
    auto view = capture.source->View();
    ASSERT_TRUE(view) << view.error().ToString();
    ASSERT_EQ(*view, nullptr);
  }
  uint64_t Confirmed() {
    uint64_t lsn = 0;
    static_cast<void>(ParseLsn(MustSelect(address_,
                                          "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE "
                                          "slot_name = 'slot_" +
                                              address_.path + "'"),
                               &lsn));
    return lsn;
  }

  TestServer* server_ = nullptr;
  Address address_;
};

INSTANTIATE_TEST_SUITE_P(Servers, ChangeSourceTest, testing::Values("15", "18"),
                         [](const auto& server) { return "Postgres" + server.param; });

TEST_P(ChangeSourceTest, BringsChangesInTheOrderOfTheirCommits) {
  Run("CREATE TABLE t (id int PRIMARY KEY, name text)");
  Capture capture = Stream();
  Run("BEGIN; INSERT INTO t VALUES (1, 'a'), (2, 'b'); UPDATE t SET name = 'c' WHERE id = 2; COMMIT; "
      "DELETE FROM t WHERE id = 1; UPDATE t SET id = 3 WHERE id = 2; TRUNCATE t");
  SeenLog seen = Read(capture);
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=1 name=a", "c public.t id=2 name=b", "u public.t id=2 name=c",
                                        "d public.t id=1", "u public.t id=3 name=c | id=2", "t public.t"));
  EXPECT_EQ(seen.changes[2].sequence, 2);
  EXPECT_EQ(seen.changes[0].transaction, seen.changes[2].transaction);
  EXPECT_LT(seen.changes[2].position, seen.changes[3].position);
  EXPECT_THAT(seen.schemas, IsEmpty());
  EXPECT_THAT(capture.start.tables, SizeIs(1));
  EXPECT_THAT(capture.start.tables[0].key, ElementsAre("id"));
}

TEST_P(ChangeSourceTest, ContinuesBehindWhatIsCommitted) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Capture capture = Stream();
  Run("INSERT INTO t VALUES (1)");
  const SeenLog seen = Read(capture);
  const CommittedLog committed{seen.changes[0].position, capture.start.identity};
  ASSERT_TRUE(capture.source->Acknowledge(committed.at));
  capture = {};
  Run("INSERT INTO t VALUES (2)");
  auto again = StreamCapture(address_, Requested({}), committed);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(again->start.from, committed.at);
  EXPECT_THAT(Read(*again).Texts(), ElementsAre("c public.t id=2"));
}

TEST_P(ChangeSourceTest, ConfirmsOnlyWhatWasAcknowledged) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Capture capture = Stream();
  const uint64_t before = Confirmed();
  Run("INSERT INTO t VALUES (1)");
  const SeenLog seen = Read(capture);
  EXPECT_EQ(Confirmed(), before);
  ASSERT_TRUE(capture.source->Acknowledge(seen.complete));
  capture.reader.reset();  // tells the last confirmation before it goes
  for (int i = 0; i < 100 && Confirmed() != seen.complete.major; ++i) {
    MustSelect(address_, "SELECT pg_sleep(0.02)");
  }
  EXPECT_EQ(Confirmed(), seen.complete.major);
}

TEST_P(ChangeSourceTest, MovesOnWhileOthersWrite) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)");
  Capture capture = Stream({{"table.include.list", "public.t"}});
  const LogPosition before = capture.start.from;
  Run("INSERT INTO other SELECT generate_series(1, 1000)");
  const SeenLog seen = Read(capture);
  EXPECT_THAT(seen.changes, IsEmpty());
  EXPECT_GT(seen.complete, before);
}

TEST_P(ChangeSourceTest, TheFirstViewIsExactWhereTheStreamBegins) {
  Run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100)");
  auto capture = StartCapture(address_, Requested({}));
  ASSERT_TRUE(capture) << capture.error().ToString();
  Run("INSERT INTO t VALUES (101)");
  auto view = WaitForView(*capture->source);
  ASSERT_TRUE(view) << view.error().ToString();
  EXPECT_EQ((*view)->at(), capture->start.from);
  std::vector<SnapshotChunk> chunks;
  auto rows = ReadView(**view, capture->start.tables[0], 30, &chunks);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_THAT(*rows, SizeIs(100));
  ASSERT_THAT(chunks, SizeIs(4));
  EXPECT_EQ(chunks[0].above, "");
  EXPECT_EQ(chunks[0].up_to, R"(["30"])");
  EXPECT_EQ(chunks[3].above, R"(["90"])");
  EXPECT_EQ(chunks[3].up_to, "");
  capture->reader = *capture->source->Stream(capture->start.from);
  EXPECT_THAT(Read(*capture).Texts(), ElementsAre("c public.t id=101"));
}

TEST_P(ChangeSourceTest, LaterViewsAreExactAtAPlaceOfTheirOwn) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Capture capture = Stream();
  Run("INSERT INTO t SELECT generate_series(1, 10)");
  auto view = WaitForView(*capture.source);
  ASSERT_TRUE(view) << view.error().ToString();
  Run("INSERT INTO t VALUES (11)");
  auto rows = ReadView(**view, capture.start.tables[0], 1000, nullptr);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_THAT(*rows, SizeIs(10));
  const SeenLog seen = Read(capture);
  ASSERT_THAT(seen.changes, SizeIs(11));
  for (const SeenChange& change : seen.changes) {
    EXPECT_EQ(change.position <= (*view)->at(), change.row.at("id") != "11") << change.text;
  }
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_replication_slots WHERE temporary"), "0");
}

// Whoever waits for the view can go on reading the stream.
TEST_P(ChangeSourceTest, AViewThatAnotherTransactionHoldsUpIsNotThereYet) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)");
  Capture capture = Stream({{"table.include.list", "public.t"}});
  auto writer = Connection::Open(address_, {});
  ASSERT_TRUE(writer) << writer.error().ToString();
  ASSERT_TRUE((*writer)->Execute("BEGIN; INSERT INTO other VALUES (1)"));
  ExpectNoViewYet(capture);
  Run("INSERT INTO t VALUES (1)");
  const SeenLog seen = Read(capture);
  EXPECT_THAT(seen.Texts(), ElementsAre("c public.t id=1"));
  ExpectNoViewYet(capture);
  ASSERT_TRUE((*writer)->Execute("COMMIT"));
  auto view = WaitForView(*capture.source);
  ASSERT_TRUE(view) << view.error().ToString();
  EXPECT_GE((*view)->at(), seen.complete);
  auto rows = ReadView(**view, capture.start.tables[0], 1000, nullptr);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_THAT(*rows, SizeIs(1));
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_replication_slots WHERE temporary"), "0");
}

TEST_P(ChangeSourceTest, AViewThatNobodyWaitsForAnyMoreIsCancelled) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int)");
  Capture capture = Stream({{"table.include.list", "public.t"}});
  auto writer = Connection::Open(address_, {});
  ASSERT_TRUE(writer) << writer.error().ToString();
  ASSERT_TRUE((*writer)->Execute("BEGIN; INSERT INTO other VALUES (1)"));
  ExpectNoViewYet(capture);
  capture.reader.reset();
  capture.source.reset();
  while (MustSelect(address_, "SELECT count(*) FROM pg_replication_slots WHERE temporary") != "0") {
  }
  ASSERT_TRUE((*writer)->Execute("ROLLBACK"));
}

TEST_P(ChangeSourceTest, AViewTellsOfTablesAsItSeesThem) {
  Run("CREATE TABLE t (id int PRIMARY KEY, gone text)");
  Capture capture = Stream();
  Run("ALTER TABLE t ADD late text, DROP gone, DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (late)");
  auto view = WaitForView(*capture.source);
  ASSERT_TRUE(view) << view.error().ToString();
  Run("ALTER TABLE t ADD behind_it text");
  const auto table = (*view)->Describe("public", "t");
  ASSERT_TRUE(table) << table.error().ToString();
  ASSERT_THAT(table->columns.fields, SizeIs(2));
  EXPECT_EQ(table->columns.fields[0].name, "id");
  EXPECT_EQ(table->columns.fields[1].name, "late");
  EXPECT_THAT(table->key, ElementsAre("late"));
  EXPECT_EQ(table->id, capture.start.tables[0].id);
  const auto none = (*view)->Describe("public", "none");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
}

TEST_P(ChangeSourceTest, AViewThatATableWasRewrittenUnderIsRefused) {
  Run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, i FROM generate_series(1, 10) i");
  auto capture = StartCapture(address_, Requested({}));
  ASSERT_TRUE(capture) << capture.error().ToString();
  auto view = WaitForView(*capture->source);
  ASSERT_TRUE(view) << view.error().ToString();
  Run("ALTER TABLE t ALTER v TYPE numeric");
  auto rows = ReadView(**view, capture->start.tables[0], 1000, nullptr);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(rows.error().message, HasSubstr("was rewritten"));
}

TEST_P(ChangeSourceTest, CompositeKeysCutATable) {
  Run("CREATE TABLE t (a date, b uuid, c text, PRIMARY KEY (b, a)); INSERT INTO t SELECT '2024-01-01'::date + i, "
      "md5(i::text)::uuid, i::text FROM generate_series(1, 50) i");
  auto capture = StartCapture(address_, Requested({}));
  ASSERT_TRUE(capture) << capture.error().ToString();
  EXPECT_THAT(capture->start.tables[0].key, ElementsAre("b", "a"));
  auto view = WaitForView(*capture->source);
  ASSERT_TRUE(view);
  std::vector<SnapshotChunk> chunks;
  auto rows = ReadView(**view, capture->start.tables[0], 7, &chunks);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_THAT(*rows, SizeIs(50));
  EXPECT_THAT(chunks, SizeIs(8));
  // Above a bound lies the rest.
  auto rest = (*view)->Plan(capture->start.tables[0], chunks[3].up_to, 7);
  ASSERT_TRUE(rest);
  EXPECT_THAT(*rest, SizeIs(4));
}

TEST_P(ChangeSourceTest, ASlotAheadOfWhatIsCommittedIsTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Capture capture = Stream();
  const CommittedLog committed{capture.start.from, capture.start.identity};
  capture.reader.reset();
  Run("INSERT INTO t VALUES (1)");
  MustSelect(address_, "SELECT pg_replication_slot_advance('slot_" + address_.path + "', pg_current_wal_flush_lsn())");
  const Error error = StartError({}, false, committed);
  EXPECT_EQ(error.kind, ErrorKind::kData);
  EXPECT_THAT(error.message, HasSubstr("was moved on to"));
  EXPECT_THAT(error.fix, HasSubstr("when_needed"));
  auto again = StartCapture(address_, Requested({{"snapshot.mode", "when_needed"}}), committed);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_THAT(again->start.lost, HasSubstr("was moved on to"));
  EXPECT_GT(again->start.from, committed.at);
}

TEST_P(ChangeSourceTest, AMissingSlotIsTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Capture capture = Stream();
  const CommittedLog committed{capture.start.from, capture.start.identity};
  capture.reader.reset();
  ASSERT_TRUE(capture.source->Drop(capture.request));
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_publication"), "0");
  const Error error = StartError({}, false, committed);
  EXPECT_THAT(error.message, HasSubstr("was dropped"));
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_publication"), "0") << "the next start has to see it too";
}

TEST_P(ChangeSourceTest, ATableThatThePublicationLeftOutIsAGap) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
  Capture capture = Stream();
  CommittedLog committed{capture.start.from, capture.start.identity, {}, {}};
  for (const CapturedTable& table : capture.start.tables) committed.tables["public." + table.name] = {0, table.sender};
  capture.reader.reset();
  Run("ALTER PUBLICATION nilus_test DROP TABLE u");
  for (int i = 0; i < 2; ++i) {
    const Error error = StartError({}, false, committed);
    EXPECT_EQ(error.kind, ErrorKind::kData);
    EXPECT_THAT(error.message, HasSubstr("does not send table public.u"));
    EXPECT_THAT(error.fix, HasSubstr("nilus cdc snapshot FILE --table public.u --anew"));
  }
  auto status = capture.source->AskStatus(capture.request, committed);
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_THAT(status->lost, HasSubstr("does not send table public.u"));
  committed.replaceable = {"public.u"};
  auto again = StartCapture(address_, Requested({}), committed);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_THAT(again->start.gaps, ElementsAre("public.u"));
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_publication_tables"), "2");
  // Somebody puts one back by hand.
  for (const CapturedTable& table : again->start.tables) committed.tables["public." + table.name] = {0, table.sender};
  ASSERT_TRUE(StartCapture(address_, Requested({}), committed));
  committed.replaceable.clear();
  Run("ALTER PUBLICATION nilus_test DROP TABLE t; ALTER PUBLICATION nilus_test ADD TABLE t");
  EXPECT_THAT(StartError({}, false, committed).message, HasSubstr("did not send for a while table public.t"));
}

TEST_P(ChangeSourceTest, UndoTakesBackWhatTheStartMade) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  auto capture = StartCapture(address_, Requested({}));
  ASSERT_TRUE(capture) << capture.error().ToString();
  ASSERT_TRUE(capture->source->Undo());
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_publication"), "0");
  EXPECT_EQ(Confirmed(), 0U) << "no slot";
  // What was there before stays.
  capture = StartCapture(address_, Requested({}));
  ASSERT_TRUE(capture);
  const CommittedLog committed{capture->start.from, capture->start.identity, {}, {}};
  capture = StartCapture(address_, Requested({}), committed);
  ASSERT_TRUE(capture) << capture.error().ToString();
  ASSERT_TRUE(capture->source->Undo());
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_publication"), "1");
  EXPECT_NE(Confirmed(), 0U);
}

TEST_P(ChangeSourceTest, ColumnsThatRowsHaveValuesInAreMarked) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Capture capture = Stream();
  Run("ALTER TABLE t ADD a int, ADD b int DEFAULT 5; INSERT INTO t VALUES (1)");
  SeenLog seen = Read(capture);
  ASSERT_THAT(seen.schemas, SizeIs(1));
  EXPECT_THAT(seen.schemas[0].table.filled, ElementsAre("b"));
  EXPECT_EQ(seen.schemas[0].table.id, capture.start.tables[0].id);
  Run("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a int, b int); ALTER PUBLICATION nilus_test ADD TABLE t; "
      "INSERT INTO t VALUES (2)");
  seen = Read(capture);
  ASSERT_THAT(seen.schemas, SizeIs(1));
  EXPECT_NE(seen.schemas[0].table.id, capture.start.tables[0].id) << "another table";
}

TEST_P(ChangeSourceTest, AnotherClustersPositionIsTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  Capture capture = Stream();
  capture.reader.reset();
  const Error error = StartError({}, false, CommittedLog{capture.start.from, "1/1/slot/" + address_.path});
  EXPECT_THAT(error.message, HasSubstr("another database cluster"));
}

TEST_P(ChangeSourceTest, ATableWithoutAKeyIsRefusedWhereItIsMerged) {
  Run("CREATE TABLE t (id int); ALTER TABLE t REPLICA IDENTITY FULL");
  const Error error = StartError({}, true);
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("public.t has no primary key"));
  EXPECT_THAT(error.fix, HasSubstr(R"(ALTER TABLE "public"."t" REPLICA IDENTITY USING INDEX)"));
}

// Two rows may have one key inside of a transaction, and an update of the one would take the other along.
TEST_P(ChangeSourceTest, ADeferrableKeyIsNone) {
  Run("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE); ALTER TABLE t REPLICA IDENTITY FULL");
  Error error = StartError({}, true);
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("a DEFERRABLE one is none"));
  Run("ALTER TABLE t REPLICA IDENTITY DEFAULT");
  error = StartError();
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("UPDATE and DELETE would fail"));
}

TEST_P(ChangeSourceTest, PublishingARootOfPartitionsWithoutIdentityIsRefused) {
  Run("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); "
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); CREATE TABLE p2 PARTITION OF p DEFAULT; "
      "ALTER TABLE p REPLICA IDENTITY FULL; ALTER TABLE p2 REPLICA IDENTITY NOTHING");
  const Error error = StartError();
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("partition public.p2 of table public.p has no replica identity"));
  EXPECT_EQ(error.fix, R"(ALTER TABLE "public"."p2" REPLICA IDENTITY FULL;)");
  Run(error.fix);
  auto capture = StartCapture(address_, Requested({}));
  EXPECT_TRUE(capture) << capture.error().ToString();
}

TEST_P(ChangeSourceTest, ASnapshotThatWouldLackRowsIsRefused) {
  const std::string role = "secured_" + address_.path;
  Run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 9); "
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON t USING (id < 7); CREATE PUBLICATION mine FOR "
      "TABLE "
      "t; CREATE ROLE " +
      role + " LOGIN REPLICATION; GRANT SELECT ON t TO " + role);
  address_.user = role;
  auto capture = StartCapture(
      address_,
      Requested({{"publication.name", "mine"}, {"publication.autocreate.mode", "disabled"}}, /*needs_keys=*/false));
  ASSERT_TRUE(capture) << capture.error().ToString();
  EXPECT_THAT(capture->start.notices, testing::Contains(HasSubstr("row-level security hides rows of table public.t")));
  auto view = WaitForView(*capture->source);
  ASSERT_TRUE(view) << view.error().ToString();
  auto rows = ReadView(**view, capture->start.tables[0], 30, nullptr);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().kind, ErrorKind::kAuth);
  EXPECT_THAT(rows.error().message, HasSubstr("row-level security"));
}

TEST_P(ChangeSourceTest, PublishingATableWithoutIdentityIsRefused) {
  Run("CREATE TABLE t (id int)");
  const Error error = StartError();
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("UPDATE and DELETE would fail"));
  EXPECT_EQ(MustSelect(address_, "SELECT count(*) FROM pg_publication"), "0");
}

TEST_P(ChangeSourceTest, APublicationThatLacksSomethingIsTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); "
      "CREATE PUBLICATION mine FOR TABLE t WITH (publish = 'insert')");
  const std::map<std::string, std::string> properties = {{"publication.name", "mine"},
                                                         {"publication.autocreate.mode", "disabled"}};
  EXPECT_EQ(StartError(properties).fix, R"(ALTER PUBLICATION "mine" ADD TABLE "public"."u";)");
  Run("ALTER PUBLICATION mine ADD TABLE u");
  const Error error = StartError(properties);
  EXPECT_THAT(error.message, HasSubstr("does not publish update, delete, truncate"));
  EXPECT_THAT(error.fix, HasSubstr("SET (publish = 'insert, update, delete, truncate')"));
  EXPECT_THAT(StartError({{"publication.name", "nobodys"}, {"publication.autocreate.mode", "disabled"}}).fix,
              HasSubstr("CREATE PUBLICATION \"nobodys\" FOR TABLE"));
}

TEST_P(ChangeSourceTest, APublicationWithARowFilterIsRefused) {
  Run(R"(CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE "U" (id int PRIMARY KEY, "N" int, secret text); )"
      R"(CREATE TABLE other (id int PRIMARY KEY); )"
      R"(CREATE PUBLICATION mine FOR TABLE t, "U" (id, "N") WHERE (id > 1), other WHERE (id > 1))");
  const std::map<std::string, std::string> properties = {{"publication.name", "mine"},
                                                         {"table.exclude.list", "public.other"}};
  const Error error = StartError(properties);
  EXPECT_EQ(error.kind, ErrorKind::kUnsupported);
  EXPECT_EQ(error.message, "publication mine has a row filter (WHERE): it does not send all rows of public.U");
  const std::string mends = error.fix.substr(0, error.fix.find(" or, "));
  EXPECT_EQ(mends, R"(BEGIN; ALTER PUBLICATION "mine" DROP TABLE "public"."U"; ALTER PUBLICATION "mine" ADD TABLE )"
                   R"("public"."U" (id, "N"); COMMIT;)");
  auto source = OpenPostgresChanges(address_, {});
  ASSERT_TRUE(source);
  auto checked = (*source)->Check(Requested(properties));
  ASSERT_TRUE(checked) << checked.error().ToString();
  EXPECT_THAT(*checked, testing::Contains(testing::AllOf(testing::Field(&CheckItem::what, "publication"),
                                                         testing::Field(&CheckItem::ok, false),
                                                         testing::Field(&CheckItem::detail, HasSubstr(mends)))));
  Run(mends);
  Capture capture = Stream(properties);
  Run(R"(INSERT INTO "U" VALUES (0, 5, 'kept'))");
  EXPECT_THAT(Read(capture).Texts(), ElementsAre("c public.U id=0 N=5"));
}

TEST_P(ChangeSourceTest, ARowFilterOfATableWhoseSchemaIsPublishedHoldsNothingBack) {
  Run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION mine FOR TABLE t WHERE (id > 1), TABLES IN SCHEMA "
      "public");
  Capture capture = Stream({{"publication.name", "mine"}});
  Run("INSERT INTO t VALUES (0)");
  EXPECT_THAT(Read(capture).Texts(), ElementsAre("c public.t id=0"));
}

TEST_P(ChangeSourceTest, NoTableAtAllIsTold) {
  EXPECT_EQ(StartError({{"table.include.list", "public.nothing"}}).kind, ErrorKind::kNotFound);
  EXPECT_THAT(StartError({{"table.include.list", "public.(t"}}).message, HasSubstr("no regular expression"));
}

TEST_P(ChangeSourceTest, ASlotOfAnotherPluginIsTold) {
  Run("CREATE TABLE t (id int PRIMARY KEY)");
  MustSelect(address_, "SELECT pg_create_logical_replication_slot('slot_" + address_.path + "', 'test_decoding')");
  EXPECT_THAT(StartError().message, HasSubstr("was made for plugin test_decoding"));
}

TEST_P(ChangeSourceTest, ALargeTransactionComesInPieces) {
  Run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  Capture capture = Stream();
  Run("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 10000) i; INSERT INTO t VALUES (0, 'last')");
  auto seen = ReadUpToNow(address_, *capture.reader, 1000);
  ASSERT_TRUE(seen) << seen.error().ToString();
  ASSERT_THAT(seen->changes, SizeIs(10001));
  EXPECT_GE(seen->chunks, 5);
  for (size_t i = 0; i < 10000; ++i) EXPECT_EQ(seen->changes[i].sequence, static_cast<int64_t>(i));
  EXPECT_EQ(seen->changes[10000].text, "c public.t id=0 v=last");
}

}  // namespace
}  // namespace nilus::postgres
