// Every step of a load is cut, by death, by an error, by a lost acknowledgement; then the same pipeline runs again
// until it has nothing to do. The destination must be what an uninterrupted pipeline leaves, and at no moment may a
// reader of a replaced table see anything but one load's rows.
//
// A pipeline here: loads 1 and 2; load k has the rows (k,0) … (k,4); the position is k. Each run is a process of its
// own (this program, CrashChild.DISABLED_Run), since a fault point may kill it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "nilus/base/clock.h"
#include "nilus/connectors/files/test_support.h"

namespace nilus::files {
namespace {

constexpr int kLoads = 2;
constexpr int kRowsOfALoad = 5;
const PipelineId kPipeline{"crash/pipeline", "shop"};

struct Scenario {
  WriteStrategy strategy = WriteStrategy::kAppend;
  std::string format = "csv";
};

Status LoadOnce(Sink* sink, const Scenario& scenario, int number, int64_t version, const std::string& load_id) {
  auto schema = MakeSchema({Field{"load", MakeType(TypeId::kInt64)}, Field{"row", MakeType(TypeId::kInt64)}});
  std::vector<Row> rows;
  for (int i = 0; i < kRowsOfALoad; ++i) rows.push_back({std::to_string(number), std::to_string(i)});
  for (const char* table : {"a", "b"}) {
    WriteRequest request;
    request.pipeline = kPipeline;
    request.load_id = load_id;
    request.table = {"shop", table};
    request.schema = schema;
    request.strategy = scenario.strategy;
    request.file_rows = 2;
    NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink->Open(request));
    NILUS_TRY(writer->Write(MakeBatch(schema, rows)));
    NILUS_TRY(writer->Finish());
  }
  CommitRequest commit;
  commit.pipeline = kPipeline;
  commit.load_id = load_id;
  commit.expected_version = version;
  commit.position = {fmt::format("{{\"done\":{}}}", number)};
  NILUS_TRY(sink->Commit(commit));
  return {};
}

int DoneOf(const std::optional<CommittedState>& committed) {
  return committed ? std::atoi(committed->position.json.c_str() + 8) : 0;
}

// As the engine runs a pipeline: ask what is committed, load the next, look after an unknown outcome.
Status RunPipeline(const std::string& folder, const Scenario& scenario) {
  Address address;
  address.scheme = "file";
  address.path = folder;
  address.params = {{"format", scenario.format}, {"lock_wait_seconds", "0"}};
  while (true) {
    NILUS_ASSIGN(std::unique_ptr<Sink> sink, kFilesConnector.open_sink(address, OpenContext{}));
    NILUS_ASSIGN(std::optional<CommittedState> committed, sink->Committed(kPipeline));
    int next = DoneOf(committed) + 1;
    if (next > kLoads) return {};
    std::string load_id = NewId();
    auto loaded = LoadOnce(sink.get(), scenario, next, committed ? committed->version : 0, load_id);
    if (loaded) continue;
    if (loaded.error().kind != ErrorKind::kUnknownOutcome) return loaded;
    NILUS_ASSIGN(std::unique_ptr<Sink> another, kFilesConnector.open_sink(address, OpenContext{}));
    NILUS_ASSIGN(bool was_committed, another->WasCommitted(kPipeline, load_id));
    if (!was_committed) return loaded;
  }
}

class CrashTest : public FolderTest {
 protected:
  // Runs the pipeline in a child. Its exit: 0 done, 1 an error, 9 killed.
  int RunChild(const Scenario& scenario, const std::string& fault, const std::string& trace = "") const {
    return WaitFor(StartChild(scenario, fault, trace));
  }
  static int WaitFor(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  }
  pid_t StartChild(const Scenario& scenario, const std::string& fault, const std::string& trace = "") const {
    pid_t child = fork();
    if (child == 0) {
      setenv("NILUS_CRASH_FOLDER", Path("sink").c_str(), 1);
      setenv("NILUS_CRASH_STRATEGY", scenario.strategy == WriteStrategy::kReplace ? "replace" : "append", 1);
      setenv("NILUS_CRASH_FORMAT", scenario.format.c_str(), 1);
      setenv("NILUS_FAULT", fault.c_str(), 1);
      if (!trace.empty()) setenv("NILUS_FAULT_TRACE", trace.c_str(), 1);
      int quiet = open(Path("child.log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      dup2(quiet, 1);
      dup2(quiet, 2);
      execl("/proc/self/exe", "child", "--gtest_filter=CrashChild.DISABLED_Run", "--gtest_also_run_disabled_tests",
            nullptr);
      _exit(3);
    }
    return child;
  }

  // One load of another pipeline to table a: load 9.
  Status LoadAnother(WriteStrategy strategy) const {
    NILUS_ASSIGN(std::unique_ptr<Sink> sink, OpenSink(Path("sink"), {{"format", "csv"}}));
    const PipelineId another{"another/pipeline", "shop"};
    NILUS_ASSIGN(std::optional<CommittedState> committed, sink->Committed(another));
    auto schema = MakeSchema({Field{"load", MakeType(TypeId::kInt64)}, Field{"row", MakeType(TypeId::kInt64)}});
    WriteRequest request{
        .pipeline = another, .load_id = NewId(), .table = {"shop", "a"}, .schema = schema, .strategy = strategy};
    NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink->Open(request));
    NILUS_TRY(writer->Write(MakeBatch(schema, {{"9", "0"}})));
    NILUS_TRY(writer->Finish());
    NILUS_TRY(sink->Commit({.pipeline = another,
                            .load_id = request.load_id,
                            .expected_version = committed ? committed->version : 0,
                            .position = {"{}"}}));
    return {};
  }

  // Rows by load number; a reader's view.
  std::map<std::string, int> Loads(const std::string& table) const {
    std::map<std::string, int> loads;
    if (!std::filesystem::exists(Path("sink/shop/" + table))) return loads;
    auto read = ReadAll(Path("sink"), "shop." + table);
    if (!read) return loads;  // a folder that has no files yet
    std::set<std::pair<std::string, std::string>> seen;
    for (const Row& row : read->rows) {
      EXPECT_TRUE(seen.emplace(*row[0], *row[1]).second) << "doubled";
      ++loads[*row[0]];
    }
    return loads;
  }

  void ExpectWholeLoads(const Scenario& scenario) const {
    if (scenario.strategy != WriteStrategy::kReplace) return;
    for (const char* table : {"a", "b"}) {
      auto loads = Loads(table);
      EXPECT_LE(loads.size(), 1U) << "a mix of loads";
      for (const auto& [load, rows] : loads) EXPECT_EQ(rows, kRowsOfALoad) << "half of load " << load;
    }
  }

  void ExpectFinalState(const Scenario& scenario) const {
    std::map<std::string, int> expected;
    if (scenario.strategy == WriteStrategy::kReplace) {
      expected[std::to_string(kLoads)] = kRowsOfALoad;
    } else {
      for (int load = 1; load <= kLoads; ++load) expected[std::to_string(load)] = kRowsOfALoad;
    }
    EXPECT_EQ(Loads("a"), expected);
    EXPECT_EQ(Loads("b"), expected);
    std::vector<std::string> left;
    for (const auto& entry : std::filesystem::directory_iterator(Path("sink/shop")))
      left.push_back(entry.path().filename());
    EXPECT_THAT(left, testing::UnorderedElementsAre("_nilus_state", "a", "b")) << "something staged is left";
  }

  // Every point of an uninterrupted pipeline, where it is passed first and last: each is a step of its own.
  std::vector<std::pair<std::string, int>> Passages(const Scenario& scenario) {
    std::string trace = Path("trace");
    std::filesystem::remove(trace);
    EXPECT_EQ(RunChild(scenario, "", trace), 0) << Contents(Path("child.log"));
    std::ifstream lines(trace);
    std::map<std::string, int> counts;
    std::vector<std::pair<std::string, int>> passages;
    for (std::string name, kind; lines >> name >> kind;) ++counts[name];
    for (const auto& [name, last] : counts) {
      passages.emplace_back(name, 1);
      if (last > 1) passages.emplace_back(name, last);
    }
    return passages;
  }

  void StartAnew() const {
    std::filesystem::remove_all(Path("sink"));
    std::filesystem::remove(Path("child.log"));
  }

  // `stride`: every so-manieth passage.
  void CutEverywhere(const Scenario& scenario, std::vector<std::string> actions, size_t stride) {
    auto passages = Passages(scenario);
    ASSERT_GT(passages.size(), 20U);
    ExpectFinalState(scenario);
    for (const std::string& action : actions) {
      for (size_t i = 0; i < passages.size(); i += stride) {
        const auto& [name, n] = passages[i];
        bool is_ack = name.ends_with("_ack");
        if ((action == "lost") != is_ack && action != "kill") continue;
        SCOPED_TRACE(fmt::format("{}:{}:{} {}", name, action, n, scenario.format));
        StartAnew();
        int outcome = RunChild(scenario, fmt::format("{}:{}:{}", name, action, n));
        if (action == "kill") {
          EXPECT_EQ(outcome, SIGKILL);
        }
        ExpectWholeLoads(scenario);
        ASSERT_EQ(RunChild(scenario, ""), 0) << Contents(Path("child.log"));
        ExpectFinalState(scenario);
        if (HasFailure()) return;
      }
    }
  }
};

TEST(CrashChild, DISABLED_Run) {
  const char* folder = std::getenv("NILUS_CRASH_FOLDER");
  if (folder == nullptr) GTEST_SKIP() << "only as a child of CrashTest";
  Scenario scenario;
  if (std::string(std::getenv("NILUS_CRASH_STRATEGY")) == "replace") scenario.strategy = WriteStrategy::kReplace;
  scenario.format = std::getenv("NILUS_CRASH_FORMAT");
  auto status = RunPipeline(folder, scenario);
  EXPECT_TRUE(status.has_value()) << status.error().ToString();
}

TEST_F(CrashTest, AppendCutAtEveryStep) {
  CutEverywhere({WriteStrategy::kAppend, "csv"}, {"kill", "error", "lost"}, 1);
}

TEST_F(CrashTest, ReplaceCutAtEveryStep) {
  CutEverywhere({WriteStrategy::kReplace, "csv"}, {"kill", "error", "lost"}, 1);
}

TEST_F(CrashTest, ParquetCutAtManySteps) {
  CutEverywhere({WriteStrategy::kReplace, "parquet"}, {"kill"}, 5);
  StartAnew();
  CutEverywhere({WriteStrategy::kAppend, "parquet"}, {"kill"}, 5);
}

// The recovery is cut as well, at each of its own steps.
TEST_F(CrashTest, RecoveryCutAtEveryStep) {
  for (WriteStrategy strategy : {WriteStrategy::kAppend, WriteStrategy::kReplace}) {
    Scenario scenario{strategy, "csv"};
    const std::string first_fault = "files.sink.after_commit_point:kill:2";
    StartAnew();
    ASSERT_EQ(RunChild(scenario, first_fault), SIGKILL);
    std::filesystem::remove(Path("trace"));
    ASSERT_EQ(RunChild(scenario, "", Path("trace")), 0);
    ExpectFinalState(scenario);
    std::ifstream lines(Path("trace"));
    std::map<std::string, int> counts;
    std::vector<std::string> faults;
    for (std::string name, kind; lines >> name >> kind && name != "files.sink.open";)
      faults.push_back(fmt::format("{}:kill:{}", name, ++counts[name]));
    ASSERT_GT(faults.size(), 3U);
    for (const std::string& fault : faults) {
      SCOPED_TRACE(fault);
      StartAnew();
      ASSERT_EQ(RunChild(scenario, first_fault), SIGKILL);
      ASSERT_EQ(RunChild(scenario, fault), SIGKILL);
      ExpectWholeLoads(scenario);
      ASSERT_EQ(RunChild(scenario, ""), 0) << Contents(Path("child.log"));
      ExpectFinalState(scenario);
    }
  }
}

using LoadRows = std::map<std::string, int>;

// A load that was committed, but not all in place, comes before whatever another pipeline commits to the table later.
TEST_F(CrashTest, AnotherPipelineFirstCompletesWhatACrashCutOff) {
  for (const char* fault : {"files.sink.after_commit_point:kill:1", "files.sink.before_settled:kill:1"}) {
    for (WriteStrategy crashed : {WriteStrategy::kAppend, WriteStrategy::kReplace}) {
      for (WriteStrategy strategy : {WriteStrategy::kAppend, WriteStrategy::kReplace}) {
        SCOPED_TRACE(
            fmt::format("{} of a {}, then a {}", fault, WriteStrategyName(crashed), WriteStrategyName(strategy)));
        StartAnew();
        ASSERT_EQ(RunChild({crashed, "csv"}, fault), SIGKILL);
        ASSERT_OK(LoadAnother(strategy));
        LoadRows expected = {{"9", 1}};
        if (strategy == WriteStrategy::kAppend) expected["1"] = kRowsOfALoad;
        EXPECT_EQ(Loads("a"), expected);
        EXPECT_EQ(Loads("b"), (LoadRows{{"1", kRowsOfALoad}}));
        ASSERT_OK((*OpenSink(Path("sink")))->Committed(kPipeline));  // nothing is left to settle
        EXPECT_EQ(Loads("a"), expected);
        ASSERT_EQ(RunChild({crashed, "csv"}, ""), 0) << Contents(Path("child.log"));
        if (crashed == WriteStrategy::kReplace) expected.clear();
        expected["2"] = kRowsOfALoad;
        EXPECT_EQ(Loads("a"), expected);
      }
    }
  }
}

TEST_F(CrashTest, CommitsOfTwoPipelinesToOneTableTakeTurns) {
  pid_t child = StartChild({WriteStrategy::kAppend, "csv"}, "files.sink.tables_locked:pause:1");
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status)) << Contents(Path("child.log"));
  auto refused = LoadAnother(WriteStrategy::kReplace);
  kill(child, SIGCONT);
  EXPECT_EQ(WaitFor(child), 0) << Contents(Path("child.log"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  EXPECT_THAT(refused.error().ToString(), testing::HasSubstr("shop/a"));
  ExpectFinalState({WriteStrategy::kAppend, "csv"});
  ASSERT_OK(LoadAnother(WriteStrategy::kReplace));
  EXPECT_EQ(Loads("a"), (LoadRows{{"9", 1}}));
}

}  // namespace
}  // namespace nilus::files
