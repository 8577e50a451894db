// Every step of a load and commit, cut: the process killed, the step failed, the acknowledgement lost, at each passage
// of each fault point. Afterwards the file is as before or as after the whole load, and a second run makes it as after.
//
// Faults come from the environment at a process's start, so each load that is to be cut runs in a process of its own:
// this same program, with the filter of the disabled test below.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/sqlite/file_testing.h"

namespace nilus::sqlite {
namespace {

using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;

Address AddressOf(const std::string& file) {
  Address address;
  address.scheme = "sqlite";
  address.path = file;
  return address;
}

// Two tables; two batches, the second one with a column that is new. What the engine does after an unknown outcome.
Status RunLoad(const std::string& file, WriteStrategy strategy, const std::string& load_id,
               const std::vector<Row>& rows) {
  auto sink = kSqliteConnector.open_sink(AddressOf(file), OpenContext{}).value();
  const PipelineId pipeline{"p", "main"};
  NILUS_ASSIGN(const auto state, sink->Committed(pipeline));
  if (state && state->load_id == load_id) return {};
  SchemaPtr narrow = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)});
  SchemaPtr wide =
      MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText), MakeField("more", TypeId::kText)});
  for (const char* table : {"t", "u"}) {
    WriteRequest request;
    request.pipeline = pipeline;
    request.load_id = load_id;
    request.table = {"main", table};
    request.schema = narrow;
    request.strategy = strategy;
    request.primary_key = {"id"};
    request.incremental_key = "id";
    request.load_time = WallTime{std::chrono::seconds(state ? state->version + 1 : 1)};
    NILUS_ASSIGN(auto writer, sink->Open(request));
    NILUS_TRY(writer->Write(MakeBatch(narrow, rows)));
    if (load_id != "load-1") NILUS_TRY(writer->Write(MakeBatch(wide, {{"9", "wide", load_id}})));
    NILUS_TRY(writer->Finish());
  }
  CommitRequest commit{
      .pipeline = pipeline, .load_id = load_id, .expected_version = state ? state->version : 0, .position = {"{}"}};
  commit.interval = KeyRange{.column = "id", .lower = Scalar{MakeType(TypeId::kInt64), "2"}};
  const auto result = sink->Commit(commit);
  if (result) return {};
  if (result.error().kind != ErrorKind::kUnknownOutcome) return Failure(result.error());
  NILUS_ASSIGN(const bool committed, sink->WasCommitted(pipeline, load_id));
  if (!committed) return Fail(ErrorKind::kTransient, "looked: it was not committed");
  return {};
}

Status SecondLoad(const std::string& file, WriteStrategy strategy) {
  return RunLoad(file, strategy, "load-2", {{"2", "new"}, {"3", "new"}});
}

// The child. Its exit status: 0 committed, 1 an error.
TEST(SinkFaultChild, DISABLED_RunsOneLoad) {
  const char* file = std::getenv("NILUS_TEST_FILE");
  if (file == nullptr) GTEST_SKIP();
  _exit(SecondLoad(file, static_cast<WriteStrategy>(std::atoi(std::getenv("NILUS_TEST_STRATEGY")))) ? 0 : 1);
}

class SinkFaultTest : public FileTest, public testing::WithParamInterface<WriteStrategy> {
 protected:
  void SetUp() override {
#if !NILUS_FAULT_POINTS
    GTEST_SKIP() << "fault points are not compiled in";
#endif
  }

  void Prepare(bool write_ahead_log) {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) std::filesystem::remove(path() + suffix);
    if (write_ahead_log) Run("PRAGMA journal_mode = WAL");
    const Status status = RunLoad(path(), GetParam(), "load-1", {{"1", "old"}, {"2", "old"}});
    ASSERT_TRUE(status) << status.error().message;
  }

  std::string Contents() {
    std::vector<std::string> cells;
    for (const char* table : {"t", "u", "_nilus_state", "_nilus_loads"}) {
      std::vector<std::string> columns;
      for (const std::string& name :
           Run(fmt::format("SELECT name FROM pragma_table_info('{}') WHERE name <> 'committed_at'", table))) {
        columns.push_back(fmt::format("quote(\"{}\")", name));
      }
      if (columns.empty()) continue;
      const std::string line = fmt::format("{}", fmt::join(columns, " || ',' || "));
      for (std::string& row : Run(fmt::format("SELECT {} FROM \"{}\" ORDER BY 1", line, table)))
        cells.push_back(std::move(row));
    }
    for (std::string& object :
         Run("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1")) {
      cells.push_back(std::move(object));
    }
    return fmt::format("{}", fmt::join(cells, "\n"));
  }

  // The child's wait status.
  int RunChild(const std::string& fault, const std::string& trace = "") {
    std::vector<std::string> environment = {"NILUS_TEST_FILE=" + path(),
                                            fmt::format("NILUS_TEST_STRATEGY={}", static_cast<int>(GetParam()))};
    if (!fault.empty()) environment.push_back("NILUS_FAULT=" + fault);
    if (!trace.empty()) environment.push_back("NILUS_FAULT_TRACE=" + trace);
    std::vector<char*> pointers;
    for (std::string& variable : environment) pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    std::string self = "/proc/self/exe";
    std::string filter = "--gtest_filter=SinkFaultChild.*";
    std::string disabled = "--gtest_also_run_disabled_tests";
    char* arguments[] = {self.data(), filter.data(), disabled.data(), nullptr};
    const pid_t child = fork();
    if (child == 0) {
      dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
      execve(self.c_str(), arguments, pointers.data());
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  // How often the load passes each point.
  std::map<std::string, int> Passages() {
    const std::string trace = (folder() / "trace").string();
    EXPECT_EQ(RunChild("", trace), 0);
    std::map<std::string, int> passages;
    std::ifstream lines(trace);
    for (std::string line; std::getline(lines, line);) ++passages[line.substr(0, line.find(' '))];
    std::filesystem::remove(trace);
    return passages;
  }
};

TEST_P(SinkFaultTest, EveryPassageCutInEveryWay) {
  Prepare(false);
  const std::string before = Contents();
  const std::map<std::string, int> passages = Passages();
  const std::string after = Contents();
  ASSERT_NE(after, before);
  ASSERT_GE(passages.size(), 7U);
  ASSERT_TRUE(passages.contains("sqlite.sink.commit"));
  for (const auto& [point, times] : passages) {
    const bool is_ack = point == "sqlite.sink.commit";
    for (int nth = 1; nth <= times; ++nth) {
      for (const char* action : {"kill", is_ack ? "lost" : "error"}) {
        const std::string fault = fmt::format("{}:{}:{}", point, action, nth);
        SCOPED_TRACE(fault);
        Prepare(nth % 2 == 0);
        const int status = RunChild(fault);
        if (std::string_view(action) == "kill") {
          ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
        } else {
          ASSERT_EQ(WEXITSTATUS(status), is_ack ? 0 : 1);
        }
        ASSERT_EQ(Contents(), is_ack ? after : before);
        const Status again = SecondLoad(path(), GetParam());
        ASSERT_TRUE(again) << again.error().message;
        ASSERT_EQ(Contents(), after);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, SinkFaultTest,
                         testing::Values(WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                         WriteStrategy::kDeleteInsert, WriteStrategy::kScd2),
                         [](const auto& strategy) { return fmt::format("{}", static_cast<int>(strategy.param)); });

}  // namespace
}  // namespace nilus::sqlite
