#include "nilus/duck/spill_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "nilus/duck/temp_folder_testing.h"

namespace nilus::duck {
namespace {

TEST(SpillFolder, IsRemovedAtItsEnd) {
  TempFolder parent;
  std::string path;
  {
    auto folder = SpillFolder::Make(parent.path());
    ASSERT_TRUE(folder) << folder.error().ToString();
    path = folder->path();
    std::ofstream(path + "/duckdb_temp_storage.tmp") << "spilled";
    SweepSpillFolders(parent.path());  // in use
    EXPECT_TRUE(std::filesystem::exists(path + "/duckdb_temp_storage.tmp"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SpillFolder, OfAKilledProcessIsSweptAndNothingElse) {
  TempFolder parent;
  pid_t child = fork();
  if (child == 0) {
    auto folder = SpillFolder::Make(parent.path());
    if (folder) std::ofstream(folder->path() + "/duckdb_temp_storage.tmp") << "spilled";
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  std::filesystem::create_directory(parent / "nilus-other");
  std::ofstream(parent / "nilus-other/nilus.lock") << "";
  std::filesystem::create_directory(parent / "target");
  std::ofstream(parent / "target/nilus.lock") << "";
  std::filesystem::create_directory_symlink(parent / "target", parent / "nilus-spill-link");
  auto count = [&] {
    return std::distance(std::filesystem::directory_iterator(parent.path()), std::filesystem::directory_iterator());
  };
  ASSERT_EQ(count(), 4);
  SweepSpillFolders(parent.path());
  EXPECT_EQ(count(), 3);
  EXPECT_TRUE(std::filesystem::exists(parent / "nilus-other/nilus.lock"));
  EXPECT_TRUE(std::filesystem::exists(parent / "target/nilus.lock"));
}

}  // namespace
}  // namespace nilus::duck
