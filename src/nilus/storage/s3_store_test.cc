// S3 against a real gateway: the shared suite, plainly and through a proxy that spoils a fifth of the calls.
#include <gmock/gmock.h>

#include <fstream>
#include <mutex>

#include "nilus/base/redact.h"
#include "nilus/http/server_testing.h"
#include "nilus/storage/aws_signature.h"
#include "nilus/storage/conformance_testing.h"
#include "nilus/storage/matchers_testing.h"
#include "nilus/storage/remote_store.h"
#include "nilus/storage/servers_testing.h"

namespace nilus::storage {
namespace {

using http::Fault;
using testing::HasSubstr;

// Quick retries, and the smallest parts that S3 takes.
RemoteOptions TestOptions() {
  return {.retry = {.max_attempts = 30,
                    .first_delay = std::chrono::milliseconds(1),
                    .max_delay = std::chrono::milliseconds(20),
                    .total_budget = std::chrono::minutes(5)},
          .part_bytes = 5 << 20};
}

std::shared_ptr<ObjectStore> Open(const std::string& endpoint, const std::string& root, StoreParams extra = {}) {
  StoreParams params = TheS3Server().params;
  params["endpoint"] = endpoint;
  for (const auto& [name, value] : extra) params[name] = value;
  return OpenStoreWith(root, params, TestOptions()).value();
}

std::shared_ptr<ObjectStore> OpenNew(const std::string& endpoint, StoreParams extra = {}) {
  return Open(endpoint, fmt::format("s3://lake/warehouse/{}", NewTestName()), std::move(extra));
}

const http::TestServer& FaultyProxy() {
  static const http::TestServer proxy(http::ForwardTo(TheS3Server().url), http::RandomFaults(20261126, 20));
  return proxy;
}

const bool kPlain =
    RegisterStoreConformance({.name = "S3StoreConformance",
                              .open = [] { return OpenNew(TheS3Server().url); },
                              .reopen = [](const auto& store) { return Open(TheS3Server().url, store->Url("")); },
                              .large_bytes = 12 << 20});
const bool kFaulty =
    RegisterStoreConformance({.name = "S3StoreFaultyConformance",
                              .open = [] { return OpenNew(FaultyProxy().url()); },
                              .reopen = [](const auto& store) { return Open(FaultyProxy().url(), store->Url("")); },
                              .large_bytes = 12 << 20,
                              .loses_answers = true});

// Faults that a test sets while the proxy's threads may still ask for those of a request before.
class ChangingPlan {
 public:
  ChangingPlan& operator=(http::FaultPlan plan) {
    std::lock_guard lock(mutex_);
    plan_ = std::move(plan);
    return *this;
  }
  Fault operator()(const http::ServedRequest& request) {
    std::unique_lock lock(mutex_);
    const http::FaultPlan plan = plan_;
    lock.unlock();
    return plan(request);
  }

 private:
  std::mutex mutex_;
  http::FaultPlan plan_ = [](const http::ServedRequest&) { return Fault::kNone; };
};

class S3StoreTest : public testing::Test {
 protected:
  // A store behind a proxy whose faults are set by the test.
  std::shared_ptr<ObjectStore> OpenProxied() {
    proxy_ = std::make_unique<http::TestServer>(http::ForwardTo(TheS3Server().url),
                                                [this](const http::ServedRequest& request) { return plan_(request); });
    return OpenNew(proxy_->url());
  }

  // The n-th PUT (from 1) meets the fault.
  void FailPut(int nth, Fault fault) {
    plan_ = [nth, fault, count = std::make_shared<std::atomic<int>>(0)](const http::ServedRequest& request) {
      return request.method == "PUT" && ++*count == nth ? fault : Fault::kNone;
    };
  }

  ChangingPlan plan_;
  std::unique_ptr<http::TestServer> proxy_;
};

TEST_F(S3StoreTest, ALostAnswerToACreationIsFoundOut) {
  auto store = OpenProxied();
  for (Fault fault : {Fault::kAnswerLost, Fault::kAnswerCut, Fault::kServerError, Fault::kReset, Fault::kUnavailable}) {
    FailPut(1, fault);
    const std::string key = fmt::format("v-{}", static_cast<int>(fault));
    ASSERT_OK(store->Put(key, "mine", PutCondition::IfAbsent()));
    EXPECT_OK_AND_EQ(store->Get(key), "mine");
    EXPECT_FAILS(store->Put(key, "again", PutCondition::IfAbsent()), ErrorKind::kConflict);
  }
}

TEST_F(S3StoreTest, ALostAnswerToAReplacementIsFoundOut) {
  auto store = OpenProxied();
  ASSERT_OK_AND_ASSIGN(ObjectInfo first, store->Put("state", "1"));
  FailPut(1, Fault::kAnswerLost);
  ASSERT_OK_AND_ASSIGN(ObjectInfo second, store->Put("state", "2", PutCondition::IfMatch(first.etag)));
  ASSERT_OK_AND_ASSIGN(auto head, store->Head("state"));
  EXPECT_EQ(head->etag, second.etag);
}

TEST_F(S3StoreTest, AConflictAfterALostAnswerIsNotTakenForOurs) {
  auto store = OpenProxied();
  FailPut(1, Fault::kUnavailable);
  auto other = Open(TheS3Server().url, store->Url(""));
  ASSERT_OK(other->Put("v1", "theirs", PutCondition::IfAbsent()));
  EXPECT_FAILS(store->Put("v1", "mine", PutCondition::IfAbsent()), ErrorKind::kConflict);
  EXPECT_OK_AND_EQ(store->Get("v1"), "theirs");
}

// The replacement is done, its answer lost, and somebody replaces it before we look.
TEST_F(S3StoreTest, WhatCannotBeKnownIsSaid) {
  auto store = OpenProxied();
  auto other = Open(TheS3Server().url, store->Url(""));
  ASSERT_OK_AND_ASSIGN(ObjectInfo first, store->Put("state", "1"));
  std::atomic<int> puts = 0;
  plan_ = [&](const http::ServedRequest& request) {
    if (request.method != "PUT") return Fault::kNone;
    if (++puts == 1) return Fault::kAnswerLost;
    EXPECT_OK(other->Put("state", "3"));
    return Fault::kNone;
  };
  EXPECT_FAILS(store->Put("state", "2", PutCondition::IfMatch(first.etag)), ErrorKind::kUnknownOutcome);
}

TEST_F(S3StoreTest, SilenceToTheEndIsAnUnknownOutcome) {
  plan_ = [](const http::ServedRequest& request) {
    return request.method == "PUT" || request.method == "HEAD" ? Fault::kAnswerLost : Fault::kNone;
  };
  auto store = OpenProxied();
  EXPECT_FAILS(store->Put("v1", "mine", PutCondition::IfAbsent()), ErrorKind::kUnknownOutcome);
  plan_ = [](const http::ServedRequest&) { return Fault::kUnavailable; };
  EXPECT_FAILS(store->Get("v1"), ErrorKind::kTransient);
}

TEST_F(S3StoreTest, UploadsThatFailLeaveNoPartsBehind) {
  auto store = OpenProxied();
  ASSERT_OK_AND_ASSIGN(PrivateFolder scratch, store->MakeScratch());
  const std::string path = scratch.path() + "/file";
  std::ofstream(path) << std::string(11 << 20, 'x');
  plan_ = [](const http::ServedRequest& request) {
    return request.target.find("partNumber=2") != std::string::npos ? Fault::kReset : Fault::kNone;
  };
  EXPECT_FAILS(store->PutFile("big", path), ErrorKind::kTransient);
  // The answer to the first start of an upload is lost: its upload has an id that nobody knows.
  plan_ = [count = std::make_shared<std::atomic<int>>(0)](const http::ServedRequest& request) {
    return request.method == "POST" && ++*count == 1 ? Fault::kAnswerLost : Fault::kNone;
  };
  ASSERT_OK(store->PutFile("big", path));
  http::Request request{.method = "GET", .url = TheS3Server().url + "/lake?uploads="};
  SignAws(request, {.access_key_id = "AKTEST", .secret_access_key = "SKTEST"}, {.region = "us-east-1"}, Now());
  auto uploads = http::Client().Send(request, {});
  ASSERT_TRUE(uploads);
  EXPECT_EQ(uploads->status, 200);
  EXPECT_EQ(uploads->body.find("<Upload>"), std::string::npos) << uploads->body;
}

TEST_F(S3StoreTest, MoreThanAPageIsListed) {
  auto store = OpenNew(TheS3Server().url);
  constexpr int kObjects = 1203;
  std::vector<std::string> keys;
  for (int i = 0; i < kObjects; ++i) {
    keys.push_back(fmt::format("page/{:05}", i));
    ASSERT_OK(store->Put(keys.back(), ""));
  }
  std::vector<std::string> listed;
  ASSERT_OK(store->List("page/", [&](const ObjectInfo& info) {
    listed.push_back(info.key);
    return Status();
  }));
  EXPECT_EQ(listed, keys);
  ASSERT_OK(store->Delete(std::span(keys)));
  ASSERT_OK_AND_ASSIGN(FolderListing none, store->ListFolder("page"));
  EXPECT_TRUE(none.objects.empty());
}

TEST_F(S3StoreTest, WrongKeysAndBucketsAreToldWithoutSecrets) {
  auto wrong = OpenNew(TheS3Server().url, {{"secret_access_key", "NOT-THE-SECRET"}});
  auto refused = wrong->Get("x");
  EXPECT_FAILS(refused, ErrorKind::kAuth);
  EXPECT_THAT(ErrorText(refused), HasSubstr("SignatureDoesNotMatch"));
  EXPECT_THAT(refused.error().message, testing::Not(HasSubstr("NOT-THE-SECRET")));
  EXPECT_THAT(refused.error().message, testing::Not(HasSubstr("AKTEST")));
  EXPECT_FAILS(wrong->Put("x", "y", PutCondition::IfAbsent()), ErrorKind::kAuth);
  auto nowhere = Open(TheS3Server().url, "s3://no-such-bucket/dir");
  auto missing = nowhere->Put("x", "y");
  EXPECT_FAILS(missing, ErrorKind::kNotFound);
  EXPECT_THAT(ErrorText(missing), HasSubstr("NoSuchBucket"));
  EXPECT_THAT(ErrorText(missing), HasSubstr("s3://no-such-bucket/dir/x"));
}

TEST_F(S3StoreTest, ReplacedWhileItIsReadGivesOneVersion) {
  auto store = OpenProxied();
  auto other = Open(TheS3Server().url, store->Url(""));
  const std::string first(11 << 20, '1');
  const std::string second(11 << 20, '2');
  ASSERT_OK(other->Put("big", first));
  ASSERT_OK_AND_ASSIGN(PrivateFolder scratch, store->MakeScratch());
  plan_ = [&, count = std::make_shared<std::atomic<int>>(0)](const http::ServedRequest& request) {
    if (request.method == "GET" && ++*count == 2) {
      EXPECT_OK(other->Put("big", second));
    }
    return Fault::kNone;
  };
  ASSERT_OK(store->Download("big", scratch.path() + "/copy"));
  std::ifstream file(scratch.path() + "/copy", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_TRUE(bytes == second);
}

}  // namespace
}  // namespace nilus::storage
