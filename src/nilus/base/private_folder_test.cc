#include "nilus/base/private_folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace nilus {
namespace {

constexpr std::string_view kPrefix = "nilus-spill-";

class PrivateFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    parent_ = testing::TempDir() + "nilus-private-XXXXXX";
    ASSERT_NE(mkdtemp(parent_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(parent_); }
  std::string Path(const std::string& name) const { return parent_ + "/" + name; }

  std::string parent_;
};

TEST_F(PrivateFolderTest, IsRemovedAtItsEnd) {
  std::string path;
  {
    auto folder = PrivateFolder::Make(parent_, kPrefix);
    ASSERT_TRUE(folder) << folder.error().ToString();
    path = folder->path();
    std::ofstream(path + "/file") << "kept";
    SweepPrivateFolders(parent_, kPrefix);  // in use
    EXPECT_TRUE(std::filesystem::exists(path + "/file"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PrivateFolderTest, OfAKilledProcessIsSweptAndNothingElse) {
  pid_t child = fork();
  if (child == 0) {
    auto folder = PrivateFolder::Make(parent_, kPrefix);
    if (folder) std::ofstream(folder->path() + "/file") << "kept";
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  std::filesystem::create_directory(Path("nilus-other"));
  std::ofstream(Path("nilus-other/nilus.lock")) << "";
  std::filesystem::create_directory(Path("target"));
  std::ofstream(Path("target/nilus.lock")) << "";
  std::filesystem::create_directory_symlink(Path("target"), Path("nilus-spill-link"));
  std::filesystem::create_directory(
      Path("nilus-spill-empty"));  // killed before it was locked, or after the lock was removed
  std::filesystem::create_directories(Path("nilus-spill-alien/file"));
  auto count = [&] {
    return std::distance(std::filesystem::directory_iterator(parent_), std::filesystem::directory_iterator());
  };
  ASSERT_EQ(count(), 6);
  SweepPrivateFolders(parent_, kPrefix);
  EXPECT_EQ(count(), 4);
  EXPECT_FALSE(std::filesystem::exists(Path("nilus-spill-empty")));
  EXPECT_TRUE(std::filesystem::exists(Path("nilus-spill-alien/file")));
  EXPECT_TRUE(std::filesystem::exists(Path("nilus-other/nilus.lock")));
  EXPECT_TRUE(std::filesystem::exists(Path("target/nilus.lock")));
}

TEST_F(PrivateFolderTest, TheFirstTemporaryFolderOfAPrefixSweepsThoseOfKilledProcesses) {
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TMPDIR", parent_.c_str(), 1);
  for (const char* prefix : {"nilus-spill-", "nilus-scratch-"}) {
    std::filesystem::create_directory(Path(std::string(prefix) + "dead"));
    std::ofstream(Path(std::string(prefix) + "dead/nilus.lock")) << "";
    auto folder = MakeTemporaryFolder(prefix);
    ASSERT_TRUE(folder) << folder.error().ToString();
    EXPECT_FALSE(std::filesystem::exists(Path(std::string(prefix) + "dead")));
    auto second = MakeTemporaryFolder(prefix);
    ASSERT_TRUE(second) << second.error().ToString();
    EXPECT_TRUE(std::filesystem::exists(folder->path()));  // in use
  }
  before == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", kept.c_str(), 1);
}

}  // namespace
}  // namespace nilus
