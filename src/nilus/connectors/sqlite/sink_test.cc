#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/sqlite/database.h"
#include "nilus/connectors/sqlite/file_testing.h"

namespace nilus::sqlite {
namespace {

using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SinkTest : public FileTest {
 protected:
  static SchemaPtr SmallSchema() {
    return MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)});
  }

  WriteRequest Request(WriteStrategy strategy, std::string load_id, SchemaPtr schema = SmallSchema(),
                       TableName table = {"main", "t"}) {
    WriteRequest request;
    request.pipeline = {"p", "main"};
    request.load_id = std::move(load_id);
    request.table = std::move(table);
    request.schema = std::move(schema);
    request.strategy = strategy;
    request.primary_key = {"id"};
    request.incremental_key = "id";
    return request;
  }

  static Status Stage(Sink& sink, const WriteRequest& request, const std::vector<Row>& rows) {
    NILUS_ASSIGN(auto writer, sink.Open(request));
    NILUS_TRY(writer->Write(MakeBatch(request.schema, rows)));
    NILUS_TRY(writer->Finish());
    return {};
  }

  static Result<CommitResult> Commit(Sink& sink, const WriteRequest& request) {
    NILUS_ASSIGN(const auto state, sink.Committed(request.pipeline));
    CommitRequest commit;
    commit.pipeline = request.pipeline;
    commit.load_id = request.load_id;
    commit.expected_version = state ? state->version : 0;
    commit.position = {"{}"};
    return sink.Commit(commit);
  }

  Result<CommitResult> Load(const WriteRequest& request, const std::vector<Row>& rows) {
    auto sink = OpenSink();
    NILUS_TRY(Stage(*sink, request, rows));
    return Commit(*sink, request);
  }

  std::string SqlOf(const std::string& table) {
    const auto found = Run("SELECT sql FROM sqlite_schema WHERE name = '" + table + "'");
    return found.empty() ? "" : found[0];
  }
};

TEST_F(SinkTest, LooksAtADatabaseThatIsNotThereWithoutMakingIt) {
  auto sink = OpenSink();
  EXPECT_FALSE((*sink->Committed({"p", "main"})).has_value());
  EXPECT_FALSE(*sink->WasCommitted({"p", "main"}, "x"));
  EXPECT_FALSE((*sink->Describe({"main", "t"})).has_value());
  EXPECT_EQ(KindOf(sink->Explain(Request(WriteStrategy::kMerge, "a"))), "ok");
  EXPECT_TRUE(sink->Check()->at(0).ok);
  EXPECT_FALSE(std::filesystem::exists(path()));
  Address address = MakeAddress();
  address.path = (folder() / "no" / "such" / "folder.db").string();
  auto nowhere = kSqliteConnector.open_sink(address, OpenContext{}).value();
  EXPECT_EQ(KindOf(nowhere->Open(Request(WriteStrategy::kAppend, "a"))), "not_found");
}

TEST_F(SinkTest, DeclaresTypesThatKeepTheValues) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("amount", MakeDecimal(38, 2)),
                                 MakeField("doc", TypeId::kJson), MakeField("at", TypeId::kTimestamp),
                                 MakeField("x", TypeId::kFloat64)});
  ASSERT_EQ(
      KindOf(Load(Request(WriteStrategy::kReplace, "a", schema),
                  {{"1", "123456789012345678901234567890123456.70", "1.50", "2024-03-15T10:00:00.500000Z", "NaN"}})),
      "ok");
  EXPECT_THAT(Run("SELECT typeof(amount), amount, typeof(doc), doc, at, x FROM t"),
              ElementsAre("text", "123456789012345678901234567890123456.70", "text", "1.50",
                          "2024-03-15 10:00:00.500000", "NaN"));
  EXPECT_THAT(SqlOf("t"), HasSubstr("\"amount\" DECIMAL_TEXT(38,2)"));
}

TEST_F(SinkTest, SchemasBecomePartOfTheName) {
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kMerge, "a", SmallSchema(), {"sales", "t"}), {{"1", "sales"}})), "ok");
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "b", SmallSchema(), {"main", "t"}), {{"1", "main"}})), "ok");
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "c", SmallSchema(), {"sales", "u"}), {{"1", "u"}})), "ok");
  EXPECT_THAT(Run("SELECT v FROM \"sales.t\" UNION ALL SELECT v FROM t UNION ALL SELECT v FROM \"sales.u\""),
              ElementsAre("sales", "main", "u"));
  EXPECT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "d", SmallSchema(), {"main", "sales.t"}), {})),
            "invalid_input");
  EXPECT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "d", SmallSchema(), {"main", "sqlite_x"}), {{"1", "x"}})),
            "invalid_input");
}

TEST_F(SinkTest, ReplaceKeepsWhatHangsOnTheTable) {
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT NOT NULL DEFAULT 'x'); CREATE INDEX of_v ON t(v);"
      "CREATE VIEW w AS SELECT v FROM t; CREATE TABLE log(n); INSERT INTO t VALUES (1, 'old');"
      "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id); END;"
      "CREATE TABLE child(t_id INTEGER REFERENCES t(id)); INSERT INTO child VALUES (1)");
  const std::string before = SqlOf("t");
  const auto result = Load(Request(WriteStrategy::kReplace, "a"), {{"5", "five"}, {"6", "six"}});
  ASSERT_EQ(KindOf(result), "ok");
  EXPECT_EQ(result->rows_inserted, 2);
  EXPECT_EQ(SqlOf("t"), before);
  EXPECT_THAT(Run("SELECT v FROM w"), ElementsAre("five", "six"));
  EXPECT_THAT(Run("SELECT n FROM log"), ElementsAre("5", "6"));
  EXPECT_THAT(Run("SELECT name FROM sqlite_schema WHERE name LIKE '%stage%'"), IsEmpty());
  // A row that breaks a rule of the table: nothing is changed.
  EXPECT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "b"), {{"7", std::nullopt}})), "data");
  EXPECT_THAT(Run("SELECT v FROM w"), ElementsAre("five", "six"));
}

TEST_F(SinkTest, ReplaceSwapsUnderAViewThatReadsTheTable) {
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "a"), {{"1", "old"}})), "ok");
  Run("CREATE VIEW w AS SELECT v FROM t; CREATE VIEW broken AS SELECT * FROM nowhere");
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "b"), {{"1", "new"}})), "ok");
  EXPECT_THAT(Run("SELECT v FROM w"), ElementsAre("new"));
}

TEST_F(SinkTest, MergeUsesTheKeysIndexAndReplaceMayDropIt) {
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kMerge, "a"), {{"1", "a"}, {"2", "b"}})), "ok");
  EXPECT_THAT(Run("SELECT count(*) FROM pragma_index_list('t')"), ElementsAre("1"));
  SchemaPtr other = MakeSchema({MakeField("id", TypeId::kText)});
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "b", other), {{"x"}})), "ok");
  EXPECT_EQ(SqlOf("t"), "CREATE TABLE \"t\" (\"id\" TEXT)");
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kMerge, "c", other), {{"x"}, {"y"}})), "ok");
  EXPECT_THAT(Run("SELECT id FROM t ORDER BY id"), ElementsAre("x", "y"));
}

TEST_F(SinkTest, KeysDifferByCaseWhateverTheColumnSays) {
  SchemaPtr text = MakeSchema({MakeField("id", TypeId::kText), MakeField("v", TypeId::kText)});
  Run("CREATE TABLE t(id TEXT COLLATE NOCASE, v TEXT COLLATE NOCASE)");
  Run("INSERT INTO t VALUES('a', 'old'), ('b', 'old')");
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kMerge, "a", text), {{"A", "new"}, {"b", "new"}})), "ok");
  EXPECT_THAT(Run("SELECT id || v FROM t ORDER BY id COLLATE BINARY"), ElementsAre("Anew", "aold", "bnew"));

  Run("CREATE TABLE h(id TEXT COLLATE NOCASE, v TEXT COLLATE NOCASE, _nilus_valid_from TIMESTAMP, "
      "_nilus_valid_to TIMESTAMP)");
  Run("INSERT INTO h VALUES('a', 'x', '2020-01-01', NULL), ('b', 'x', '2020-01-01', NULL)");
  auto request = Request(WriteStrategy::kScd2, "b", text, {"main", "h"});
  ASSERT_EQ(KindOf(Load(request, {{"A", "y"}, {"b", "X"}})), "ok");  // another key, and a change by case only
  EXPECT_THAT(Run("SELECT id || v FROM h WHERE _nilus_valid_to IS NULL ORDER BY id COLLATE BINARY"),
              ElementsAre("Ay", "ax", "bX"));
}

TEST_F(SinkTest, ViewIsNoTarget) {
  Run("CREATE VIEW t AS SELECT 1 AS id, 'x' AS v");
  for (WriteStrategy strategy : kSqliteConnector.strategies) {
    EXPECT_EQ(KindOf(Load(Request(strategy, "a"), {{"1", "a"}})), "invalid_input");
  }
}

TEST_F(SinkTest, ReadersThatHoldTheFileDelayTheCommitNotTheData) {
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kAppend, "a"), {{"1", "a"}})), "ok");
  auto sink = OpenSink();
  const WriteRequest request = Request(WriteStrategy::kAppend, "b");
  ASSERT_EQ(KindOf(Stage(*sink, request, {{"2", "b"}})), "ok");
  Peer reader(path());
  reader.Run("BEGIN; SELECT * FROM t");
  EXPECT_EQ(KindOf(Commit(*sink, request)), "transient");
  reader.Run("COMMIT");
  EXPECT_FALSE(*sink->WasCommitted(request.pipeline, "b"));
  EXPECT_THAT(Run("SELECT id FROM t"), ElementsAre("1"));
  ASSERT_EQ(KindOf(Stage(*sink, request, {{"2", "b"}})), "ok");
  ASSERT_EQ(KindOf(Commit(*sink, request)), "ok");
  EXPECT_THAT(Run("SELECT id FROM t"), ElementsAre("1", "2"));
}

TEST_F(SinkTest, JournalModeStaysAsTheFileHasIt) {
  Run("PRAGMA journal_mode = WAL; CREATE TABLE x(y)");
  Peer reader(path());
  reader.Run("BEGIN; SELECT * FROM x");  // a reader does not hold up a commit there
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kMerge, "a"), {{"1", "a"}})), "ok");
  EXPECT_THAT(Run("PRAGMA journal_mode"), ElementsAre("wal"));
}

TEST_F(SinkTest, AnotherWriterIsAConflictThatSaysSo) {
  Run("CREATE TABLE x(y)");
  Peer peer(path());
  peer.Run("BEGIN IMMEDIATE");
  const auto writer = OpenSink()->Open(Request(WriteStrategy::kAppend, "a"));
  EXPECT_EQ(KindOf(writer), "conflict");
  EXPECT_THAT(writer.error().message, HasSubstr(path()));
}

TEST_F(SinkTest, WriterThatOutlivesItsSinkFailsCleanly) {
  auto sink = OpenSink();
  auto writer = sink->Open(Request(WriteStrategy::kAppend, "a")).value();
  sink.reset();
  EXPECT_EQ(KindOf(writer->Write(MakeBatch(SmallSchema(), {{"1", "a"}}))), "internal");
  EXPECT_EQ(KindOf(writer->Finish()), "internal");
}

TEST_F(SinkTest, WritersOfSeveralTablesOnSeveralThreads) {
  auto sink = OpenSink();
  std::vector<std::unique_ptr<Writer>> writers;
  for (int i = 0; i < 4; ++i) {
    writers.push_back(
        sink->Open(Request(WriteStrategy::kMerge, "a", SmallSchema(), {"main", fmt::format("t{}", i)})).value());
  }
  {
    std::vector<std::jthread> threads;
    for (auto& writer : writers) {
      threads.emplace_back([&writer] {
        for (int batch = 0; batch < 20; ++batch) {
          EXPECT_TRUE(
              writer->Write(MakeBatch(SmallSchema(), {{fmt::format("{}", batch), "x"}, {"1", "y"}})).has_value());
        }
        EXPECT_TRUE(writer->Finish().has_value());
      });
    }
  }
  ASSERT_EQ(KindOf(Commit(*sink, Request(WriteStrategy::kMerge, "a"))), "ok");
  for (int i = 0; i < 4; ++i) EXPECT_THAT(Run(fmt::format("SELECT count(*) FROM t{}", i)), ElementsAre("20"));
}

TEST_F(SinkTest, TooManyColumnsAreRefusedBeforeAnything) {
  std::vector<Field> fields = {MakeField("id", TypeId::kInt64)};
  for (int i = 1; i < 2001; ++i) fields.push_back(MakeField(fmt::format("c{}", i), TypeId::kInt64));
  auto result = Load(Request(WriteStrategy::kReplace, "a", MakeSchema(fields)), {});
  EXPECT_EQ(KindOf(result), "unsupported");
  EXPECT_THAT(result.error().message, HasSubstr("2001"));
  SchemaPtr twins = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("ID", TypeId::kInt64)});
  EXPECT_EQ(KindOf(Load(Request(WriteStrategy::kReplace, "a", twins), {})), "invalid_input");
}

TEST_F(SinkTest, FullFileIsExhausted) {
  Run("CREATE TABLE x(y)");
  auto db = Database::Open(path(), {});
  ASSERT_TRUE(db);
  ASSERT_TRUE((*db)->Execute("PRAGMA max_page_count = 10"));
  EXPECT_EQ(KindOf((*db)->Execute("INSERT INTO x VALUES (zeroblob(100000))")), "exhausted");
}

// A limit on the size of files, as a full disk or quota has it, cuts a load: nothing of it is left.
TEST_F(SinkTest, LimitOnTheFileSizeLeavesTheOldRows) {
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kAppend, "a"), {{"1", "a"}})), "ok");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 200'000, .rlim_max = 200'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::string big(10'000'000, 'x');
    const auto result = Load(Request(WriteStrategy::kAppend, "b"), {{"2", big}});
    _exit(!result && result.error().kind == ErrorKind::kExhausted ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(Run("SELECT v FROM t"), ElementsAre("a"));
}

// Killed in the middle of a load that has spilled into the file: the next reader and the next load find the old state.
TEST_F(SinkTest, KilledWriterIsRolledBackByAReader) {
  ASSERT_EQ(KindOf(Load(Request(WriteStrategy::kAppend, "a"), {{"1", "a"}})), "ok");
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    OpenContext context;
    context.memory_bytes = 1;  // a small cache: pages go to the file at once
    auto sink = kSqliteConnector.open_sink(MakeAddress(), context).value();
    const Status staged = Stage(*sink, Request(WriteStrategy::kAppend, "b"), {{"2", std::string(20'000'000, 'x')}});
    const char done = staged ? 'y' : 'n';
    [[maybe_unused]] const ssize_t written = write(pipes[1], &done, 1);
    pause();
    _exit(1);
  }
  char done = 0;
  ASSERT_EQ(read(pipes[0], &done, 1), 1);
  EXPECT_EQ(done, 'y');
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(pipes[0]);
  close(pipes[1]);
  ASSERT_TRUE(std::filesystem::exists(path() + "-journal"));
  auto source = OpenSource();
  ASSERT_EQ(KindOf(source), "ok");
  ReadRequest request;
  request.table = "t";
  const auto plan = (*source)->Plan(request);
  ASSERT_EQ(KindOf(plan), "ok") << plan.error().message;
  auto reader = (*source)->Open(plan->splits[0]).value();
  EXPECT_EQ((*reader->Next({}))->rows.num_rows(), 1);
  source->reset();
  reader.reset();
  EXPECT_FALSE(*OpenSink()->WasCommitted({"p", "main"}, "b"));
}

TEST_F(SinkTest, FileWithoutWriteRightsIsRefused) {
  Run("CREATE TABLE x(y)");
  if (geteuid() == 0) GTEST_SKIP() << "root may write everything";
  std::filesystem::permissions(path(), std::filesystem::perms::owner_read);
  EXPECT_EQ(KindOf(OpenSink()->Open(Request(WriteStrategy::kAppend, "a"))), "auth");
}

// Loses its rights, as root may write everywhere.
class AsNobody {
 public:
  AsNobody() : was_root_(geteuid() == 0) {
    if (was_root_ && seteuid(65534) != 0) ADD_FAILURE() << "seteuid";
  }
  ~AsNobody() {
    if (was_root_ && seteuid(0) != 0) ADD_FAILURE() << "seteuid";
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  bool was_root_;
};

TEST_F(SinkTest, CheckLooksAtTheFolderAndMakesNothing) {
  auto items = OpenSink()->Check();
  ASSERT_EQ(KindOf(items), "ok");
  EXPECT_TRUE(items->back().ok);
  EXPECT_THAT(items->back().detail, HasSubstr("does not exist yet"));
  EXPECT_FALSE(*OpenSink()->WasCommitted({"p", "main"}, "a"));
  EXPECT_EQ(KindOf(OpenSink()->Explain(Request(WriteStrategy::kMerge, "a"))), "ok");
  EXPECT_FALSE(std::filesystem::exists(path()));

  std::filesystem::permissions(folder(), std::filesystem::perms(0555));
  {
    AsNobody nobody;
    items = OpenSink()->Check();
    ASSERT_EQ(KindOf(items), "ok");
    EXPECT_FALSE(items->front().ok);
    EXPECT_THAT(items->front().detail, HasSubstr("cannot be written"));
    EXPECT_THAT(OpenSink()->Open(Request(WriteStrategy::kAppend, "a")).error().message, HasSubstr(path()));
  }
  std::filesystem::permissions(folder(), std::filesystem::perms(0755));

  Address elsewhere = MakeAddress();
  elsewhere.path = folder() / "none" / "a.db";
  items = kSqliteConnector.open_sink(elsewhere, OpenContext{}).value()->Check();
  ASSERT_EQ(KindOf(items), "ok");
  EXPECT_FALSE(items->front().ok);
  EXPECT_THAT(items->front().detail, HasSubstr("does not exist"));
}

TEST_F(SinkTest, DamagedVersionIsNoConflict) {
  WriteRequest request = Request(WriteStrategy::kMerge, "a");
  {
    auto sink = OpenSink();
    ASSERT_EQ(KindOf(Stage(*sink, request, {{"1", "a"}})), "ok");
    ASSERT_EQ(KindOf(Commit(*sink, request)), "ok");
  }
  for (const char* version : {"'abc'", "1.5", "x'31'"}) {
    Run(std::string("UPDATE _nilus_state SET version = ") + version);
    const auto state = OpenSink()->Committed(request.pipeline);
    ASSERT_EQ(KindOf(state), "data") << version;
    EXPECT_THAT(state.error().message, HasSubstr("version"));
    CommitRequest commit;
    commit.pipeline = request.pipeline;
    commit.load_id = "b";
    commit.expected_version = 1;
    EXPECT_EQ(KindOf(OpenSink()->Commit(commit)), "data") << version;
  }
}

TEST_F(SinkTest, StopEndsAStatement) {
  std::stop_source stop;
  auto sink = OpenSink();
  WriteRequest request = Request(WriteStrategy::kMerge, "a");
  request.stop = stop.get_token();
  ASSERT_EQ(KindOf(Stage(*sink, request, {{"1", "a"}})), "ok");
  stop.request_stop();
  EXPECT_EQ(KindOf(Commit(*sink, request)), "cancelled");
  EXPECT_FALSE((*sink->Describe({"main", "t"})).has_value());
}

TEST_F(SinkTest, ExplainSpellsTheStatements) {
  Run("CREATE TABLE t(id INTEGER)");
  const auto statements = OpenSink()->Explain(Request(WriteStrategy::kMerge, "a"));
  ASSERT_EQ(KindOf(statements), "ok");
  EXPECT_THAT(*statements, testing::Contains("ALTER TABLE \"t\" ADD COLUMN \"v\" TEXT"));
  EXPECT_EQ(statements->back(), "COMMIT");
}

}  // namespace
}  // namespace nilus::sqlite
