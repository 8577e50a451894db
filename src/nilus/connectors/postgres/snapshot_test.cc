// Splits, snapshots, locks and cancellation against a real server.
#include "nilus/connectors/postgres/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "nilus/connectors/postgres/read_testing.h"
#include "nilus/connectors/postgres/server_testing.h"
#include "nilus/connectors/postgres/source.h"
#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SnapshotTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    server_ = TestServer::Shared(GetParam());
    if (server_ == nullptr) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed";
    address_ = server_->NewDatabase();
  }
  void Sql(const std::string& sql) { MustExecute(address_, sql); }
  // About 64 MB: several splits.
  void MakeLargeTable(const std::string& name = "big", const std::string& options = "") {
    Sql("CREATE TABLE " + name + " (id int, v text) " + options);
    FillLargeTable(name);
  }
  void FillLargeTable(const std::string& name) {
    Sql("INSERT INTO " + name + " SELECT i, repeat('x', 1000) FROM generate_series(1, 60000) i; ANALYZE " + name);
  }
  ReadRequest Parallel(const std::string& table) {
    ReadRequest request = Request(table);
    request.parallelism = 2;
    return request;
  }
  static std::multiset<std::string> Ids(const ReadRows& read) {
    std::multiset<std::string> ids;
    for (const auto& row : read.rows) ids.insert(row.at("id"));
    return ids;
  }
  static std::multiset<std::string> Numbers(int first, int last) {
    std::multiset<std::string> numbers;
    for (int i = first; i <= last; ++i) numbers.insert(std::to_string(i));
    return numbers;
  }

  TestServer* server_ = nullptr;
  Address address_;
};

TEST_P(SnapshotTest, SplitsSeeOneStateWhileOthersWrite) {
  MakeLargeTable();
  auto source = OpenPostgresSource(address_, {}).value();
  ReadPlan plan = source->Plan(Parallel("big")).value();
  EXPECT_GE(plan.splits.size(), 4);
  Sql("DELETE FROM big WHERE id % 3 = 0");
  Sql("UPDATE big SET v = 'changed' WHERE id % 3 = 1");
  std::atomic<bool> is_done = false;
  std::thread writer([&] {
    for (int i = 0; !is_done; ++i) {
      Sql("INSERT INTO big SELECT -i, 'new' FROM generate_series(1, 500) i; UPDATE big SET v = repeat('y', 900) WHERE "
          "id % 97 = " +
          std::to_string(i % 97));
    }
  });
  std::atomic<size_t> next = 0;
  std::atomic<int64_t> rows = 0, id_sum = 0, bytes = 0, changed = 0;
  auto work = [&] {
    for (size_t at = next++; at < plan.splits.size(); at = next++) {
      auto reader = source->Open(plan.splits[at]).value();
      while (true) {
        auto batch = reader->Next({});
        ASSERT_TRUE(batch.has_value()) << batch.error().ToString();
        if (!batch->has_value()) break;
        const RecordBatch& read = (*batch)->rows;
        rows += read.num_rows();
        for (int64_t row = 0; row < read.num_rows(); ++row) {
          id_sum += read.column(0).Value<int64_t>(row);
          bytes += static_cast<int64_t>(read.column(1).BytesValue(row).size());
          if (read.column(1).BytesValue(row)[0] != 'x') ++changed;
        }
      }
    }
  };
  std::thread first(work), second(work);
  first.join();
  second.join();
  is_done = true;
  writer.join();
  EXPECT_EQ(rows, 60000);
  EXPECT_EQ(id_sum, 60000LL * 60001 / 2);
  EXPECT_EQ(bytes, 60'000'000);
  EXPECT_EQ(changed, 0);
}

TEST_P(SnapshotTest, TheTableCannotBeTruncatedOrDroppedMeanwhile) {
  Sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  auto source = OpenPostgresSource(address_, {}).value();
  ReadPlan plan = source->Plan(Request("t")).value();
  auto other = Connection::Open(address_, {}).value();
  for (std::string statement : {"TRUNCATE t", "DROP TABLE t", "ALTER TABLE t ADD x int"}) {
    auto blocked = other->Execute("SET lock_timeout = '20ms'; " + statement);
    ASSERT_FALSE(blocked.has_value()) << statement;
    EXPECT_EQ(blocked.error().kind, ErrorKind::kTransient);
  }
  auto reader = source->Open(plan.splits[0]).value();
  EXPECT_EQ(reader->Next({}).value()->rows.num_rows(), 1);
  reader.reset();
  source.reset();
  EXPECT_TRUE(other->Execute("SET lock_timeout = 0; DROP TABLE t").has_value());
}

TEST_P(SnapshotTest, PartitionsAreReadOneByOne) {
  Sql("CREATE TABLE p (id int, v text) PARTITION BY RANGE (id);"
      "CREATE TABLE p1 (junk int, v text, id int); ALTER TABLE p1 DROP COLUMN junk; ALTER TABLE p ATTACH PARTITION p1 "
      "FOR VALUES FROM (0) TO (30000);"
      "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (30000) TO (59000) PARTITION BY RANGE (id);"
      "CREATE TABLE p21 PARTITION OF p2 FOR VALUES FROM (30000) TO (58000); CREATE TABLE p22 PARTITION OF p2 FOR "
      "VALUES FROM (58000) TO (59000);"
      "CREATE TABLE \"p'3\" PARTITION OF p DEFAULT");
  FillLargeTable("p");
  auto read = ReadAll(address_, Parallel("p"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_GE(read->plan.splits.size(), 3);
  EXPECT_EQ(Ids(*read), Numbers(1, 60000));
  ReadRequest request = Parallel("p");
  request.range = KeyRange{.column = "id", .lower = Scalar{MakeType(TypeId::kInt64), "57000"}};
  read = ReadAll(address_, request);
  EXPECT_EQ(Ids(*read), Numbers(57000, 60000));
  EXPECT_EQ(read->plan.upper->text, "60000");
}

TEST_P(SnapshotTest, RowSecurityAndRightsOfTheParentHold) {
  std::string role = "reader_" + address_.path;
  Sql("CREATE TABLE p (id int, v text) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE ROLE " +
      role +
      " LOGIN;"
      "GRANT SELECT ON p TO " +
      role);
  FillLargeTable("p");
  Address reader = address_;
  reader.user = role;
  auto read = ReadAll(reader, Parallel("p"));  // has no rights on the partition itself
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(read->rows.size(), 60000);
  Sql("GRANT SELECT ON p1 TO " + role +
      "; ALTER TABLE p ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON p USING (id <= 7)");
  read = ReadAll(reader, Parallel("p"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(Ids(*read), Numbers(1, 7));
  EXPECT_THAT(read->plan.table.warnings, ElementsAre(HasSubstr("row-level security hides rows of public.p")));
  // A partition's own policy is for those who read it directly.
  Sql("ALTER TABLE p DISABLE ROW LEVEL SECURITY; ALTER TABLE p1 ENABLE ROW LEVEL SECURITY");
  read = ReadAll(reader, Parallel("p"));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(read->rows.size(), 60000);
}

TEST_P(SnapshotTest, RightsOnSingleColumnsAreEnough) {
  std::string role = "columns_" + address_.path;
  Sql("CREATE TABLE t (id int, secret text); INSERT INTO t VALUES (1, 'x'); CREATE ROLE " + role +
      " LOGIN; GRANT SELECT (id) ON t TO " + role);
  Address reader = address_;
  reader.user = role;
  auto refused = ReadAll(reader, Request("t"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kAuth);
  EXPECT_THAT(refused.error().fix, HasSubstr("GRANT SELECT"));
  ReadRequest request = Request("t");
  request.exclude_columns = {"secret"};
  auto read = ReadAll(reader, request);
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(read->rows.size(), 1);
}

TEST_P(SnapshotTest, ALostKeeperIsToldAsSuch) {
  MakeLargeTable();
  auto source = OpenPostgresSource(address_, {}).value();
  ReadPlan plan = source->Plan(Parallel("big")).value();
  ASSERT_GT(plan.splits.size(), 1);
  auto first = source->Open(plan.splits[0]).value();
  ASSERT_TRUE(first->Next({}).has_value());
  Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
      "pg_backend_pid() AND query LIKE '%export_snapshot%'");
  // Readers that have the snapshot go on …
  while (true) {
    auto batch = first->Next({});
    ASSERT_TRUE(batch.has_value()) << batch.error().ToString();
    if (!batch->has_value()) break;
  }
  // … and so does their session; a new one cannot have it any more.
  auto second = source->Open(plan.splits[1]).value();
  ASSERT_TRUE(second->Next({}).has_value());
  auto third = source->Open(plan.splits[2]).value();
  auto batch = third->Next({});
  ASSERT_FALSE(batch.has_value());
  EXPECT_EQ(batch.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(batch.error().message, HasSubstr("snapshot"));
}

TEST_P(SnapshotTest, ALostReaderIsTransient) {
  MakeLargeTable();
  auto source = OpenPostgresSource(address_, {}).value();
  ReadPlan plan = source->Plan(Request("big")).value();
  ReadRequest request;
  auto reader = source->Open(plan.splits[0]).value();
  ASSERT_TRUE(reader->Next({}).has_value());
  Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
      "pg_backend_pid()");
  while (true) {
    auto batch = reader->Next({});
    if (batch.has_value()) {
      ASSERT_TRUE(batch->has_value()) << "the read ended as if complete";
      continue;
    }
    EXPECT_EQ(batch.error().kind, ErrorKind::kTransient) << batch.error().ToString();
    break;
  }
}

TEST_P(SnapshotTest, AStopCancelsAtTheServer) {
  auto source = OpenPostgresSource(address_, {}).value();
  ReadPlan plan = source->Plan(Request("query:SELECT 1 AS x FROM pg_sleep(100000)")).value();
  auto reader = source->Open(plan.splits[0]).value();
  std::stop_source stop;
  std::thread stopper([&] {
    while (MustSelect(address_,
                      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' "
                      "AND state = 'active'") != "1") {
    }
    stop.request_stop();
  });
  auto batch = reader->Next(stop.get_token());  // hangs for a day when the stop is not heard
  stopper.join();
  ASSERT_FALSE(batch.has_value());
  EXPECT_EQ(batch.error().kind, ErrorKind::kCancelled);
  while (
      MustSelect(address_,
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'") !=
      "0") {
  }
}

TEST_P(SnapshotTest, AStopEndsAWaitForALock) {
  Sql("CREATE TABLE t (id int)");
  auto other = Connection::Open(address_, {}).value();
  ASSERT_TRUE(other->Execute("BEGIN; LOCK TABLE t").has_value());
  std::stop_source stop;
  OpenContext context;
  context.stop = stop.get_token();
  auto source = OpenPostgresSource(address_, context).value();
  std::thread stopper([&] {
    while (MustSelect(address_, "SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") {
    }
    stop.request_stop();
  });
  auto plan = source->Plan(Request("t"));
  stopper.join();
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().kind, ErrorKind::kCancelled);
}

TEST_P(SnapshotTest, DroppedReadersLeaveNothingBehind) {
  MakeLargeTable();
  auto source = OpenPostgresSource(address_, {}).value();
  ReadPlan plan = source->Plan(Parallel("big")).value();
  for (const Split& split : plan.splits) {
    auto reader = source->Open(split).value();
    ASSERT_TRUE(reader->Next({}).has_value());
  }
  source.reset();
  while (MustSelect(
             address_,
             "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()") !=
         "0") {
  }
}

TEST_P(SnapshotTest, PlansCanFollowOneAnother) {
  Sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  auto source = OpenPostgresSource(address_, {}).value();
  EXPECT_TRUE(source->Describe(Request("t")).has_value());
  EXPECT_EQ(ReadAll(*source, Request("t"))->rows.size(), 1);
  Sql("INSERT INTO t VALUES (2)");
  EXPECT_EQ(ReadAll(*source, Request("t"))->rows.size(), 2);
  EXPECT_FALSE(source->Plan(Request("nope")).has_value());
  EXPECT_FALSE(source->Plan(Request("query:SELECT 1 FROM nope")).has_value());
  EXPECT_EQ(ReadAll(*source, Request("t"))->rows.size(), 2);
}

INSTANTIATE_TEST_SUITE_P(Servers, SnapshotTest, testing::Values("15", "18"),
                         [](const auto& tested) { return "Postgres" + tested.param; });

}  // namespace
}  // namespace nilus::postgres
