// What becomes of a capture when the server, the network or somebody else does something to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/cdc/log_testing.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// Each test has a server of its own, to be stopped and set.
class LogFaultsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (TestServer::Shared(GetParam()) == nullptr) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not here";
    auto server = TestServer::Start(GetParam());
    ASSERT_TRUE(server) << server.error().ToString();
    server_ = *std::move(server);
    address_ = server_->NewDatabase();
    Run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  }
  void TearDown() override { capture_ = {}; }

  void Stream(std::map<std::string, std::string> properties = {},
              const std::optional<CommittedLog>& committed = std::nullopt) {
    auto capture = StreamCapture(address_, Requested(std::move(properties)), committed);
    ASSERT_TRUE(capture) << capture.error().ToString();
    capture_ = *std::move(capture);
  }
  SeenLog Read() {
    auto seen = ReadUpToNow(address_, *capture_.reader);
    EXPECT_TRUE(seen) << seen.error().ToString();
    return seen ? *std::move(seen) : SeenLog{};
  }
  void Run(const std::string& sql) { MustExecute(address_, sql); }

  std::unique_ptr<TestServer> server_;
  Address address_;
  Capture capture_;
};

INSTANTIATE_TEST_SUITE_P(Servers, LogFaultsTest, testing::Values("15", "18"),
                         [](const auto& server) { return "Postgres" + server.param; });

TEST_P(LogFaultsTest, AStreamGoesOnAfterTheServerCrashed) {
  Stream();
  Run("INSERT INTO t VALUES (1)");
  const SeenLog seen = Read();
  Run("INSERT INTO t VALUES (2)");
  ASSERT_TRUE(server_->StopImmediately());
  Error error;
  while (error.message.empty()) {
    auto chunk = capture_.reader->Next(100, 1 << 20, std::chrono::seconds(5), {});
    if (!chunk) error = chunk.error();
  }
  EXPECT_EQ(error.kind, ErrorKind::kTransient) << error.ToString();
  ASSERT_TRUE(server_->StartAgain());
  capture_.reader.reset();
  auto reader = capture_.source->Stream(seen.complete);
  ASSERT_TRUE(reader) << reader.error().ToString();
  capture_.reader = *std::move(reader);
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=2"));
}

// The server waits for a word from us for a second only; nothing is taken for three, and there is more than is read
// ahead.
TEST_P(LogFaultsTest, TheServerIsAnsweredWhileNobodyReads) {
  Run("ALTER SYSTEM SET wal_sender_timeout = '1s'");
  Run("SELECT pg_reload_conf()");
  Stream();
  Run("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 40000) i");
  MustSelect(address_, "SELECT pg_sleep(3)");
  EXPECT_THAT(Read().changes, SizeIs(40000));
}

TEST_P(LogFaultsTest, APromotedServerGoesOnWhereItsTimelineHasThePosition) {
  Stream();
  Run("INSERT INTO t VALUES (1)");
  const SeenLog seen = Read();
  const CommittedLog committed{seen.complete, capture_.start.identity};
  capture_ = {};
  ASSERT_TRUE(server_->StopImmediately());
  std::ofstream(server_->folder() + "/data/standby.signal").close();
  std::filesystem::permissions(server_->folder() + "/data/standby.signal", std::filesystem::perms::all);
  ASSERT_TRUE(server_->StartAgain());
  MustSelect(address_, "SELECT pg_promote()");
  Run("INSERT INTO t VALUES (2)");
  Stream({}, committed);
  ASSERT_NE(capture_.reader, nullptr);
  EXPECT_NE(capture_.start.identity, committed.identity);
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.t id=2"));
  // A position that the new timeline does not have: the old server went on after it was left.
  capture_ = {};
  uint64_t now = 0;
  ASSERT_TRUE(ParseLsn(MustSelect(address_, "SELECT pg_current_wal_insert_lsn()"), &now));
  auto lost = StartCapture(address_, Requested({}), CommittedLog{{now, 0}, committed.identity});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::kData);
  EXPECT_THAT(lost.error().message, HasSubstr("the server left timeline 1 at"));
}

TEST_P(LogFaultsTest, ASlotThatTheServerInvalidatedIsTold) {
  Stream();
  const CommittedLog committed{capture_.start.from, capture_.start.identity};
  capture_ = {};
  Run("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
  Run("SELECT pg_reload_conf()");
  for (int i = 0; i < 4; ++i) {
    Run("INSERT INTO t SELECT i, 'x' FROM generate_series(1, 1000) i");
    Run("TRUNCATE t");
    MustSelect(address_, "SELECT pg_switch_wal()");
  }
  Run("CHECKPOINT");
  auto lost = StartCapture(address_, Requested({}), committed);
  ASSERT_FALSE(lost);
  EXPECT_THAT(lost.error().message, HasSubstr("was invalidated by the server"));
  auto again = StartCapture(address_, Requested({{"snapshot.mode", "when_needed"}}), committed);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_THAT(again->start.lost, HasSubstr("was invalidated"));
}

// With the server that others use too.
class LogUseTest : public LogFaultsTest {
 protected:
  void SetUp() override {
    shared_ = TestServer::Shared(GetParam());
    if (shared_ == nullptr) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not here";
    address_ = shared_->NewDatabase();
    Run("CREATE TABLE t (id int PRIMARY KEY, v text)");
  }
  void TearDown() override {
    capture_ = {};
    if (shared_ != nullptr) EndCaptures(*shared_);
  }
  TestServer* shared_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Servers, LogUseTest, testing::Values("15", "18"),
                         [](const auto& server) { return "Postgres" + server.param; });

TEST_P(LogUseTest, HeartbeatsWrite) {
  Run("CREATE TABLE beat (at timestamptz PRIMARY KEY)");
  Stream({{"heartbeat.interval.ms", "50"}, {"heartbeat.action.query", "INSERT INTO beat VALUES (clock_timestamp())"}});
  SeenLog seen;
  for (int i = 0; i < 200 && seen.changes.size() < 3; ++i) {
    auto chunk = capture_.reader->Next(100, 1 << 20, std::chrono::milliseconds(100), {});
    ASSERT_TRUE(chunk) << chunk.error().ToString();
    AddChunk(*chunk, &seen);
    EXPECT_GE(chunk->head, chunk->complete);
  }
  EXPECT_GE(seen.changes.size(), 3U);
}

TEST_P(LogUseTest, TheSignalTableIsStreamedAndNotListed) {
  Run("CREATE TABLE signals (id text PRIMARY KEY, type text, data text)");
  Stream({{"table.include.list", "public.t"}, {"signal.data.collection", "public.signals"}});
  EXPECT_THAT(capture_.start.tables, SizeIs(1));
  Run("INSERT INTO signals VALUES ('1', 'execute-snapshot', '{}')");
  EXPECT_THAT(Read().Texts(), ElementsAre("c public.signals id=1 type=execute-snapshot data={}"));
}

TEST_P(LogUseTest, StatusAndCheckNeedNoStart) {
  Stream();
  Run("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 1000) i");
  auto source = StartCapture(shared_->NewDatabase(), Requested({}));  // fails: it has no tables
  EXPECT_FALSE(source);
  auto status = capture_.source->AskStatus(capture_.request, std::nullopt);
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_EQ(status->state, "streaming");
  EXPECT_GT(status->retained_bytes, 100'000);
  EXPECT_GT(status->head, status->confirmed);
  capture_.reader.reset();
  auto items = capture_.source->Check(capture_.request);
  ASSERT_TRUE(items) << items.error().ToString();
  for (const CheckItem& item : *items) EXPECT_TRUE(item.ok) << item.what << ": " << item.detail;
  CaptureRequest other = capture_.request;
  other.properties["slot.name"] = "nobodys";
  status = capture_.source->AskStatus(other, std::nullopt);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->state, "no slot");
}

TEST_P(LogUseTest, MissingRightsAreToldWithTheirStatement) {
  const std::string role = "reader_" + address_.path;  // roles are the cluster's
  Run("CREATE ROLE " + role + " LOGIN");
  Address reader = address_;
  reader.user = role;
  auto refused = StartCapture(reader, Requested({}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kAuth) << refused.error().ToString();
  EXPECT_THAT(refused.error().fix, HasSubstr("ALTER ROLE \"" + role + "\" REPLICATION"));
  Run("ALTER ROLE " + role + " REPLICATION");
  refused = StartCapture(reader, Requested({}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fix, "GRANT USAGE ON SCHEMA \"public\" TO \"" + role +
                                     "\"; GRANT SELECT ON \"public\".\"t\" TO \"" + role + "\";");
  Run("GRANT SELECT ON t TO " + role);
  refused = StartCapture(reader, Requested({}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().fix, HasSubstr("run: CREATE PUBLICATION \"nilus_test\" FOR TABLE \"public\".\"t\""));
  Run("CREATE PUBLICATION nilus_test FOR TABLE t");
  auto started = StartCapture(reader, Requested({}));
  EXPECT_TRUE(started) << started.error().ToString();
}

}  // namespace
}  // namespace nilus::postgres
