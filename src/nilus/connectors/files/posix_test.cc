#include "nilus/connectors/files/posix.h"

#include <atomic>
#include <thread>

#include "nilus/connectors/files/test_support.h"

namespace nilus::files {
namespace {

using PosixTest = FolderTest;

TEST_F(PosixTest, MakesFoldersWhileAnotherRunRemovesEmptyOnes) {
  std::atomic<bool> stop = false;
  std::jthread remover([&] {
    while (!stop) (void)RemoveEmptyDirectory(Path("raw/.nilus_staging"));
  });
  for (int i = 0; i < 50; ++i) {
    std::string load = Path("raw/.nilus_staging/hash/load");
    Status made = MakeDirectories(load);
    ASSERT_TRUE(made) << made.error().ToString();
    ASSERT_TRUE(IsDirectory(load));
    ASSERT_TRUE(RemoveTree(Path("raw/.nilus_staging/hash")));
  }
  stop = true;
}

TEST_F(PosixTest, RefusesAFolderBelowAFile) {
  Put("file", "x");
  EXPECT_FALSE(MakeDirectories(Path("file")));
  EXPECT_FALSE(MakeDirectories(Path("file/below")));
  std::filesystem::create_symlink(Path("nowhere"), Path("link"));
  EXPECT_FALSE(MakeDirectories(Path("link/below")));
  EXPECT_FALSE(MakeDirectories(Path("link")));
}

}  // namespace
}  // namespace nilus::files
