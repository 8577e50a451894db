// A table replaced from itself: the source's own locks must not be in the way of the sink's commit. The source stays
// open until after the commit, as it does in the engine.
#include <atomic>
#include <mutex>
#include <thread>

#include "nilus/connectors/postgres/read_testing.h"
#include "nilus/connectors/postgres/sink_fixture.h"
#include "nilus/connectors/postgres/source.h"

namespace nilus::postgres {
namespace {

class SameDatabaseTest : public SinkTest {
 protected:
  // Moves `source_table` into public.t over two readers; the number of splits, or the error.
  Result<size_t> Move(const std::string& source_table, WriteStrategy strategy) {
    NILUS_ASSIGN(std::unique_ptr<Source> source, OpenPostgresSource(database_, {}));
    std::unique_ptr<Sink> sink = OpenSink("1");
    ReadRequest read = Request(source_table);
    read.parallelism = 2;
    NILUS_ASSIGN(ReadPlan plan, source->Plan(read));
    WriteRequest request = MakeRequest(std::make_shared<Schema>(plan.table.schema), strategy);
    request.key_is_unique = plan.table.primary_key == request.primary_key && !request.primary_key.empty();
    NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink->Open(request));
    std::mutex mutex;
    std::atomic<size_t> next = 0;
    Status moved;
    auto work = [&] {
      for (size_t at = next++; at < plan.splits.size(); at = next++) {
        Status status = MoveSplit(source.get(), plan.splits[at], writer.get(), &mutex);
        std::lock_guard lock(mutex);
        if (!status) moved = status;
      }
    };
    { std::jthread first(work), second(work); }
    NILUS_TRY(moved);
    NILUS_TRY(writer->Finish());
    NILUS_TRY(sink->Commit(CommitOf(request, 0)));
    return plan.splits.size();
  }

 private:
  static Status MoveSplit(Source* source, const Split& split, Writer* writer, std::mutex* mutex) {
    NILUS_ASSIGN(std::unique_ptr<Reader> reader, source->Open(split));
    while (true) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next({}));
      if (!batch) return {};
      std::lock_guard lock(*mutex);
      NILUS_TRY(writer->Write(std::move(batch->rows)));
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Postgres, SameDatabaseTest, testing::Values("15", "18"),
                         [](const auto& version) { return version.param; });

TEST_P(SameDatabaseTest, ATableIsReplacedFromItself) {
  Execute("CREATE TABLE t (id bigint, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  auto splits = Move("query:SELECT id + 10 AS id, v FROM public.t", WriteStrategy::kReplace);
  ASSERT_OK(splits);
  EXPECT_EQ(Rows(), "(11,a) (12,b)");
}

TEST_P(SameDatabaseTest, ATableIsReplacedFromAViewOverIt) {
  Execute(
      "CREATE TABLE t (id bigint, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b'); CREATE VIEW seen AS SELECT id * 2 "
      "AS id, v FROM t");
  ASSERT_OK(Move("public.seen", WriteStrategy::kReplace));
  EXPECT_EQ(Rows(), "(2,a) (4,b)");
}

TEST_P(SameDatabaseTest, AColumnIsAddedToTheTableThatIsRead) {
  Execute("CREATE TABLE t (id bigint, v text); INSERT INTO t VALUES (1, 'a')");
  ASSERT_OK(Move("query:SELECT id + 1 AS id, v, id AS old FROM public.t", WriteStrategy::kAppend));
  EXPECT_EQ(Rows(), "(1,a,) (2,a,1)");
}

TEST_P(SameDatabaseTest, ManySplitsAreReplacedFromThemselves) {
  Execute(
      "CREATE TABLE t (id bigint, v text); INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 30000) i");
  auto splits = Move("public.t", WriteStrategy::kReplace);
  ASSERT_OK(splits);
  EXPECT_GT(*splits, 2u);
  EXPECT_EQ(Rows("(SELECT count(*), sum(id) FROM t)"), "(30000,450015000)");
}

// The rows of heirs are read with their parent's, and share none of its constraints: its key is no promise.
TEST_P(SameDatabaseTest, AnInheritedTableHasNoKeyThatAMergeMayTrust) {
  Execute(
      "CREATE TABLE parent (id bigint PRIMARY KEY, v text); CREATE TABLE heir (PRIMARY KEY (v)) INHERITS (parent);"
      "ALTER TABLE parent ADD n int; INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO heir VALUES (1, 'c')");
  auto source = OpenPostgresSource(database_, {}).value();
  EXPECT_THAT(source->Describe(Request("parent"))->primary_key, testing::IsEmpty());
  EXPECT_TRUE(source->Describe(Request("parent"))->schema.fields[0].nullable);
  EXPECT_THAT(source->Describe(Request("heir"))->primary_key, testing::ElementsAre("v"));
  ASSERT_OK(Move("public.parent", WriteStrategy::kMerge));
  EXPECT_EQ(Select("SELECT string_agg(id::text, ' ' ORDER BY id) FROM t"), "1 2");
  // The key of a partitioned table holds in all its partitions.
  Execute(
      "CREATE TABLE whole (id bigint PRIMARY KEY) PARTITION BY HASH (id); CREATE TABLE part PARTITION OF whole FOR "
      "VALUES WITH (MODULUS 1, REMAINDER 0)");
  EXPECT_THAT(source->Describe(Request("whole"))->primary_key, testing::ElementsAre("id"));
  EXPECT_FALSE(source->Describe(Request("whole"))->schema.fields[0].nullable);
}

// What is asked for after the end is told so; nothing is left behind.
TEST_P(SameDatabaseTest, ASplitThatIsOpenedAfterTheEndIsRefused) {
  Execute("CREATE TABLE t (id bigint, v text)");
  auto source = OpenPostgresSource(database_, {}).value();
  ReadPlan plan = source->Plan(Request("t")).value();
  auto reader = source->Open(plan.splits[0]).value();
  EXPECT_FALSE(reader->Next({})->has_value());
  Execute("SET lock_timeout = '1ms'; DROP TABLE t");
  auto again = source->Open(plan.splits[0]).value()->Next({});
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(again.error().message, testing::HasSubstr("planned anew"));
}

}  // namespace
}  // namespace nilus::postgres
