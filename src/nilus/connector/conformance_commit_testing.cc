// The commit protocol: position with the rows, compare-and-set, idempotence, locks, nothing visible before its time.
#include "nilus/connector/conformance_testing.h"

namespace nilus::conformance {

int LinkCommitTests() { return 0; }

namespace {

SchemaPtr SmallSchema() { return MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)}); }

CommitRequest CommitOf(const WriteRequest& request, int64_t expected_version, std::string position) {
  CommitRequest commit;
  commit.pipeline = request.pipeline;
  commit.load_id = request.load_id;
  commit.expected_version = expected_version;
  commit.position = Position{std::move(position)};
  return commit;
}

}  // namespace

#define NILUS_NEEDS_STATE() \
  if (!quirks().commits_position_with_rows) GTEST_SKIP() << "the sink cannot store rows and position together"

TEST_P(ConformanceTest, PositionIsCommittedWithTheRows) {
  NILUS_NEEDS_STATE();
  WriteRequest request = Request("t", SmallSchema(), WriteStrategy::kAppend, "load-a");
  const std::string position = R"({"cursor":"it's \"quoted\" ü","n":1})";
  {
    auto sink = OpenSink();
    auto committed = sink->Committed(request.pipeline);
    ASSERT_NILUS_OK(committed);
    EXPECT_FALSE(committed->has_value());
    auto was = sink->WasCommitted(request.pipeline, "load-a");
    ASSERT_NILUS_OK(was);
    EXPECT_FALSE(*was);
    ASSERT_NILUS_OK(Stage(sink.get(), request, {MakeBatch(request.schema, {{"1", "a"}})}));
    auto result = sink->Commit(CommitOf(request, 0, position));
    ASSERT_NILUS_OK(result);
    EXPECT_EQ(result->version, 1);
    EXPECT_EQ(result->rows_inserted, 1);
  }
  auto sink = OpenSink();
  auto committed = sink->Committed(request.pipeline);
  ASSERT_NILUS_OK(committed);
  ASSERT_TRUE(committed->has_value());
  EXPECT_EQ((*committed)->version, 1);
  EXPECT_EQ((*committed)->load_id, "load-a");
  EXPECT_EQ((*committed)->position.json, position);
  EXPECT_TRUE(*sink->WasCommitted(request.pipeline, "load-a"));
  EXPECT_FALSE(*sink->WasCommitted(request.pipeline, "load-b"));
  EXPECT_FALSE(*sink->WasCommitted(Pipeline("another"), "load-a"));
  auto other = sink->Committed(Pipeline("another"));
  ASSERT_NILUS_OK(other);
  EXPECT_FALSE(other->has_value());
}

TEST_P(ConformanceTest, OneSessionCanCommitSeveralLoads) {
  NILUS_NEEDS_STATE();
  auto sink = OpenSink();
  for (int load = 1; load <= 3; ++load) {
    WriteRequest request = Request("t", SmallSchema(), WriteStrategy::kAppend, fmt::format("load-{}", load));
    ASSERT_NILUS_OK(Stage(sink.get(), request, {MakeBatch(request.schema, {{fmt::format("{}", load), "x"}})}));
    auto result = sink->Commit(CommitOf(request, load - 1, fmt::format(R"({{"n":{}}})", load)));
    ASSERT_NILUS_OK(result);
    EXPECT_EQ(result->version, load);
  }
  EXPECT_TRUE(*sink->WasCommitted(Pipeline(), "load-1"));
  EXPECT_TRUE(*sink->WasCommitted(Pipeline(), "load-3"));
  sink.reset();
  EXPECT_EQ(ReadTable("t").Sorted({"id"}), (std::vector<Row>{{"1"}, {"2"}, {"3"}}));
}

TEST_P(ConformanceTest, SeveralTablesInOneCommit) {
  NILUS_NEEDS_STATE();
  auto sink = OpenSink();
  WriteRequest first = Request("a", SmallSchema(), WriteStrategy::kReplace);
  WriteRequest second = Request("b", SmallSchema(), WriteStrategy::kAppend);
  ASSERT_NILUS_OK(Stage(sink.get(), first, {MakeBatch(first.schema, {{"1", "a"}})}));
  ASSERT_NILUS_OK(Stage(sink.get(), second, {MakeBatch(second.schema, {{"2", "b"}, {"3", "c"}})}));
  auto result = sink->Commit(CommitOf(first, 0, "{}"));
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(result->rows_inserted, 3);
  sink.reset();
  EXPECT_EQ(ReadTable("a").Sorted({"id"}), (std::vector<Row>{{"1"}}));
  EXPECT_EQ(ReadTable("b").Sorted({"id"}), (std::vector<Row>{{"2"}, {"3"}}));
}

// Two writers of one table would each believe that they make it anew. The first one goes on.
TEST_P(ConformanceTest, ATableIsOpenedOnceInALoad) {
  WriteRequest request = Request("t", SmallSchema(), WriteStrategy::kReplace);
  auto sink = OpenSink();
  auto writer = sink->Open(request);
  ASSERT_NILUS_OK(writer);
  ASSERT_NILUS_OK((*writer)->Write(MakeBatch(request.schema, {{"1", "a"}})));
  auto again = sink->Open(request);
  EXPECT_EQ(KindOf(again), ErrorKindName(ErrorKind::kInternal));
  ASSERT_NILUS_OK((*writer)->Write(MakeBatch(request.schema, {{"2", "b"}})));
  ASSERT_NILUS_OK((*writer)->Finish());
  EXPECT_EQ(KindOf(sink->Open(request)), ErrorKindName(ErrorKind::kInternal)) << "finished, but not yet committed";
  ASSERT_NILUS_OK(sink->Commit(CommitOf(request, 0, "{}")));
  writer->reset();
  sink.reset();
  EXPECT_EQ(ReadTable("t").Sorted({"id", "v"}), (std::vector<Row>{{"1", "a"}, {"2", "b"}}));
}

TEST_P(ConformanceTest, CommittingALoadAgainIsASuccessAndChangesNothing) {
  NILUS_NEEDS_STATE();
  int round = 0;
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    WriteRequest request = Request(fmt::format("t{}", round), SmallSchema(), strategy, fmt::format("load-{}", round));
    request.incremental_key = "id";
    auto first = Load(request, {MakeBatch(request.schema, {{"1", "a"}})}, std::nullopt, {"{}"});
    ASSERT_NILUS_OK(first);
    // As after a lost acknowledgement: a new session stages and commits the same load, with the version it began with.
    auto sink = OpenSink();
    ASSERT_NILUS_OK(Stage(sink.get(), request, {MakeBatch(request.schema, {{"1", "a"}})}));
    auto again = sink->Commit(CommitOf(request, round, "{}"));
    ASSERT_NILUS_OK(again);
    EXPECT_EQ(again->version, first->version);
    // And once more without rows.
    auto bare = sink->Commit(CommitOf(request, round, "{}"));
    ASSERT_NILUS_OK(bare);
    EXPECT_EQ(bare->version, first->version);
    sink.reset();
    EXPECT_EQ(ReadTable(request.table.name).Sorted({"id", "v"}), (std::vector<Row>{{"1", "a"}}));
    ++round;
  }
}

TEST_P(ConformanceTest, CommitFromAnOldVersionIsAConflictAndChangesNothing) {
  NILUS_NEEDS_STATE();
  ASSERT_NILUS_OK(Load(Request("t", SmallSchema(), WriteStrategy::kAppend, "a"), {{"1", "a"}}));
  ASSERT_NILUS_OK(Load(Request("t", SmallSchema(), WriteStrategy::kAppend, "b"), {{"2", "b"}}));
  for (int64_t version : {0, 1, 3}) {
    SCOPED_TRACE(version);
    auto sink = OpenSink();
    WriteRequest request = Request("t", SmallSchema(), WriteStrategy::kAppend, fmt::format("zombie-{}", version));
    ASSERT_NILUS_OK(Stage(sink.get(), request, {MakeBatch(request.schema, {{"9", "zombie"}})}));
    EXPECT_EQ(KindOf(sink->Commit(CommitOf(request, version, "{}"))), "conflict");
    sink.reset();
    auto after = OpenSink()->Committed(request.pipeline);
    ASSERT_NILUS_OK(after);
    EXPECT_EQ((*after)->version, 2);
    EXPECT_EQ((*after)->load_id, "b");
    EXPECT_EQ(ReadTable("t").Sorted({"id"}), (std::vector<Row>{{"1"}, {"2"}}));
  }
}

TEST_P(ConformanceTest, PositionMovesWithoutRows) {
  NILUS_NEEDS_STATE();
  auto sink = OpenSink();
  CommitRequest commit;
  commit.pipeline = Pipeline();
  commit.load_id = "set-1";
  commit.position = Position{R"({"cursor":"7"})"};
  auto result = sink->Commit(commit);
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(result->version, 1);
  EXPECT_EQ((*sink->Committed(Pipeline()))->position.json, R"({"cursor":"7"})");
  commit.load_id = "reset-1";
  commit.expected_version = 1;
  commit.position = Position{};
  ASSERT_NILUS_OK(sink->Commit(commit));
  auto state = sink->Committed(Pipeline());
  ASSERT_NILUS_OK(state);
  ASSERT_TRUE(state->has_value());  // versions go on: an old run cannot come back
  EXPECT_EQ((*state)->version, 2);
  EXPECT_TRUE((*state)->position.empty());
  commit.load_id = "set-2";
  EXPECT_EQ(KindOf(sink->Commit(commit)), "conflict");
}

TEST_P(ConformanceTest, DestroyedBeforeCommitLeavesNoTrace) {
  int round = 0;
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    const std::string name = fmt::format("t{}", round);
    WriteRequest request = Request(name, SmallSchema(), strategy, fmt::format("load-{}", round++));
    request.incremental_key = "id";
    ASSERT_NILUS_OK(Load(request, {{"1", "a"}}));
    const std::vector<std::string> before = Objects();
    request.load_id += "-lost";
    for (bool finish : {false, true}) {
      auto sink = OpenSink();
      WriteRequest fresh = request;
      fresh.table.name = name + "_never";
      auto writer = sink->Open(request);
      ASSERT_NILUS_OK(writer);
      auto fresh_writer = sink->Open(fresh);
      ASSERT_NILUS_OK(fresh_writer);
      ASSERT_NILUS_OK((*writer)->Write(MakeBatch(request.schema, {{"2", "b"}})));
      ASSERT_NILUS_OK((*fresh_writer)->Write(MakeBatch(request.schema, {{"2", "b"}})));
      if (finish) {
        ASSERT_NILUS_OK((*writer)->Finish());
        ASSERT_NILUS_OK((*fresh_writer)->Finish());
      }
      (*writer).reset();
      (*fresh_writer).reset();
      sink.reset();
      EXPECT_EQ(ReadTable(name).Sorted({"id", "v"}), (std::vector<Row>{{"1", "a"}}));
      EXPECT_EQ(Objects(), before);
      auto described = OpenSink()->Describe(fresh.table);
      ASSERT_NILUS_OK(described);
      EXPECT_FALSE(described->has_value());
      if (quirks().commits_position_with_rows) {
        EXPECT_FALSE(*OpenSink()->WasCommitted(request.pipeline, request.load_id));
      }
    }
  }
}

TEST_P(ConformanceTest, ReadersSeeTheOldRowsUntilTheCommit) {
  if (!quirks().readers_see_old_rows_during_load) GTEST_SKIP() << "the system has no readers beside a writer";
  int round = 0;
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    WriteRequest request = Request(fmt::format("t{}", round), SmallSchema(), strategy, fmt::format("load-{}", round));
    request.incremental_key = "id";
    ASSERT_NILUS_OK(Load(request, {{"1", "a"}}));
    request.load_id += "-next";
    auto sink = OpenSink();
    ASSERT_NILUS_OK(Stage(sink.get(), request, {MakeBatch(request.schema, {{"2", "b"}})}));
    EXPECT_EQ(ReadTable(request.table.name).Sorted({"id", "v"}), (std::vector<Row>{{"1", "a"}}));
    ASSERT_NILUS_OK(sink->Commit(CommitOf(request, quirks().commits_position_with_rows ? 2 * round + 1 : 0, "{}")));
    sink.reset();
    EXPECT_NE(ReadTable(request.table.name).Sorted({"id", "v"}), (std::vector<Row>{{"1", "a"}}));
    ++round;
  }
}

TEST_P(ConformanceTest, SecondSessionFailsClearlyWhileTheFirstIsOpen) {
  if (!quirks().one_load_at_a_time) GTEST_SKIP() << "loads are not locked out";
  auto first = OpenSink();
  WriteRequest request = Request("t", SmallSchema(), WriteStrategy::kReplace, "first");
  ASSERT_NILUS_OK(Stage(first.get(), request, {MakeBatch(request.schema, {{"1", "first"}})}));
  {
    auto second = OpenSink();
    WriteRequest late = request;
    late.load_id = "second";
    auto writer = second->Open(late);
    EXPECT_TRUE(KindOf(writer) == "conflict" || KindOf(writer) == "transient") << KindOf(writer);
  }
  ASSERT_NILUS_OK(first->Commit(CommitOf(request, 0, "{}")));
  first.reset();
  EXPECT_EQ(ReadTable("t").Sorted({"id", "v"}), (std::vector<Row>{{"1", "first"}}));
  // Now it is free again.
  request.load_id = "third";
  ASSERT_NILUS_OK(Load(request, {{"3", "third"}}));
}

TEST_P(ConformanceTest, WriteAfterStopIsCancelled) {
  std::stop_source stop;
  stop.request_stop();
  auto sink = OpenSink();
  WriteRequest request = Request("t", SmallSchema(), WriteStrategy::kReplace);
  request.stop = stop.get_token();
  Status status = Stage(sink.get(), request, {MakeBatch(request.schema, {{"1", "a"}})});
  EXPECT_TRUE(!status || KindOf(sink->Commit(CommitOf(request, 0, "{}"))) == "cancelled");
  if (!status) {
    EXPECT_EQ(KindOf(status), "cancelled");
  }
}

TEST_P(ConformanceTest, ExplainChangesNothingAndNamesTheTable) {
  const std::vector<std::string> before = Objects();
  for (WriteStrategy strategy : quirks().connector->strategies) {
    WriteRequest request = Request("explained", SmallSchema(), strategy);
    request.incremental_key = "id";
    auto statements = OpenSink()->Explain(request);
    ASSERT_NILUS_OK(statements);
    EXPECT_THAT(*statements, testing::Contains(testing::HasSubstr("explained")));
  }
  auto described = OpenSink()->Describe({quirks().schema, "explained"});
  ASSERT_NILUS_OK(described);
  EXPECT_FALSE(described->has_value());
}

TEST_P(ConformanceTest, ChecksPass) {
  auto items = OpenSink()->Check();
  ASSERT_NILUS_OK(items);
  EXPECT_FALSE(items->empty());
  for (const CheckItem& item : *items) EXPECT_TRUE(item.ok) << item.what << ": " << item.detail;
}

}  // namespace nilus::conformance
