// A folder of the local disk: the shared suite, and what only a file system can do to a store.
#include "nilus/storage/local_store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "nilus/storage/conformance_testing.h"
#include "nilus/storage/matchers_testing.h"
#include "nilus/storage/open_store.h"

namespace nilus::storage {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

const PrivateFolder& Scratch() {
  static const auto* folder = new PrivateFolder(PrivateFolder::Make(TemporaryParent(), "nilus-store-test-").value());
  return *folder;
}

std::string NewRoot() {
  static std::atomic<int> count = 0;
  return fmt::format("{}/root {}", Scratch().path(), ++count);
}

std::shared_ptr<ObjectStore> Open(const std::string& root) { return OpenStore(root).value(); }

const bool kRegistered = RegisterStoreConformance(
    {.name = "LocalStoreConformance",
     .open = [] { return Open(NewRoot()); },
     .reopen = [](const std::shared_ptr<ObjectStore>& store) { return Open(store->Url("")); }});

class LocalStoreTest : public testing::Test {
 protected:
  static void TearDownTestSuite() { fs::remove_all(Scratch().path()); }

  std::string root_ = NewRoot();
  std::shared_ptr<ObjectStore> store_ = Open(root_);
};

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST_F(LocalStoreTest, NothingIsMadeBeforeTheFirstWrite) {
  ASSERT_OK(store_->Head("x"));
  ASSERT_OK(store_->ListFolder(""));
  EXPECT_FALSE(fs::exists(root_));
}

TEST_F(LocalStoreTest, LeavesOnlyObjectsBehind) {
  ASSERT_OK(store_->Put("a/x", "1"));
  ASSERT_FALSE(store_->Put("a/x", "2", PutCondition::IfAbsent()));
  ASSERT_FALSE(store_->Put("a/x", "2", PutCondition::IfMatch("other")));
  { ASSERT_OK(store_->MakeScratch()); }
  store_.reset();
  EXPECT_THAT(Names(root_), ElementsAre("a"));
  EXPECT_THAT(Names(root_ + "/a"), ElementsAre("x"));
}

TEST_F(LocalStoreTest, TemporariesOfAKilledWriterGoAtTheNextWrite) {
  const pid_t child = fork();
  if (child == 0) {
    auto scratch = Open(root_)->MakeScratch();
    std::ofstream(scratch->path() + "/half a file") << "x";
    kill(getpid(), SIGKILL);
  }
  int state = 0;
  waitpid(child, &state, 0);
  ASSERT_TRUE(WIFSIGNALED(state));
  ASSERT_EQ(Names(root_ + "/.nilus-tmp").size(), 1u);
  ASSERT_OK(store_->Put("x", "1"));
  for (const std::string& name : Names(root_ + "/.nilus-tmp")) EXPECT_TRUE(name.starts_with("put-")) << name;
  store_.reset();
  EXPECT_THAT(Names(root_), ElementsAre("x"));
}

TEST_F(LocalStoreTest, LinksBelowTheRootAreRefused) {
  const std::string outside = NewRoot();
  fs::create_directories(outside);
  std::ofstream(outside + "/secret") << "secret";
  fs::create_directories(root_ + "/a");
  fs::create_directory_symlink(outside, root_ + "/a/link");
  fs::create_symlink(outside + "/secret", root_ + "/file");
  EXPECT_FAILS(store_->Get("a/link/secret"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store_->Get("file"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store_->Put("a/link/new", "x"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store_->Delete("a/link/secret"), ErrorKind::kInvalidInput);
  EXPECT_TRUE(fs::exists(outside + "/secret"));
  EXPECT_THAT(Names(outside), ElementsAre("secret"));
  std::vector<std::string> keys;
  ASSERT_OK(store_->List("", [&](const ObjectInfo& info) {
    keys.push_back(info.key);
    return Status();
  }));
  EXPECT_THAT(keys, IsEmpty());
  // A put replaces the link itself, never what it points to.
  ASSERT_OK(store_->Put("file", "new"));
  EXPECT_OK_AND_EQ(store_->Get("file"), "new");
  EXPECT_EQ(fs::file_size(outside + "/secret"), 6u);
}

TEST_F(LocalStoreTest, NoLinkLeadsToAFileThatOthersOpen) {
  ASSERT_OK(store_->Put("a/b/file", "1"));
  ASSERT_OK(store_->Put("target", "1"));
  fs::create_symlink(root_ + "/target", root_ + "/a/b/link");
  fs::create_directory_symlink(root_ + "/a", root_ + "/folder");
  for (int round = 0; round < 2; ++round) {  // the second one knows the folders
    EXPECT_OK_AND_EQ(store_->PathToOpen("a/b/file"), root_ + "/a/b/file");
    EXPECT_FAILS(store_->PathToOpen("a/b/link"), ErrorKind::kInvalidInput);
    EXPECT_FAILS(store_->PathToOpen("folder/b/file"), ErrorKind::kInvalidInput);
    EXPECT_FAILS(store_->PathToOpen("a/b/none"), ErrorKind::kNotFound);
    EXPECT_FAILS(store_->PathToOpen("a/none/file"), ErrorKind::kNotFound);
    EXPECT_FAILS(store_->PathToOpen("a/b"), ErrorKind::kNotFound);
  }
}

TEST_F(LocalStoreTest, TheRootItselfMayBeALink) {
  fs::create_directories(root_);
  const std::string link = NewRoot();
  fs::create_directory_symlink(root_, link);
  auto linked = Open(link);
  ASSERT_OK(linked->Put("a/x", "1"));
  EXPECT_OK_AND_EQ(store_->Get("a/x"), "1");
  EXPECT_OK_AND_EQ(store_->KeyOf(linked->Url("a/x")), "a/x");
  EXPECT_OK_AND_EQ(linked->KeyOf(store_->Url("a/x")), "a/x");
}

TEST_F(LocalStoreTest, SpellingsOfTheRoot) {
  EXPECT_EQ(store_->Url("a/x"), "file://" + root_ + "/a/x");
  EXPECT_EQ(store_->Url(""), "file://" + root_);
  for (const std::string& url : {root_ + "/a/x", "file:" + root_ + "/a/x", "file://localhost" + root_ + "/a/x"})
    EXPECT_OK_AND_EQ(store_->KeyOf(url), "a/x");
  for (const std::string& root : {"file://" + root_, "file:" + root_, root_ + "/", root_ + "/b/.."})
    EXPECT_EQ(Open(root)->Url(""), "file://" + root_);
}

TEST_F(LocalStoreTest, TheTemporaryFolderHoldsNoObjects) {
  ASSERT_OK(store_->Put("x", "1"));
  EXPECT_FAILS(store_->Put(".nilus-tmp/x", "1"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store_->KeyOf(root_ + "/.nilus-tmp/x"), ErrorKind::kInvalidInput);
  ASSERT_OK_AND_ASSIGN(FolderListing listing, store_->ListFolder(""));
  EXPECT_THAT(listing.folders, IsEmpty());
  EXPECT_EQ(listing.objects.size(), 1u);
}

TEST_F(LocalStoreTest, AFileOfTheScratchFolderIsMoved) {
  ASSERT_OK_AND_ASSIGN(PrivateFolder scratch, store_->MakeScratch());
  const std::string path = scratch.path() + "/file";
  std::ofstream(path) << "bytes";
  struct stat before {};
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  ASSERT_OK(store_->PutFile("data/file", path));
  struct stat after {};
  ASSERT_EQ(stat((root_ + "/data/file").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(LocalStoreTest, FilesInTheWayAreNamed) {
  ASSERT_OK(store_->Put("a", "1"));
  auto below = store_->Put("a/b", "2");
  EXPECT_FAILS(below, ErrorKind::kInvalidInput);
  EXPECT_THAT(ErrorText(below), testing::HasSubstr(root_ + "/a is a file"));
  ASSERT_OK(store_->Put("c/d", "1"));
  EXPECT_FAILS(store_->Put("c", "2"), ErrorKind::kInvalidInput);
}

TEST_F(LocalStoreTest, WhatWasReadCanBeMadeDurable) {
  ASSERT_OK(store_->Put("a/b/x", "1"));
  EXPECT_OK(store_->MakeDurable("a/b/x"));
  EXPECT_FAILS(store_->MakeDurable("a/b/y"), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace nilus::storage
