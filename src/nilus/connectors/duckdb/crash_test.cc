// A load that is cut at every fault point, by death, by an error and by a lost answer, and then tried again: the table
// ends as if nothing had happened. Each attempt is a process of its own: this program, asked for one disabled test.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "nilus/connectors/duckdb/connector.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/temp_folder_testing.h"

extern char** environ;

namespace nilus::duckdb {
namespace {

#if NILUS_FAULT_POINTS

SchemaPtr RowSchema() {
  static const SchemaPtr schema = std::make_shared<Schema>(Schema{
      {Field{.name = "id", .type = MakeType(TypeId::kInt64)}, Field{.name = "v", .type = MakeType(TypeId::kText)}}});
  return schema;
}

RecordBatch Rows(int64_t first, int64_t count, const std::string& text) {
  BatchBuilder builder(RowSchema());
  for (int64_t row = first; row < first + count; ++row) {
    builder.column(0).Append<int64_t>(row);
    builder.column(1).AppendBytes(text);
    builder.FinishRow();
  }
  return builder.Finish();
}

// One attempt of a run, as the engine does it. Load 1 brings ids 0 … 999, load 2 ids 500 … 1499.
Status Attempt(const std::string& path, WriteStrategy strategy, int load) {
  NILUS_ASSIGN(Address address, ParseAddress("duckdb:///" + path, ProcessEnvironment()));
  NILUS_ASSIGN(std::unique_ptr<Sink> sink, kDuckdbConnector.open_sink(address, OpenContext{}));
  WriteRequest request{.pipeline = {"p", "shop"},
                       .load_id = fmt::format("load-{}", load),
                       .table = {"shop", "orders"},
                       .schema = RowSchema(),
                       .strategy = strategy,
                       .primary_key = {"id"},
                       .incremental_key = "id"};
  NILUS_ASSIGN(auto committed, sink->Committed(request.pipeline));
  if (committed && committed->version == load) return {};
  NILUS_ASSIGN(auto writer, sink->Open(request));
  for (int64_t i = 0; i < 10; ++i) {
    NILUS_TRY(writer->Write(Rows((load - 1) * 500 + i * 100, 100, fmt::format("load {}", load))));
  }
  NILUS_TRY(writer->Finish());
  CommitRequest commit{.pipeline = request.pipeline,
                       .load_id = request.load_id,
                       .expected_version = load - 1,
                       .position = {fmt::format(R"({{"load":{}}})", load)}};
  commit.interval = KeyRange{.column = "id", .lower = Scalar{MakeType(TypeId::kInt64), "500"}};
  NILUS_TRY(sink->Commit(commit));
  return {};
}

TEST(DuckdbCrashChild, DISABLED_Attempt) {
  const char* path = std::getenv("NILUS_TEST_FILE");
  ASSERT_NE(path, nullptr);
  Status status = Attempt(path, static_cast<WriteStrategy>(std::atoi(std::getenv("NILUS_TEST_STRATEGY"))),
                          std::atoi(std::getenv("NILUS_TEST_LOAD")));
  if (!status) fmt::print(stderr, "{}\n", status.error().ToString());
  std::quick_exit(status ? 0 : 10 + static_cast<int>(status.error().kind));
}

class DuckdbCrash : public testing::TestWithParam<WriteStrategy> {
 protected:
  // Exit code of the attempt, or minus the signal that ended it.
  int Run(int load, const std::string& fault, const std::string& trace = "") {
    std::vector<std::string> environment = {"NILUS_TEST_FILE=" + path_, "NILUS_TEST_LOAD=" + std::to_string(load),
                                            "NILUS_TEST_STRATEGY=" + std::to_string(static_cast<int>(GetParam()))};
    if (!fault.empty()) environment.push_back("NILUS_FAULT=" + fault);
    if (!trace.empty()) environment.push_back("NILUS_FAULT_TRACE=" + trace);
    for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
    std::vector<char*> pointers;
    for (std::string& entry : environment) pointers.push_back(entry.data());
    pointers.push_back(nullptr);
    std::string program = "/proc/self/exe";
    std::string filter = "--gtest_filter=DuckdbCrashChild.*";
    std::string disabled = "--gtest_also_run_disabled_tests";
    std::string brief = "--gtest_brief=1";
    char* arguments[] = {program.data(), filter.data(), disabled.data(), brief.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, pointers.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  // The points that load 2 passes, with how often.
  std::map<std::string, int> Points() {
    std::string trace = folder_ / "trace";
    EXPECT_EQ(Run(2, "", trace), 0);
    std::map<std::string, int> points;
    std::ifstream file(trace);
    for (std::string name, kind; file >> name >> kind;) ++points[name + (kind == "ack" ? ":ack" : "")];
    return points;
  }

  // All rows but what differs between runs, and the state.
  std::string Contents() {
    auto connection = duck::Connection::Open(*duck::Database::Open({.path = path_}));
    auto value = [&](const std::string& sql) {
      auto found = connection->QueryValue(sql);
      return found ? found->value_or("NULL") : found.error().ToString();
    };
    std::string open = GetParam() == WriteStrategy::kScd2 ? "_nilus_valid_to IS NULL" : "true";
    return value(
               "SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || sum(id) || ' ' || count(*) FILTER (v = 'load "
               "2') || ' ' || "
               "count(*) FILTER (" +
               open + ") FROM shop.orders") +
           " / " + value("SELECT version || ' ' || load_id || ' ' || position FROM shop._nilus_state") + " / " +
           value("SELECT string_agg(load_id, ',' ORDER BY load_id) FROM shop._nilus_loads") + " / " +
           value("SELECT string_agg(table_name, ',' ORDER BY table_name) FROM information_schema.tables");
  }

  void StartAfresh() {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + ".wal");
    std::filesystem::copy_file(folder_ / "before.duckdb", path_);
  }

  duck::TempFolder folder_;
  std::string path_ = folder_ / "t.duckdb";
};

TEST_P(DuckdbCrash, EveryCutIsHealedByTheNextAttempt) {
  ASSERT_EQ(Run(1, ""), 0);
  const std::string before = Contents();
  std::filesystem::copy_file(path_, folder_ / "before.duckdb");
  std::map<std::string, int> points = Points();
  const std::string after = Contents();
  ASSERT_NE(before, after);
  for (const char* expected : {"begin", "open", "staged", "write", "finish", "before_apply", "applied", "state_written",
                               "before_commit", "committed:ack"}) {
    EXPECT_TRUE(points.contains(std::string("duckdb.sink.") + expected)) << expected;
  }
  for (const auto& [name, times] : points) {
    bool is_ack = name.ends_with(":ack");
    std::string point = name.substr(0, name.find(':'));
    for (std::string action : {std::string("kill"), std::string(is_ack ? "lost" : "error")}) {
      // The first and the last passage; an error is the same at both.
      for (int passage : action == "kill" ? std::set<int>{1, times} : std::set<int>{1}) {
        SCOPED_TRACE(fmt::format("{}:{}:{}", point, action, passage));
        StartAfresh();
        int outcome = Run(2, fmt::format("{}:{}:{}", point, action, passage));
        if (action == "kill") {
          EXPECT_EQ(outcome, -SIGKILL);
        } else {
          EXPECT_EQ(outcome, 10 + static_cast<int>(is_ack ? ErrorKind::kUnknownOutcome : ErrorKind::kTransient));
        }
        EXPECT_EQ(Contents(), is_ack ? after : before);
        EXPECT_EQ(Run(2, ""), 0);
        EXPECT_EQ(Contents(), after);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Strategies, DuckdbCrash,
                         testing::Values(WriteStrategy::kReplace, WriteStrategy::kAppend, WriteStrategy::kMerge,
                                         WriteStrategy::kDeleteInsert, WriteStrategy::kScd2),
                         [](const auto& parameter) {
                           std::string name(WriteStrategyName(parameter.param));
                           std::erase(name, '+');
                           return name;
                         });

#endif

}  // namespace
}  // namespace nilus::duckdb
