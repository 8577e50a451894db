#include "nilus/duck/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>

#include "nilus/duck/quote.h"
#include "nilus/duck/temp_folder_testing.h"

namespace nilus::duck {
namespace {

Connection InMemory(DatabaseConfig config = {}) { return *Connection::Open(*Database::Open(config)); }

template <typename T>
ErrorKind KindOf(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? ErrorKind::kInternal : result.error().kind;
}

TEST(Connection, BindsTextsAndCountsRows) {
  Connection connection = InMemory();
  ASSERT_TRUE(connection.Execute("CREATE TABLE t (id BIGINT, v VARCHAR, ts TIMESTAMPTZ)"));
  const TextValue row[] = {"7", "it's ü; DROP TABLE t --", "2024-03-15T10:20:30.5Z"};
  EXPECT_EQ(connection.Execute("INSERT INTO t VALUES ($1, $2, $3)", row), 1);
  const TextValue nothing[] = {"8", std::nullopt, std::nullopt};
  EXPECT_EQ(connection.Execute("INSERT INTO t VALUES (?, ?, ?)", nothing), 1);
  auto rows = connection.Query("SELECT * FROM t ORDER BY id");
  ASSERT_TRUE(rows) << rows.error().ToString();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0], (TextRow{"7", "it's ü; DROP TABLE t --", "2024-03-15T10:20:30.500000Z"}));
  EXPECT_EQ((*rows)[1], (TextRow{"8", std::nullopt, std::nullopt}));
  EXPECT_EQ(connection.Execute("UPDATE t SET v = 'x'"), 2);
  EXPECT_EQ(connection.Execute("DELETE FROM t WHERE id = 7"), 1);
  EXPECT_EQ(*connection.QueryValue("SELECT v FROM t WHERE id = 99"), TextValue());
}

TEST(Connection, HostileNamesStayNames) {
  Connection connection = InMemory();
  const std::string name = "a\"; DROP TABLE x; --\n\t';é";
  ASSERT_TRUE(connection.Execute("CREATE TABLE " + QuoteIdentifier(name) + " (" + QuoteIdentifier(name) + " INT)"));
  EXPECT_EQ(**connection.QueryValue("SELECT table_name FROM duckdb_tables()"), name);
  EXPECT_EQ(**connection.QueryValue("SELECT " + QuoteLiteral(name)), name);
  EXPECT_EQ(KindOf(connection.Execute("SELECT " + QuoteLiteral(std::string("a\0b", 3)))), ErrorKind::kInvalidInput);
}

TEST(Connection, ErrorsSayWhatTheCallerDoesNext) {
  Connection connection = InMemory();
  ASSERT_TRUE(connection.Execute("CREATE TABLE t (id INT PRIMARY KEY, j JSON)"));
  ASSERT_TRUE(connection.Execute("INSERT INTO t VALUES (1, NULL)"));
  EXPECT_EQ(KindOf(connection.Execute("SELEC 1")), ErrorKind::kInvalidInput);
  EXPECT_EQ(KindOf(connection.Execute("SELECT nothing FROM t")), ErrorKind::kInvalidInput);
  EXPECT_EQ(KindOf(connection.Execute("SELECT 1; DROP TABLE t")), ErrorKind::kInvalidInput);
  EXPECT_EQ(KindOf(connection.Execute("SELECT $1")), ErrorKind::kInvalidInput);
  EXPECT_EQ(KindOf(connection.Execute("SELECT * FROM nowhere")), ErrorKind::kNotFound);
  EXPECT_EQ(KindOf(connection.Execute("SELECT * FROM read_parquet('/nowhere/x.parquet')")), ErrorKind::kNotFound);
  EXPECT_EQ(KindOf(connection.Execute("INSERT INTO t VALUES (1, NULL)")), ErrorKind::kData);
  EXPECT_EQ(KindOf(connection.Execute("INSERT INTO t VALUES (2, '{bad')")), ErrorKind::kData);
  EXPECT_EQ(KindOf(connection.Execute("SELECT CAST('x' AS INT)")), ErrorKind::kData);
  EXPECT_EQ(KindOf(connection.Execute("SELECT CAST(300 AS TINYINT)")), ErrorKind::kData);
  EXPECT_EQ(KindOf(connection.Execute("COPY t TO '/nowhere/t.parquet'")), ErrorKind::kNotFound);
  EXPECT_EQ(KindOf(connection.Execute("COPY t TO '/dev/full' (FORMAT csv)")), ErrorKind::kExhausted);
}

TEST(Connection, OutOfMemoryIsExhaustedAndNamesTheSetting) {
  Connection connection = InMemory({.memory_bytes = 16 << 20, .spill_bytes = 1 << 20});
  auto result =
      connection.Query("SELECT count(DISTINCT v) FROM (SELECT range || 'some longer text' AS v FROM range(3000000))");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kExhausted) << result.error().ToString();
  EXPECT_FALSE(result.error().fix.empty());
}

TEST(Connection, StopEndsARunningStatement) {
  Connection connection = InMemory();
  std::stop_source stop;
  std::jthread stopper([&] {
    // However early or late it comes, the statement ends: it would run for hours.
    stop.request_stop();
  });
  auto result = connection.Query("SELECT count(*) FROM range(1000000000) a, range(1000000000) b", {}, stop.get_token());
  EXPECT_EQ(KindOf(result), ErrorKind::kCancelled);
  EXPECT_TRUE(connection.Execute("SELECT 1"));
}

TEST(Database, SettingsHold) {
  Connection connection = InMemory({.memory_bytes = 100 << 20, .threads = 1});
  EXPECT_EQ(**connection.QueryValue("SELECT current_setting('threads')"), "1");
  EXPECT_EQ(**connection.QueryValue("SELECT current_setting('memory_limit')"), "100.0 MiB");
  EXPECT_EQ(**connection.QueryValue("SELECT current_setting('autoinstall_known_extensions')"), "false");
  EXPECT_EQ(**connection.QueryValue("SELECT current_setting('autoload_known_extensions')"), "false");
  EXPECT_EQ(**connection.QueryValue("SELECT current_setting('preserve_insertion_order')"), "false");
  EXPECT_EQ(**connection.QueryValue("SELECT current_setting('TimeZone')"), "UTC");
}

TEST(Database, SpillFolderIsPrivateAndRemoved) {
  std::string folder;
  {
    Connection connection = InMemory();
    folder = **connection.QueryValue("SELECT current_setting('temp_directory')");
    auto mode = std::filesystem::status(folder).permissions() & std::filesystem::perms::all;
    EXPECT_EQ(mode, std::filesystem::perms::owner_all);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(Database, OneFileIsOneInstanceInAProcess) {
  TempFolder folder;
  std::string path = folder / "t.duckdb";
  auto writer = Database::Open({.path = path});
  ASSERT_TRUE(writer) << writer.error().ToString();
  auto reader = Database::Open({.path = folder.path() + "/./t.duckdb", .read_only = true});
  ASSERT_TRUE(reader) << reader.error().ToString();
  EXPECT_EQ(writer->get(), reader->get());
  writer->reset();
  reader->reset();
  auto read_only = Database::Open({.path = path, .read_only = true});
  ASSERT_TRUE(read_only) << read_only.error().ToString();
  auto second = Database::Open({.path = path});
  EXPECT_EQ(KindOf(second), ErrorKind::kUnsupported);
}

TEST(Database, ReopensBesideItsLastUserOnOtherThreads) {
  TempFolder folder;
  std::string path = folder / "t.duckdb";
  ASSERT_TRUE(Connection::Open(*Database::Open({.path = path}))->Execute("CREATE TABLE t (i INT)"));
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        auto database = Database::Open({.path = path});
        ASSERT_TRUE(database) << database.error().ToString();
        auto connection = Connection::Open(*std::move(database));
        ASSERT_TRUE(connection->Execute("INSERT INTO t VALUES (1)"));
      }
    });
  }
  threads.clear();
  auto connection = Connection::Open(*Database::Open({.path = path}));
  EXPECT_EQ(**connection->QueryValue("SELECT count(*) FROM t"), "20");
}

// A kill, or another process that opens the file at the same moment, would find what DuckDB has written of it so far.
TEST(Database, ANewFileIsWholeWhenItGetsItsNameAndLeavesNothingBeside) {
  TempFolder folder;
  int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  ASSERT_GE(events, 0);
  ASSERT_GE(inotify_add_watch(events, folder.path().c_str(), IN_CREATE | IN_MODIFY), 0);
  ASSERT_TRUE(Database::Open({.path = folder / "new.duckdb"}));
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  ssize_t size = read(events, buffer.data(), buffer.size());
  close(events);
  ASSERT_GT(size, 0);
  std::vector<std::string> seen;
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
    std::string_view name(event->name);
    seen.push_back(fmt::format("{} {}", (event->mask & IN_CREATE) != 0 ? "create" : "write",
                               name == "new.duckdb" ? "the file" : "another"));
    at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  ASSERT_NE(std::ranges::find(seen, "create another"), seen.end());
  EXPECT_LT(std::ranges::find(seen, "create another"), std::ranges::find(seen, "create the file"));
  EXPECT_EQ(std::ranges::find(seen, "write the file"), seen.end());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) names.push_back(entry.path().filename());
  EXPECT_EQ(names, std::vector<std::string>{"new.duckdb"});
}

TEST(Database, MissingFilesAndFoldersAreNotFound) {
  TempFolder folder;
  EXPECT_EQ(KindOf(Database::Open({.path = folder / "none.duckdb", .read_only = true})), ErrorKind::kNotFound);
  EXPECT_EQ(KindOf(Database::Open({.path = folder / "none/none.duckdb"})), ErrorKind::kNotFound);
  std::ofstream(folder / "text.duckdb") << std::string(10'000, 'x');
  auto opened = Database::Open({.path = folder / "text.duckdb"});
  EXPECT_EQ(KindOf(opened), ErrorKind::kInvalidInput) << opened.error().ToString();
}

// What another process does in the test below: this program, asked for this test alone. Holds the lock until its
// standard input ends.
TEST(OtherProcess, DISABLED_HoldsTheLock) {
  int file = open(std::getenv("NILUS_TEST_FILE"), O_RDWR);
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  char answer = fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n';
  constexpr int kAnswerTo = 3;
  ASSERT_EQ(write(kAnswerTo, &answer, 1), 1);
  ASSERT_EQ(read(0, &answer, 1), 0);
  close(file);
}

TEST(Database, FileOfAnotherProcessIsTransientAndNamesIt) {
  TempFolder folder;
  std::string path = folder / "t.duckdb";
  ASSERT_TRUE(Connection::Open(*Database::Open({.path = path}))->Execute("CREATE TABLE t (i INT)"));
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(done, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, done[0], 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ready[1], 3);
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=OtherProcess.*";
  std::string disabled = "--gtest_also_run_disabled_tests";
  char* arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
  ASSERT_EQ(setenv("NILUS_TEST_FILE", path.c_str(), 1), 0);
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  for (bool read_only : {false, true}) {
    auto opened = Database::Open({.path = path, .read_only = read_only});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::kTransient) << opened.error().ToString();
    EXPECT_NE(opened.error().message.find(std::to_string(child)), std::string::npos) << opened.error().ToString();
    EXPECT_NE(opened.error().message.find(path), std::string::npos);
  }
  for (int end : {ready[0], ready[1], done[0], done[1]}) close(end);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(Database::Open({.path = path}));
}

}  // namespace
}  // namespace nilus::duck
