// Every step of a load and commit, cut: the process killed, the step failed, the acknowledgement lost. Afterwards the
// destination is as before, or as after, the whole load; and a second run makes it as after.
//
// Faults come from the environment at a process's start, so each load that is to be cut runs in a process of its own:
// this same test program, with the filter of the disabled test below.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "nilus/connectors/postgres/sink_fixture.h"

namespace nilus::postgres {
namespace {

constexpr WriteStrategy kAll[] = {WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                  WriteStrategy::kDeleteInsert, WriteStrategy::kScd2};

// A load that passes all points: two batches, the second one with a column that the table lacks.
Result<CommitResult> RunLoad(const Address& database, WriteStrategy strategy, const std::string& load_id) {
  WriteRequest request = MakeRequest(IdText(), strategy, load_id);
  auto sink = *OpenPostgresSink(database, SinkContext("60"));
  NILUS_ASSIGN(std::optional<CommittedState> state, sink->Committed(request.pipeline));
  if (state && state->load_id == load_id) return CommitResult{.version = state->version};
  SchemaPtr wide =
      MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText), MakeField("more", TypeId::kText)});
  NILUS_TRY(Stage(sink.get(), request,
                  {MakeBatch(IdText(), {{"2", "new"}, {"3", "new"}}), MakeBatch(wide, {{"4", "new", "more"}})}));
  auto result = sink->Commit(CommitOf(request, state ? state->version : 0));
  if (result || result.error().kind != ErrorKind::kUnknownOutcome) return result;
  NILUS_ASSIGN(bool committed, sink->WasCommitted(request.pipeline, load_id));
  if (!committed) return Fail(ErrorKind::kTransient, "looked: it was not committed");
  return CommitResult{.version = 2};
}

// The child. Its exit status: 0 committed, 1 an error.
TEST(SinkFaultChild, DISABLED_RunsOneLoad) {
  const char* port = std::getenv("NILUS_TEST_PORT");
  if (port == nullptr) GTEST_SKIP();
  Address database;
  database.scheme = "postgresql";
  database.user = "postgres";
  database.host = "127.0.0.1";
  database.port = std::atoi(port);
  database.path = std::getenv("NILUS_TEST_DATABASE");
  auto strategy = static_cast<WriteStrategy>(std::atoi(std::getenv("NILUS_TEST_STRATEGY")));
  _exit(RunLoad(database, strategy, "load-2") ? 0 : 1);
}

class SinkFaultTest : public SinkTest {
 protected:
  void SetUp() override {
    SinkTest::SetUp();
#if !NILUS_FAULT_POINTS
    GTEST_SKIP() << "fault points are not compiled in";
#endif
  }

  // Rows of a first load, with state at version 1.
  void Prepare(WriteStrategy strategy) {
    Execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public");  // waits for the session of a killed process
    ASSERT_OK(Load(MakeRequest(IdText(), strategy, "load-1"), {{"1", "old"}, {"2", "old"}}));
    before_ = Contents();
  }
  // Table and state; no trace of anything else.
  std::string Contents() {
    return Rows("t", "to_jsonb(t)") + " | " + Rows("_nilus_state", "t.version, t.load_id") + " | " +
           Rows("_nilus_loads", "t.load_id") + " | " + Tables();
  }

  // The child's wait status.
  int RunChild(WriteStrategy strategy, const std::string& fault, const std::string& trace = "") {
    const std::vector<std::pair<std::string, std::string>> variables = {
        {"NILUS_TEST_PORT", std::to_string(database_.port)},
        {"NILUS_TEST_DATABASE", database_.path},
        {"NILUS_TEST_STRATEGY", std::to_string(static_cast<int>(strategy))},
        {"NILUS_FAULT", fault},
        {"NILUS_FAULT_TRACE", trace}};
    std::vector<std::string> environment;
    for (const auto& [name, value] : variables) {
      if (!value.empty()) environment.push_back(name + "=" + value);
    }
    std::vector<char*> environment_pointers;
    for (std::string& variable : environment) environment_pointers.push_back(variable.data());
    environment_pointers.push_back(nullptr);
    std::string filter = "--gtest_filter=SinkFaultChild.*";
    std::string disabled = "--gtest_also_run_disabled_tests";
    std::string self = "/proc/self/exe";
    char* arguments[] = {self.data(), filter.data(), disabled.data(), nullptr};
    pid_t child = fork();
    if (child == 0) {
      int nowhere = open("/dev/null", O_WRONLY);
      dup2(nowhere, STDOUT_FILENO);
      execve(self.c_str(), arguments, environment_pointers.data());
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  std::set<std::string> TracePoints(WriteStrategy strategy) {
    char file[] = "/tmp/nilus_trace_XXXXXX";
    close(mkstemp(file));
    EXPECT_EQ(RunChild(strategy, "", file), 0);
    std::set<std::string> points;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("postgres.sink."))
        points.insert(line.substr(0, line.find(' ')));  // "<point> point" or "<point> ack"
    }
    unlink(file);
    return points;
  }

  std::string before_;
};

INSTANTIATE_TEST_SUITE_P(Postgres, SinkFaultTest, testing::Values("15"),
                         [](const auto& version) { return version.param; });

TEST_P(SinkFaultTest, EveryPointCutInEveryWay) {
  for (WriteStrategy strategy : kAll) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    Prepare(strategy);
    const std::set<std::string> points = TracePoints(strategy);
    const std::string after = Contents();
    ASSERT_NE(after, before_);
    EXPECT_GE(points.size(), 12U) << fmt::format("{}", fmt::join(points, " "));
    EXPECT_TRUE(points.contains("postgres.sink.committed"));
    for (const std::string& point : points) {
      const bool is_ack = point == "postgres.sink.committed";
      for (const char* action : {"kill", is_ack ? "lost" : "error"}) {
        SCOPED_TRACE(point + ":" + action);
        Prepare(strategy);
        int status = RunChild(strategy, point + ":" + action);
        if (std::string_view(action) == "kill") {
          EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
        } else {
          EXPECT_EQ(WEXITSTATUS(status), is_ack ? 0 : 1);
        }
        // Only the server's own view counts: the killed process's session may still be ending.
        EXPECT_EQ(Contents(), is_ack ? after : before_);
        ASSERT_OK(RunLoad(database_, strategy, "load-2"));
        EXPECT_EQ(Contents(), after);
      }
    }
  }
}

// What the second passage of a point repeats (batches, steps) is cut as well.
TEST_P(SinkFaultTest, LaterPassagesToo) {
  for (const char* point :
       {"postgres.sink.apply_step", "postgres.sink.write", "postgres.sink.copy_start", "postgres.sink.copy_end"}) {
    SCOPED_TRACE(point);
    Prepare(WriteStrategy::kMerge);
    int status = RunChild(WriteStrategy::kMerge, std::string(point) + ":kill:2");
    EXPECT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(Contents(), before_);
    ASSERT_OK(RunLoad(database_, WriteStrategy::kMerge, "load-2"));
    EXPECT_EQ(Rows(), "(1,old,) (2,new,) (3,new,) (4,new,more)");
  }
}

// The server stops as if its machine had lost power, while a load is under way.
TEST_P(SinkFaultTest, TheServerCrashes) {
  auto started = TestServer::Start(GetParam());
  ASSERT_OK(started);
  database_ = (*started)->NewDatabase();
  ASSERT_OK(Load(MakeRequest(IdText(), WriteStrategy::kReplace, "load-1"), {{"1", "old"}}));
  before_ = Contents();
  auto sink = OpenSink();
  WriteRequest request = MakeRequest(IdText(), WriteStrategy::kReplace, "load-2");
  auto writer = sink->Open(request);
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write(MakeBatch(IdText(), {{"2", "new"}})));
  ASSERT_OK((*started)->StopImmediately());
  EXPECT_EQ(conformance::KindOf((*writer)->Finish()), "transient");
  EXPECT_EQ(conformance::KindOf(sink->Commit(CommitOf(request, 1))), "transient");
  ASSERT_OK((*started)->StartAgain());
  EXPECT_EQ(Contents(), before_);
  // The same sink connects anew.
  ASSERT_OK(Stage(sink.get(), request, {MakeBatch(IdText(), {{"2", "new"}})}));
  ASSERT_OK(sink->Commit(CommitOf(request, 1)));
  EXPECT_EQ(Rows(), "(2,new)");
}

}  // namespace
}  // namespace nilus::postgres
