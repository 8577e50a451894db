#include "nilus/storage/conformance_testing.h"

#include <gmock/gmock.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "nilus/storage/matchers_testing.h"

namespace nilus::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Body = std::function<void(const StoreUnderTest&)>;

class Case : public testing::Test {
 public:
  Case(const StoreUnderTest& store, Body body) : store_(store), body_(std::move(body)) {}
  void TestBody() override { body_(store_); }

 private:
  const StoreUnderTest& store_;
  Body body_;
};

std::vector<std::string> Keys(ObjectStore& store, std::string_view prefix) {
  std::vector<std::string> keys;
  EXPECT_OK(store.List(prefix, [&](const ObjectInfo& info) {
    keys.push_back(info.key);
    return Status();
  }));
  return keys;
}

std::string RandomBytes(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

std::string ReadLocal(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string WriteLocal(const PrivateFolder& folder, std::string_view name, std::string_view bytes) {
  std::string path = fmt::format("{}/{}", folder.path(), name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

void WhatWasPutIsRead(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK_AND_ASSIGN(ObjectInfo put, store->Put("a/b/object.bin", "some bytes"));
  EXPECT_EQ(put.key, "a/b/object.bin");
  EXPECT_EQ(put.size, 10);
  EXPECT_NE(put.etag, "");
  EXPECT_OK_AND_EQ(store->Get("a/b/object.bin"), "some bytes");
  ASSERT_OK_AND_ASSIGN(auto head, store->Head("a/b/object.bin"));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->key, put.key);
  EXPECT_EQ(head->size, 10);
  EXPECT_EQ(head->etag, put.etag);
}

void HintsAreReplacedWhole(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK(store->PutHint("a/hint", "99"));
  EXPECT_OK_AND_EQ(store->Get("a/hint"), "99");
  ASSERT_OK(store->PutHint("a/hint", "100"));
  EXPECT_OK_AND_EQ(store->Get("a/hint"), "100");
  EXPECT_THAT(Keys(*store, ""), ElementsAre("a/hint"));
}

void EmptyAndBinaryObjects(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK(store->Put("empty", ""));
  EXPECT_OK_AND_EQ(store->Get("empty"), "");
  const std::string bytes = RandomBytes(300'000, 7);
  ASSERT_OK(store->Put("binary", bytes));
  EXPECT_OK_AND_EQ(store->Get("binary"), bytes);
}

void AbsentObjects(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  EXPECT_FAILS(store->Get("no/such"), ErrorKind::kNotFound);
  EXPECT_FAILS(store->GetRange("no/such", 0, 1), ErrorKind::kNotFound);
  ASSERT_OK_AND_ASSIGN(auto head, store->Head("no/such"));
  EXPECT_FALSE(head);
  ASSERT_OK_AND_ASSIGN(PrivateFolder scratch, store->MakeScratch());
  const std::string path = scratch.path() + "/copy";
  EXPECT_FAILS(store->Download("no/such", path), ErrorKind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_OK(store->Delete("no/such"));
  ASSERT_OK(store->Put("folder/object", "x"));
  ASSERT_OK_AND_ASSIGN(auto folder, store->Head("folder"));
  EXPECT_FALSE(folder);
  ASSERT_OK_AND_ASSIGN(auto below, store->Head("folder/object/below"));
  EXPECT_FALSE(below);
}

void RangesAreExact(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK(store->Put("ten", "0123456789"));
  EXPECT_OK_AND_EQ(store->GetRange("ten", 0, 10), "0123456789");
  EXPECT_OK_AND_EQ(store->GetRange("ten", 3, 4), "3456");
  EXPECT_OK_AND_EQ(store->GetRange("ten", 9, 1), "9");
  EXPECT_OK_AND_EQ(store->GetRange("ten", 4, 0), "");
  EXPECT_FAILS(store->GetRange("ten", 8, 3), ErrorKind::kData);
  EXPECT_FAILS(store->GetRange("ten", 10, 1), ErrorKind::kData);
  EXPECT_FAILS(store->GetRange("ten", -1, 1), ErrorKind::kData);
}

void PutReplacesWithANewEtag(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK_AND_ASSIGN(ObjectInfo first, store->Put("key", "one"));
  ASSERT_OK_AND_ASSIGN(ObjectInfo second, store->Put("key", "two"));
  EXPECT_NE(first.etag, second.etag);
  EXPECT_OK_AND_EQ(store->Get("key"), "two");
}

void IfAbsentWritesOnce(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK(store->Put("v1", "first", PutCondition::IfAbsent()));
  EXPECT_FAILS(store->Put("v1", "second", PutCondition::IfAbsent()), ErrorKind::kConflict);
  EXPECT_OK_AND_EQ(store->Get("v1"), "first");
  ASSERT_OK(store->Delete("v1"));
  ASSERT_OK(store->Put("v1", "third", PutCondition::IfAbsent()));
  EXPECT_OK_AND_EQ(store->Get("v1"), "third");
}

// A Put with a tag that is not the object's any more.
void ExpectOutdated(const Result<ObjectInfo>& put, const StoreUnderTest& under_test) {
  ASSERT_FALSE(put) << "no error";
  const bool is_unknown = under_test.loses_answers && put.error().kind == ErrorKind::kUnknownOutcome;
  EXPECT_TRUE(is_unknown || put.error().kind == ErrorKind::kConflict) << ErrorText(put);
}

void IfMatchReplacesWhatWasSeen(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK_AND_ASSIGN(ObjectInfo first, store->Put("state", "1"));
  ASSERT_OK_AND_ASSIGN(ObjectInfo second, store->Put("state", "2", PutCondition::IfMatch(first.etag)));
  ExpectOutdated(store->Put("state", "3", PutCondition::IfMatch(first.etag)), under_test);
  EXPECT_OK_AND_EQ(store->Get("state"), "2");
  ASSERT_OK(store->Put("state", "4", PutCondition::IfMatch(second.etag)));
  ASSERT_OK_AND_ASSIGN(auto head, store->Head("state"));
  ASSERT_OK(store->Put("state", "5", PutCondition::IfMatch(head->etag)));
  ASSERT_OK(store->Delete("state"));
  ExpectOutdated(store->Put("state", "6", PutCondition::IfMatch(head->etag)), under_test);
  EXPECT_FAILS(store->Get("state"), ErrorKind::kNotFound);
}

std::vector<std::shared_ptr<ObjectStore>> Writers(const StoreUnderTest& under_test,
                                                  const std::shared_ptr<ObjectStore>& store) {
  std::vector<std::shared_ptr<ObjectStore>> writers;
  for (int i = 0; i < under_test.writers; ++i) writers.push_back(under_test.reopen ? under_test.reopen(store) : store);
  return writers;
}

void OneOfManyCreatesAKey(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  auto writers = Writers(under_test, store);
  std::atomic<int> won = 0;
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < writers.size(); ++i) {
      threads.emplace_back([&, i] {
        auto put = writers[i]->Put("race/v1", fmt::format("writer {}", i), PutCondition::IfAbsent());
        if (put) ++won;
        EXPECT_TRUE(put || put.error().kind == ErrorKind::kConflict) << ErrorText(put);
      });
    }
  }
  EXPECT_EQ(won, 1);
}

// Each adds itself to a list: none may be lost.
void NoUpdateOfManyIsLost(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK(store->Put("race/list", ""));
  auto writers = Writers(under_test, store);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < writers.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int attempt = 0; attempt < 2000; ++attempt) {
          ASSERT_OK_AND_ASSIGN(auto head, writers[i]->Head("race/list"));
          ASSERT_OK_AND_ASSIGN(std::string text, writers[i]->Get("race/list"));
          if (text.find(fmt::format("<{}>", i)) != std::string::npos) return;  // an unknown outcome that was none
          auto put = writers[i]->Put("race/list", text + fmt::format("<{}>", i), PutCondition::IfMatch(head->etag));
          if (put) return;
          ASSERT_THAT(put.error().kind, testing::AnyOf(ErrorKind::kConflict, ErrorKind::kUnknownOutcome))
              << put.error().ToString();
        }
        ADD_FAILURE() << "writer " << i << " never came through";
      });
    }
  }
  ASSERT_OK_AND_ASSIGN(std::string text, store->Get("race/list"));
  for (size_t i = 0; i < writers.size(); ++i) EXPECT_THAT(text, testing::HasSubstr(fmt::format("<{}>", i)));
  EXPECT_EQ(std::count(text.begin(), text.end(), '<'), static_cast<int64_t>(writers.size()));
}

void FilesGoUpAndComeDown(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  ASSERT_OK_AND_ASSIGN(PrivateFolder scratch, store->MakeScratch());
  const int64_t sizes[] = {0, 1000, under_test.large_bytes};
  for (int64_t size : sizes) {
    const std::string bytes = RandomBytes(static_cast<size_t>(size), 11);
    const std::string key = fmt::format("data/file-{}.parquet", size);
    ASSERT_OK_AND_ASSIGN(ObjectInfo put, store->PutFile(key, WriteLocal(scratch, fmt::format("up-{}", size), bytes)));
    EXPECT_EQ(put.size, size);
    ASSERT_OK_AND_ASSIGN(auto head, store->Head(key));
    ASSERT_TRUE(head);
    EXPECT_EQ(head->size, size);
    EXPECT_EQ(head->etag, put.etag);
    const std::string path = fmt::format("{}/down-{}", scratch.path(), size);
    ASSERT_OK(store->Download(key, path));
    EXPECT_TRUE(ReadLocal(path) == bytes) << size;
    EXPECT_FAILS(store->Download(key, path), ErrorKind::kInvalidInput);  // never over an existing file
    EXPECT_OK_AND_EQ(store->GetRange(key, size / 2, size - size / 2), bytes.substr(static_cast<size_t>(size / 2)));
  }
  EXPECT_FAILS(store->PutFile("data/none", scratch.path() + "/none"), ErrorKind::kNotFound);
}

void ListIsSortedByBytes(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  EXPECT_THAT(Keys(*store, ""), IsEmpty());
  for (const char* key : {"a/b", "a-b", "a/b.c/d", "a0", "z", "a/B", "ab/c"}) ASSERT_OK(store->Put(key, "x"));
  EXPECT_THAT(Keys(*store, ""), ElementsAre("a-b", "a/B", "a/b", "a/b.c/d", "a0", "ab/c", "z"));
  EXPECT_THAT(Keys(*store, "a/"), ElementsAre("a/B", "a/b", "a/b.c/d"));
  EXPECT_THAT(Keys(*store, "a"), ElementsAre("a-b", "a/B", "a/b", "a/b.c/d", "a0", "ab/c"));
  EXPECT_THAT(Keys(*store, "a/b"), ElementsAre("a/b", "a/b.c/d"));
  EXPECT_THAT(Keys(*store, "none/"), IsEmpty());
  Status stopped = store->List("", [](const ObjectInfo&) { return Fail(ErrorKind::kData, "enough"); });
  EXPECT_FAILS(stopped, ErrorKind::kData);
}

void FoldersAreOneLevel(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  for (const char* key : {"ns/t1/metadata/v1", "ns/t2/data/x", "ns/readme", "other"}) ASSERT_OK(store->Put(key, "xyz"));
  ASSERT_OK_AND_ASSIGN(FolderListing root, store->ListFolder(""));
  EXPECT_THAT(root.folders, ElementsAre("ns"));
  ASSERT_EQ(root.objects.size(), 1u);
  EXPECT_EQ(root.objects[0].key, "other");
  EXPECT_EQ(root.objects[0].size, 3);
  ASSERT_OK_AND_ASSIGN(FolderListing ns, store->ListFolder("ns"));
  EXPECT_THAT(ns.folders, ElementsAre("t1", "t2"));
  ASSERT_EQ(ns.objects.size(), 1u);
  EXPECT_EQ(ns.objects[0].key, "ns/readme");
  ASSERT_OK(store->Delete("ns/t2/data/x"));
  ASSERT_OK_AND_ASSIGN(FolderListing less, store->ListFolder("ns"));
  EXPECT_THAT(less.folders, ElementsAre("t1"));
  ASSERT_OK_AND_ASSIGN(FolderListing none, store->ListFolder("nothing/here"));
  EXPECT_THAT(none.folders, IsEmpty());
  EXPECT_THAT(none.objects, IsEmpty());
}

void ManyAreDeletedAtOnce(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  std::vector<std::string> keys;
  for (int i = 0; i < 25; ++i) {
    keys.push_back(fmt::format("many/{:02} & <{}>", i, i));
    ASSERT_OK(store->Put(keys.back(), "x"));
  }
  keys.push_back("many/absent");
  const std::string kept = keys.front();
  ASSERT_OK(store->Delete(std::span(keys).subspan(1)));
  EXPECT_THAT(Keys(*store, "many/"), ElementsAre(kept));
}

void AwkwardNames(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  const std::vector<std::string> keys = {"with space/and  two", "plus+and%20percent", "ünï/cödé-名前.parquet",
                                         "q?a=b&c#d",           "dt=2024-01-01/h=1",  "semi;colon:at@comma,$!'()*~",
                                         "quote\"<xml>&amp;",   "..hidden/...dots"};
  for (const std::string& key : keys) {
    SCOPED_TRACE(key);
    ASSERT_OK(store->Put(key, key));
    EXPECT_OK_AND_EQ(store->Get(key), key);
    EXPECT_OK_AND_EQ(store->KeyOf(store->Url(key)), key);
    ASSERT_OK_AND_ASSIGN(auto head, store->Head(key));
    EXPECT_TRUE(head);
    EXPECT_THAT(Keys(*store, key), ElementsAre(key));
  }
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(Keys(*store, ""), sorted);
  ASSERT_OK(store->Delete(std::span(keys)));
  EXPECT_THAT(Keys(*store, ""), IsEmpty());
}

void NamesThatLeadOutAreRefused(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  using namespace std::string_literals;
  for (const std::string& key : {""s, "/etc/passwd"s, "../x"s, "a/../../x"s, "a/.."s, "./a"s, "a//b"s, "a/"s,
                                 "nul\0byte"s, "back\\slash"s, "line\nfeed"s, "\xff\xfe"s, std::string(1025, 'x')}) {
    SCOPED_TRACE(key);
    EXPECT_FAILS(store->Get(key), ErrorKind::kInvalidInput);
    EXPECT_FAILS(store->Put(key, "x"), ErrorKind::kInvalidInput);
    EXPECT_FAILS(store->Head(key), ErrorKind::kInvalidInput);
    EXPECT_FAILS(store->Delete(key), ErrorKind::kInvalidInput);
  }
  EXPECT_FAILS(store->List("../", [](const ObjectInfo&) { return Status(); }), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store->ListFolder("a/.."), ErrorKind::kInvalidInput);
  const std::string root = store->Url("");
  EXPECT_FAILS(store->KeyOf(root + "/../x"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store->KeyOf(root + "-other/x"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store->KeyOf("other://x/y"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store->KeyOf(""), ErrorKind::kInvalidInput);
}

void AStopEndsIt(const StoreUnderTest& under_test) {
  auto store = under_test.open();
  for (int i = 0; i < 3; ++i) ASSERT_OK(store->Put(fmt::format("k{}", i), "x"));
  std::stop_source source;
  source.request_stop();
  EXPECT_FAILS(store->List(
                   "", [](const ObjectInfo&) { return Status(); }, source.get_token()),
               ErrorKind::kCancelled);
}

}  // namespace

bool RegisterStoreConformance(StoreUnderTest store) {
  static std::deque<StoreUnderTest> stores;  // until the program ends, as their tests are
  const StoreUnderTest* kept = &stores.emplace_back(std::move(store));
  struct NamedCase {
    const char* name;
    void (*body)(const StoreUnderTest&);
  };
  const NamedCase cases[] = {{"WhatWasPutIsRead", WhatWasPutIsRead},
                             {"HintsAreReplacedWhole", HintsAreReplacedWhole},
                             {"EmptyAndBinaryObjects", EmptyAndBinaryObjects},
                             {"AbsentObjects", AbsentObjects},
                             {"RangesAreExact", RangesAreExact},
                             {"PutReplacesWithANewEtag", PutReplacesWithANewEtag},
                             {"IfAbsentWritesOnce", IfAbsentWritesOnce},
                             {"IfMatchReplacesWhatWasSeen", IfMatchReplacesWhatWasSeen},
                             {"OneOfManyCreatesAKey", OneOfManyCreatesAKey},
                             {"NoUpdateOfManyIsLost", NoUpdateOfManyIsLost},
                             {"FilesGoUpAndComeDown", FilesGoUpAndComeDown},
                             {"ListIsSortedByBytes", ListIsSortedByBytes},
                             {"FoldersAreOneLevel", FoldersAreOneLevel},
                             {"ManyAreDeletedAtOnce", ManyAreDeletedAtOnce},
                             {"AwkwardNames", AwkwardNames},
                             {"NamesThatLeadOutAreRefused", NamesThatLeadOutAreRefused},
                             {"AStopEndsIt", AStopEndsIt}};
  for (const NamedCase& one : cases) {
    testing::RegisterTest(kept->name.c_str(), one.name, nullptr, nullptr, __FILE__, __LINE__,
                          [kept, body = one.body]() -> testing::Test* { return new Case(*kept, body); });
  }
  return true;
}

}  // namespace nilus::storage
