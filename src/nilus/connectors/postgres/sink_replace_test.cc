// What replace keeps, and what readers see of it.
#include <atomic>
#include <thread>

#include "nilus/connectors/postgres/sink_fixture.h"

namespace nilus::postgres {
namespace {

class SinkReplaceTest : public SinkTest {
 protected:
  void Replace(const std::string& load_id, const std::vector<Row>& rows) {
    auto loaded = Load(MakeRequest(IdText(), WriteStrategy::kReplace, load_id), rows);
    ASSERT_TRUE(loaded) << loaded.error().ToString();
    EXPECT_EQ(loaded->rows_inserted, static_cast<int64_t>(rows.size()));
  }
  std::string TableOid() { return Select("SELECT 't'::regclass::oid"); }
};

INSTANTIATE_TEST_SUITE_P(Postgres, SinkReplaceTest, testing::Values("15", "18"),
                         [](const auto& version) { return version.param; });

TEST_P(SinkReplaceTest, ExchangesATableThatNothingHangsOn) {
  Replace("a", {{"1", "a"}, {"2", "b"}});
  std::string oid = TableOid();
  Replace("b", {{"3", "c"}});
  EXPECT_EQ(Rows(), "(3,c)");
  EXPECT_NE(TableOid(), oid);
  EXPECT_EQ(Tables(), "_nilus_loads _nilus_loads_pkey _nilus_state _nilus_state_pkey t");
}

// Each of these would be lost, or in the way, if the table were exchanged.
TEST_P(SinkReplaceTest, KeepsWhatHangsOnTheTable) {
  const std::vector<std::pair<std::string, std::string>> attachments = {
      {"CREATE VIEW seen AS SELECT id FROM t", "SELECT count(*) FROM seen"},
      {"CREATE INDEX by_v ON t (v)", "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_v'"},
      {"GRANT SELECT ON t TO PUBLIC", "SELECT count(*) FROM pg_class WHERE oid = 't'::regclass AND relacl IS NOT NULL"},
      {"GRANT SELECT (id) ON t TO PUBLIC",
       "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attacl IS NOT NULL"},
      {"COMMENT ON COLUMN t.v IS 'text'", "SELECT count(*) FROM pg_description WHERE objoid = 't'::regclass"},
      {"ALTER TABLE t ADD CHECK (id > 0)",
       "SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'c'"},
      {"ALTER TABLE t ALTER id SET NOT NULL",
       "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum = 1 AND attnotnull"},
      {"ALTER TABLE t ALTER v SET DEFAULT 'x'", "SELECT count(*) FROM pg_attrdef WHERE adrelid = 't'::regclass"},
      {"ALTER TABLE t ADD PRIMARY KEY (id); CREATE TABLE child (id bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
       "SELECT count(*) FROM pg_constraint WHERE confrelid = 't'::regclass"},
      {"CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
       "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION nothing()",
       "SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass"},
      {"ALTER TABLE t ADD PRIMARY KEY (id); CREATE PUBLICATION pub FOR TABLE t",
       "SELECT count(*) FROM pg_publication_tables WHERE tablename = 't'"},
      {"ALTER TABLE t REPLICA IDENTITY FULL",
       "SELECT count(*) FROM pg_class WHERE oid = 't'::regclass AND relreplident = 'f'"},
      {"CREATE STATISTICS st ON id, v FROM t", "SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = 't'::regclass"},
      {"ALTER TABLE t SET (fillfactor = 50)",
       "SELECT count(*) FROM pg_class WHERE oid = 't'::regclass AND reloptions IS NOT NULL"},
      {"CREATE TABLE heir () INHERITS (t)", "SELECT count(*) FROM pg_inherits WHERE inhparent = 't'::regclass"},
      {"CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1'",
       "SELECT count(*) FROM pg_proc WHERE proname = 'f'"},
      {"CREATE POLICY pol ON t USING (true)", "SELECT count(*) FROM pg_policy WHERE polrelid = 't'::regclass"},
  };
  for (const auto& [make, count] : attachments) {
    SCOPED_TRACE(make);
    database_ = server_->NewDatabase();
    Replace("a", {{"1", "a"}, {"2", "b"}});
    Execute(make);
    std::string oid = TableOid();
    std::string before = Select(count);
    ASSERT_NE(before, "0");
    Replace("b", {{"3", "c"}});
    EXPECT_EQ(Rows("ONLY t"), "(3,c)");
    EXPECT_EQ(TableOid(), oid);
    EXPECT_EQ(Select(count), make.starts_with("CREATE VIEW") ? "1" : before);
  }
}

// Staging has the types of the table that was to be made: the old one's would round them.
TEST_P(SinkReplaceTest, DoesNotRoundIntoATableThatMayNotBeDroppedAnyMore) {
  Execute("CREATE TABLE t (id bigint, v numeric(12,2)); INSERT INTO t VALUES (1, 1)");
  const SchemaPtr schema =
      MakeSchema({MakeField("id", TypeId::kInt64), Field{.name = "v", .type = MakeDecimal(12, 4)}});
  const WriteRequest request = MakeRequest(schema, WriteStrategy::kReplace, "a");
  const auto sink = OpenSink();
  auto writer = sink->Open(request);
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write(MakeBatch(schema, {{"2", "1.2345"}})));
  ASSERT_OK((*writer)->Finish());
  Execute("GRANT SELECT ON t TO PUBLIC");
  EXPECT_EQ(conformance::KindOf(sink->Commit(CommitOf(request, 0))), "conflict");
  EXPECT_EQ(Rows(), "(1,1.00)");
  ASSERT_OK(Load(request, {{"2", "1.2345"}}));
  EXPECT_EQ(Rows("t", "t.id, t.v__v_text"), "(2,1.2345)") << "another attempt keeps what does not fit beside";
}

TEST_P(SinkReplaceTest, RefusesToDeleteThroughForeignKeys) {
  Execute(
      "CREATE TABLE t (id bigint PRIMARY KEY, v text); CREATE TABLE child (id bigint REFERENCES t ON DELETE CASCADE);"
      "INSERT INTO t VALUES (1, 'a'); INSERT INTO child VALUES (1)");
  for (WriteStrategy strategy : {WriteStrategy::kReplace, WriteStrategy::kMerge, WriteStrategy::kDeleteInsert}) {
    auto loaded = Load(MakeRequest(IdText(), strategy, "a"), {{"1", "b"}});
    ASSERT_EQ(conformance::KindOf(loaded), "unsupported");
    EXPECT_THAT(loaded.error().message,
                testing::AllOf(testing::HasSubstr("child_id_fkey"), testing::HasSubstr("child")));
  }
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kAppend, "b"), {{"2", "b"}}));
  // A deferrable key that passes nothing on is checked at the end: the row is there again by then.
  Execute(
      "ALTER TABLE child DROP CONSTRAINT child_id_fkey, ADD CONSTRAINT later FOREIGN KEY (id) REFERENCES t DEFERRABLE");
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kMerge, "c"), {{"1", "c"}}));
  EXPECT_EQ(Rows(), "(1,c) (2,b)");
}

TEST_P(SinkReplaceTest, KeepsTheOwner) {
  Replace("a", {{"1", "a"}});
  Execute("CREATE ROLE " + database_.path + "_owner; ALTER TABLE t OWNER TO " + database_.path + "_owner");
  Replace("b", {{"2", "b"}});
  EXPECT_EQ(Select("SELECT tableowner FROM pg_tables WHERE tablename = 't'"), database_.path + "_owner");
  EXPECT_EQ(Rows(), "(2,b)");
}

TEST_P(SinkReplaceTest, FullRefreshOfAMergeMakesTheTableAnew) {
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kMerge, "a"), {{"1", "a"}}));
  SchemaPtr other = MakeSchema({MakeField("id", TypeId::kText)});
  WriteRequest refresh = MakeRequest(other, WriteStrategy::kAppend, "b");
  refresh.full_refresh = true;
  Execute("DROP INDEX IF EXISTS " + Select("SELECT quote_ident(indexname) FROM pg_indexes WHERE tablename = 't'"));
  ASSERT_OK(Load(refresh, {{"x"}}));
  EXPECT_EQ(Rows(), "(x)");
}

// Readers in every isolation level, while the table is replaced again and again by either way: never empty, never half.
TEST_P(SinkReplaceTest, ReadersSeeOneLoadOrTheOther) {
  constexpr int kRows = 500;
  auto rows_of = [](int load) {
    std::vector<Row> rows;
    for (int i = 0; i < kRows; ++i) rows.push_back({std::to_string(load), "x"});
    return rows;
  };
  Replace("load-0", rows_of(0));
  std::atomic<bool> done = false;
  std::atomic<int> reads = 0;
  std::vector<std::string> wrong;
  std::jthread reader([&] {
    auto connection = Connection::Open(database_, {});
    for (int turn = 0; !done; ++turn) {
      bool repeatable = turn % 2 == 1;
      // The snapshot of REPEATABLE READ is taken before the table is looked at for the first time.
      static_cast<void>((*connection)
                            ->Execute(repeatable
                                          ? "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class LIMIT 1"
                                          : "BEGIN"));
      auto found = (*connection)->Execute("SELECT count(*), count(DISTINCT id) FROM t");
      if (!found) {
        wrong.push_back(found.error().ToString());
      } else if (FieldText(*found, 0, 0) != std::to_string(kRows) || FieldText(*found, 0, 1) != "1") {
        wrong.push_back(fmt::format("{} rows of {} loads", FieldText(*found, 0, 0), FieldText(*found, 0, 1)));
      }
      static_cast<void>((*connection)->Execute("ROLLBACK"));
      ++reads;
    }
  });
  for (int load = 1; load <= 12; ++load) {
    if (load == 7) Execute("COMMENT ON TABLE t IS 'from here on it is emptied and filled'");
    int before = reads;
    Replace("load-" + std::to_string(load), rows_of(load));
    while (reads == before) std::this_thread::yield();
  }
  done = true;
  reader.join();
  EXPECT_THAT(wrong, testing::IsEmpty());
}

// An older snapshot that meets the exchanged table sees the new rows (COPY FREEZE), not an empty table.
TEST_P(SinkReplaceTest, AnOldSnapshotDoesNotFindAnEmptyTable) {
  Replace("a", {{"1", "a"}});
  auto reader = Connection::Open(database_, {});
  ASSERT_OK(reader);
  ASSERT_OK((*reader)->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class LIMIT 1"));
  Replace("b", {{"2", "b"}});
  auto found = (*reader)->Execute("SELECT id FROM t");
  ASSERT_OK(found);
  ASSERT_EQ(PQntuples(found->get()), 1);
  EXPECT_EQ(FieldText(*found, 0, 0), "2");
}

}  // namespace
}  // namespace nilus::postgres
