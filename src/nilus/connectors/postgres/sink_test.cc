// The sink on real servers: types, user-made tables, locks, outcomes. What all sinks promise is in conformance_test.cc.
#include "nilus/connectors/postgres/sink.h"

#include <stop_token>
#include <thread>

#include "nilus/connectors/postgres/sink_fixture.h"
#include "nilus/data/identifier.h"

namespace nilus::postgres {
namespace {

using conformance::KindOf;
using testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(Postgres, SinkTest, testing::Values("15", "18"),
                         [](const auto& version) { return version.param; });

TEST_P(SinkTest, CreatesColumnsOfTheNearestTypes) {
  SchemaPtr schema = MakeSchema(
      {MakeField("b", TypeId::kBool), MakeField("i2", TypeId::kInt16), MakeField("i4", TypeId::kInt32),
       MakeField("i8", TypeId::kInt64), MakeField("f4", TypeId::kFloat32), MakeField("f8", TypeId::kFloat64),
       MakeField("n", MakeDecimal(12, 2)), MakeField("t", TypeId::kText), MakeField("vc", Type{TypeId::kText, 0, 0, 7}),
       MakeField("x", TypeId::kBinary), MakeField("j", TypeId::kJson), MakeField("d", TypeId::kDate),
       MakeField("tm", TypeId::kTime), MakeField("ts", TypeId::kTimestamp), MakeField("tn", TypeId::kTimestampNtz)});
  ASSERT_OK(Load(MakeRequest(schema, WriteStrategy::kAppend), std::vector<RecordBatch>{}));
  EXPECT_EQ(Select("SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE "
                   "attrelid = 't'::regclass "
                   "AND attnum > 0"),
            "boolean, smallint, integer, bigint, real, double precision, numeric(12,2), text, character varying(7), "
            "bytea, jsonb, date, "
            "time without time zone, timestamp with time zone, timestamp without time zone");
  auto described = OpenSink()->Describe({"public", "t"});
  ASSERT_OK(described);
  EXPECT_EQ(**described, *schema);
}

TEST_P(SinkTest, FillsTheUsersOwnTypes) {
  Execute(
      "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0);"
      "CREATE TABLE t (id integer, code varchar(3), fixed char(4), u uuid, m mood, addr inet, tags text[], amount "
      "numeric(6,2), "
      "wide numeric, seen timestamptz(3), doc json, doc2 jsonb, ratio real, p positive, extra text DEFAULT 'kept')");
  std::vector<Field> fields = {MakeField("id", TypeId::kInt64)};
  for (const char* name : {"code", "fixed", "u", "m", "addr", "tags"}) fields.push_back(MakeField(name, TypeId::kText));
  fields.insert(fields.end(), {MakeField("amount", MakeDecimal(20, 4)), MakeField("wide", MakeDecimal(30, 12)),
                               MakeField("seen", TypeId::kTimestamp), MakeField("doc", TypeId::kJson),
                               MakeField("doc2", TypeId::kText), MakeField("ratio", TypeId::kFloat64),
                               MakeField("p", TypeId::kInt64)});
  SchemaPtr schema = MakeSchema(fields);
  std::vector<Row> rows = {{"7", "abc", "ab", "123e4567-e89b-12d3-a456-426614174000", "ok", "10.0.0.1/8", "{a,b}",
                            "1.5000", "0.000000000001", "2024-01-02T03:04:05.123Z", "{ \"k\":1}", "{\"k\": [1]}", "0.5",
                            "9"}};
  for (WriteStrategy strategy :
       {WriteStrategy::kAppend, WriteStrategy::kReplace, WriteStrategy::kMerge, WriteStrategy::kDeleteInsert}) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    if (strategy == WriteStrategy::kDeleteInsert) Execute("DELETE FROM t");  // this load has no interval
    ASSERT_OK(
        Load(MakeRequest(schema, strategy, std::string("load-") + std::string(WriteStrategyName(strategy))), rows));
    EXPECT_EQ(
        Rows(),
        R"((7,abc,"ab  ",123e4567-e89b-12d3-a456-426614174000,ok,10.0.0.1/8,"{a,b}",1.50,0.000000000001,"2024-01-02 03:04:05.123+00","{ ""k"":1}","{""k"": [1]}",0.5,9,kept))");
    if (strategy == WriteStrategy::kAppend) Execute("COMMENT ON TABLE t IS 'ours'");  // so that replace keeps the table
  }
}

TEST_P(SinkTest, ATextThatCannotBeCastIsKeptInItsVariant) {
  Execute("CREATE TABLE t (id bigint, v inet)");
  const std::vector<Row> rows = {{"1", "10.0.0.1"}, {"2", "nowhere"}};
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kAppend), rows));
  EXPECT_EQ(Rows("t", "id, v, v__v_text"), "(1,10.0.0.1,) (2,,nowhere)");
  WriteRequest strict = MakeRequest(IdText(), WriteStrategy::kAppend, "load-2");
  strict.misfits = Misfits::kError;
  auto result = Load(strict, rows);
  EXPECT_EQ(KindOf(result), "data");
  EXPECT_THAT(result.error().message, testing::Not(HasSubstr("nowhere"))) << "values of rows are not told";
  EXPECT_THAT(result.error().message,
              HasSubstr("column `v` of table public.t: 1 value cannot be held by its type inet"));
}

TEST_P(SinkTest, MisfitsAreKeptInVariantColumns) {
  Execute("CREATE TABLE t (id integer, v varchar(3))");
  auto batch = MakeBatch(IdText(), {{"1", "abc"}, {"3000000000", "abcd"}, {"2", std::string("a\0b", 3)}});
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kAppend), {batch, MakeBatch(IdText(), {{"4", "x"}})}));
  EXPECT_EQ(Rows("t", "id, v, id__v_text, v__v_text"), "(,,3000000000,abcd) (1,abc,,) (2,,,610062) (4,x,,)");
}

TEST_P(SinkTest, VariantColumnsOfLongNamesAreCutAsTheEngineCutsThem) {
  const std::string column = std::string(53, 'a') + "_23456";  // where the cut leaves '_' at the end
  Execute("CREATE TABLE t (" + column + " varchar(3))");
  const auto schema = MakeSchema({MakeField(column, TypeId::kText)});
  ASSERT_OK(Load(MakeRequest(schema, WriteStrategy::kAppend), {{"abcd"}}));
  EXPECT_EQ(Rows("t", FitToLimit(VariantName(column, "text"), 63)), "abcd");
}

TEST_P(SinkTest, AVariantColumnOfAnotherTypeIsRefused) {
  for (const char* type : {"bigint", "uuid", "jsonb"}) {
    Execute(std::string("DROP TABLE IF EXISTS t; CREATE TABLE t (id integer, v text, id__v_text ") + type + ")");
    auto result = Load(MakeRequest(IdText(), WriteStrategy::kAppend), {{"3000000000", "x"}});
    EXPECT_EQ(KindOf(result), "data");
    EXPECT_THAT(result.error().message, testing::AllOf(HasSubstr("`id__v_text`"), HasSubstr(type)));
  }
}

TEST_P(SinkTest, AMisfitInAKeyIsAnError) {
  auto result =
      Load(MakeRequest(MakeSchema({MakeField("id", TypeId::kText)}), WriteStrategy::kMerge), {{std::string("a\0", 2)}});
  EXPECT_EQ(KindOf(result), "data");
  EXPECT_THAT(result.error().message, HasSubstr("primary key column `id`"));
  EXPECT_EQ(Tables(), "");
}

TEST_P(SinkTest, GrowthOfADirectLoadDoesNotLockReadersOut) {
  Execute("CREATE TABLE t (id bigint, v text); INSERT INTO t VALUES (0, 'old')");
  auto sink = OpenSink();
  WriteRequest request = MakeRequest(IdText(), WriteStrategy::kAppend);
  auto writer = sink->Open(request);
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write(MakeBatch(IdText(), {{"1", "a"}})));
  SchemaPtr wide = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("extra", TypeId::kDate)});
  ASSERT_OK((*writer)->Write(MakeBatch(wide, {{"2", "2024-01-01"}})));
  EXPECT_EQ(Select("SET lock_timeout = '5s'; SELECT count(*) FROM t"), "1");
  ASSERT_OK((*writer)->Write(MakeBatch(IdText(), {{"3", "c"}})));
  ASSERT_OK((*writer)->Finish());
  auto result = sink->Commit(CommitOf(request, 0));
  ASSERT_OK(result);
  EXPECT_EQ(result->rows_inserted, 3);
  EXPECT_EQ(Rows(), "(0,old,) (1,a,) (2,,2024-01-01) (3,c,)");
}

TEST_P(SinkTest, MergeIndexesItsKeyAndKeepsIt) {
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kMerge, "a"), {{"1", "a"}, {"2", "b"}, {"1", "c"}}));
  EXPECT_EQ(Rows(), "(1,c) (2,b)");
  const std::string index = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't'::regclass";
  EXPECT_THAT(Select(index), HasSubstr("USING btree (id)"));
  auto result = Load(MakeRequest(IdText(), WriteStrategy::kMerge, "b"), {{"2", "B"}, {"3", "d"}});
  ASSERT_OK(result);
  EXPECT_EQ(result->rows_updated, 1);
  EXPECT_EQ(result->rows_inserted, 1);
  EXPECT_EQ(Rows(), "(1,c) (2,B) (3,d)");

  // A first load with unique keys goes straight into the table; the index comes all the same.
  WriteRequest direct = MakeRequest(IdText(), WriteStrategy::kMerge, "c", "u");
  direct.key_is_unique = true;
  ASSERT_OK(Load(direct, {{"1", "a"}, {"2", "b"}}));
  EXPECT_EQ(Rows("u"), "(1,a) (2,b)");
  EXPECT_THAT(Select("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'u'::regclass"),
              HasSubstr("(id)"));
}

TEST_P(SinkTest, WritersOfOneLoadMayTakeTurns) {
  auto sink = OpenSink();
  WriteRequest a = MakeRequest(IdText(), WriteStrategy::kAppend, "load-1", "a");
  WriteRequest b = MakeRequest(IdText(), WriteStrategy::kReplace, "load-1", "b");
  auto first = sink->Open(a);
  auto second = sink->Open(b);
  ASSERT_OK(first);
  ASSERT_OK(second);
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK((*first)->Write(MakeBatch(IdText(), {{std::to_string(i), "a"}})));
    ASSERT_OK((*second)->Write(MakeBatch(IdText(), {{std::to_string(i), "b"}})));
  }
  ASSERT_OK((*second)->Finish());
  ASSERT_OK((*first)->Finish());
  auto result = sink->Commit(CommitOf(a, 0));
  ASSERT_OK(result);
  EXPECT_EQ(result->rows_inserted, 6);
  EXPECT_EQ(Rows("a"), "(0,a) (1,a) (2,a)");
  EXPECT_EQ(Rows("b"), "(0,b) (1,b) (2,b)");
}

TEST_P(SinkTest, ASecondLoadIsToldWhoHoldsTheFirst) {
  auto first = OpenSink();
  ASSERT_OK(first->Open(MakeRequest(IdText(), WriteStrategy::kAppend)));
  auto second = OpenSink("0");
  auto refused = second->Open(MakeRequest(IdText(), WriteStrategy::kAppend, "load-2"));
  EXPECT_EQ(KindOf(refused), "conflict");
  EXPECT_THAT(refused.error().message,
              testing::AllOf(HasSubstr("tests/pipeline"), HasSubstr("server process"), HasSubstr("user postgres")));
  first.reset();
  ASSERT_OK(OpenSink()->Open(MakeRequest(IdText(), WriteStrategy::kAppend, "load-2")));
}

TEST_P(SinkTest, TwoFirstLoadsIntoOneSchemaAtOnce) {
  WriteRequest a = MakeRequest(IdText(), WriteStrategy::kAppend);
  WriteRequest b = MakeRequest(IdText(), WriteStrategy::kAppend, "load-2", "u");
  b.pipeline.value = "tests/another";
  for (WriteRequest* request : {&a, &b}) request->table.schema = request->pipeline.state_schema = "fresh";
  auto first = OpenSink();
  ASSERT_OK(Stage(first.get(), a, {MakeBatch(IdText(), {{"1", "a"}})}));
  std::jthread committer([&] {
    while (
        Select(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") ==
        "0") {
      std::this_thread::yield();
    }
    EXPECT_EQ(ErrorOf(first->Commit(CommitOf(a, 0))), "");
  });
  auto second = OpenSink("60");
  EXPECT_EQ(KindOf(Stage(second.get(), b, {MakeBatch(IdText(), {{"2", "b"}})})), "conflict");
  committer.join();
  ASSERT_OK(Stage(second.get(), b, {MakeBatch(IdText(), {{"2", "b"}})}));
  ASSERT_OK(second->Commit(CommitOf(b, 0)));
  EXPECT_EQ(Rows("fresh.t"), "(1,a)");
  EXPECT_EQ(Rows("fresh.u"), "(2,b)");
  EXPECT_EQ(Rows("fresh._nilus_state", "t.version"), "1 1");
}

TEST_P(SinkTest, WaitingForTheLockEndsWithAStop) {
  auto first = OpenSink();
  ASSERT_OK(first->Open(MakeRequest(IdText(), WriteStrategy::kAppend)));
  std::stop_source stop;
  WriteRequest request = MakeRequest(IdText(), WriteStrategy::kAppend, "load-2");
  request.stop = stop.get_token();
  auto second = OpenSink("3600");
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(KindOf(second->Open(request)), "cancelled");
}

TEST_P(SinkTest, ATableInUseIsNamed) {
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kReplace), {{"1", "a"}}));
  auto reader = Connection::Open(database_, {});
  ASSERT_OK(reader);
  ASSERT_OK((*reader)->Execute("BEGIN; SELECT * FROM t"));
  auto sink = OpenSink("0");
  WriteRequest request = MakeRequest(IdText(), WriteStrategy::kReplace, "load-2");
  ASSERT_OK(Stage(sink.get(), request, {MakeBatch(IdText(), {{"2", "b"}})}));
  auto result = sink->Commit(CommitOf(request, 1));
  EXPECT_EQ(KindOf(result), "transient");
  EXPECT_THAT(result.error().message, HasSubstr("table public.t is in use by other sessions"));
  EXPECT_EQ(Rows(), "(1,a)");
}

TEST_P(SinkTest, ALoadThatWasGivenUpIsNotCommittedWithTheNextOne) {
  auto sink = OpenSink();
  WriteRequest first = MakeRequest(IdText(), WriteStrategy::kReplace, "load-1", "given_up");
  auto writer = sink->Open(first);
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write(MakeBatch(IdText(), {{"1", "a"}})));
  WriteRequest second = MakeRequest(IdText(), WriteStrategy::kReplace, "load-2", "kept");
  ASSERT_OK(Stage(sink.get(), second, {MakeBatch(IdText(), {{"2", "b"}})}));
  EXPECT_EQ(KindOf((*writer)->Write(MakeBatch(IdText(), {{"3", "c"}}))), "transient");
  ASSERT_OK(sink->Commit(CommitOf(second, 0)));
  EXPECT_THAT(Tables(), testing::HasSubstr("kept"));
  EXPECT_THAT(Tables(), testing::Not(testing::HasSubstr("given_up")));
}

TEST_P(SinkTest, AFailedLoadCannotBeCommitted) {
  auto sink = OpenSink();
  WriteRequest request = MakeRequest(IdText(), WriteStrategy::kMerge);
  auto writer = sink->Open(request);
  ASSERT_OK(writer);
  EXPECT_EQ(KindOf((*writer)->Write(MakeBatch(IdText(), {{std::nullopt, "a"}}))), "data");
  EXPECT_EQ(KindOf((*writer)->Write(MakeBatch(IdText(), {{"1", "a"}}))), "transient");
  EXPECT_EQ(KindOf(sink->Commit(CommitOf(request, 0))), "transient");
  EXPECT_EQ(Tables(), "");
  // The session itself is as good as new.
  ASSERT_OK(Stage(sink.get(), request, {MakeBatch(IdText(), {{"1", "a"}})}));
  ASSERT_OK(sink->Commit(CommitOf(request, 0)));
  EXPECT_EQ(Rows(), "(1,a)");
}

TEST_P(SinkTest, AStaleVersionIsRefused) {
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kAppend, "a"), {{"1", "a"}}));
  auto sink = OpenSink();
  WriteRequest request = MakeRequest(IdText(), WriteStrategy::kAppend, "b");
  ASSERT_OK(Stage(sink.get(), request, {MakeBatch(IdText(), {{"2", "b"}})}));
  EXPECT_EQ(KindOf(sink->Commit(CommitOf(request, 0))), "conflict");
  EXPECT_EQ(Rows(), "(1,a)");
}

// The server dies in the middle of COMMIT: nobody can know, so the sink says so, and then finds out.
TEST_P(SinkTest, ALostCommitIsFoundOut) {
  Execute(
      "CREATE TABLE t (id bigint, v text);"
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
      "slow()");
  auto sink = OpenSink();
  WriteRequest request = MakeRequest(IdText(), WriteStrategy::kAppend);
  ASSERT_OK(Stage(sink.get(), request, {MakeBatch(IdText(), {{"1", "a"}})}));
  std::jthread killer([&] {
    while (Select("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "0")
      std::this_thread::yield();
  });
  auto result = sink->Commit(CommitOf(request, 0));
  EXPECT_EQ(KindOf(result), "unknown_outcome") << result.error().ToString();
  auto was = sink->WasCommitted(request.pipeline, request.load_id);
  ASSERT_OK(was);
  EXPECT_FALSE(*was);
  EXPECT_EQ(Rows(), "");
}

TEST_P(SinkTest, ADeferredConstraintIsAKnownFailure) {
  Execute(
      "CREATE TABLE p (id bigint PRIMARY KEY); CREATE TABLE t (id bigint REFERENCES p DEFERRABLE INITIALLY DEFERRED, v "
      "text)");
  auto result = Load(MakeRequest(IdText(), WriteStrategy::kAppend), {{"1", "a"}});
  EXPECT_EQ(KindOf(result), "data");
  EXPECT_EQ(Rows(), "");
}

TEST_P(SinkTest, MissingRightsAreNamed) {
  Execute("CREATE ROLE " + database_.path + "_loader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  database_.user = database_.path + "_loader";
  auto result = Load(MakeRequest(IdText(), WriteStrategy::kAppend), {{"1", "a"}});
  EXPECT_EQ(KindOf(result), "auth") << result.error().ToString();
  EXPECT_THAT(result.error().ToString(), HasSubstr("GRANT"));
  auto checks = OpenSink()->Check();
  ASSERT_OK(checks);
  EXPECT_THAT(*checks, testing::Contains(
                           testing::AllOf(testing::Field(&CheckItem::ok, false),
                                          testing::Field(&CheckItem::detail, HasSubstr("GRANT CREATE ON DATABASE")))));
}

// CREATE … IF NOT EXISTS asks for rights even where nothing is created: a role with only what it needs must do.
TEST_P(SinkTest, AFewRightsAreEnough) {
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kAppend, "a"), {{"1", "a"}}));
  const std::string role = database_.path + "_few";
  Execute("CREATE ROLE " + role +
          " LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO " + role +
          "; GRANT SELECT, INSERT, UPDATE, DELETE ON t, _nilus_state, _nilus_loads TO " + role);
  database_.user = role;
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kAppend, "b"), {{"2", "b"}}));
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kMerge, "c"), {{"2", "B"}}));
  EXPECT_EQ(Rows(), "(1,a) (2,B)");
}

TEST_P(SinkTest, RefusesWhatCannotBeLoaded) {
  Execute(
      "CREATE VIEW v AS SELECT 1 AS id; CREATE TABLE g (id bigint, v text GENERATED ALWAYS AS ('x') STORED);"
      "CREATE TABLE r (id bigint, v text); ALTER TABLE r ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
  EXPECT_EQ(KindOf(Load(MakeRequest(IdText(), WriteStrategy::kAppend, "a", "v"), {{"1", "a"}})), "unsupported");
  EXPECT_EQ(KindOf(Load(MakeRequest(IdText(), WriteStrategy::kAppend, "b", "g"), {{"1", "a"}})), "invalid_input");
  std::vector<Field> fields;
  for (int i = 0; i < 1601; ++i) fields.push_back(MakeField("c" + std::to_string(i), TypeId::kBool));
  auto wide = Load(MakeRequest(MakeSchema(fields), WriteStrategy::kAppend, "c", "w"), std::vector<RecordBatch>{});
  EXPECT_EQ(KindOf(wide), "unsupported");
  EXPECT_THAT(wide.error().message, HasSubstr("1600"));
  Execute("CREATE ROLE " + database_.path + "_rls LOGIN; GRANT ALL ON r TO " + database_.path + "_rls");
  database_.user = database_.path + "_rls";
  auto hidden = Load(MakeRequest(IdText(), WriteStrategy::kAppend, "d", "r"), {{"1", "a"}});
  EXPECT_EQ(KindOf(hidden), "auth");
  EXPECT_THAT(hidden.error().message, HasSubstr("row-level security"));
}

TEST_P(SinkTest, ExplainShowsTheStatementsAndChangesNothing) {
  auto lines = OpenSink()->Explain(MakeRequest(IdText(), WriteStrategy::kMerge));
  ASSERT_OK(lines);
  std::string all = fmt::format("{}", fmt::join(*lines, "\n"));
  EXPECT_THAT(all, testing::AllOf(HasSubstr("BEGIN"), HasSubstr("CREATE TABLE \"public\".\"t\""), HasSubstr("COPY "),
                                  HasSubstr("COMMIT")));
  EXPECT_EQ(Tables(), "");
}

TEST_P(SinkTest, HundredMegabytesInOneValue) {
  ColumnBuilder ids(MakeType(TypeId::kInt64));
  ColumnBuilder texts(MakeType(TypeId::kText));
  ids.Append<int64_t>(1);
  texts.AppendBytes(std::string(100'000'000, 'x'));
  std::vector<Column> columns;
  columns.push_back(ids.Finish());
  columns.push_back(texts.Finish());
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kReplace), {RecordBatch(IdText(), std::move(columns), 1)}));
  EXPECT_EQ(Select("SELECT length(v) FROM t"), "100000000");
}

}  // namespace
}  // namespace nilus::postgres
