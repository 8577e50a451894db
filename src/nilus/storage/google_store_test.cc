// Google Cloud Storage against a double of its documented protocol: the shared suite with a service account's key,
// plainly and while a fifth of the calls fail; HMAC keys; tokens that end before their time.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "nilus/base/encoding.h"
#include "nilus/storage/conformance_testing.h"
#include "nilus/storage/google_double_testing.h"
#include "nilus/storage/matchers_testing.h"
#include "nilus/storage/remote_store.h"
#include "nilus/storage/servers_testing.h"

namespace nilus::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

RemoteOptions TestOptions() {
  return {.retry = {.max_attempts = 30,
                    .first_delay = std::chrono::milliseconds(1),
                    .max_delay = std::chrono::milliseconds(20),
                    .total_budget = std::chrono::minutes(5)},
          .part_bytes = 1 << 20};
}

struct Service {
  explicit Service(http::FaultPlan faults = {})
      : server(service.handler(), std::move(faults)), tokens(service.handler()) {}

  std::shared_ptr<ObjectStore> Open(const std::string& root) const {
    return OpenStoreWith(
               root, {{"endpoint", server.url()}, {"credentials_base64", Base64Encode(service.KeyFile(tokens.url()))}},
               TestOptions())
        .value();
  }

  GoogleDouble service;
  http::TestServer server;
  http::TestServer tokens;  // without faults
};

std::string NewRoot() { return "gs://lake/warehouse/" + NewTestName(); }

const Service& Plain() {
  static const Service service;
  return service;
}
const Service& Faulty() {
  static const Service service(http::RandomFaults(20261128, 20));
  return service;
}

const bool kPlain = RegisterStoreConformance({.name = "GoogleStoreConformance",
                                              .open = [] { return Plain().Open(NewRoot()); },
                                              .reopen = [](const auto& store) { return Plain().Open(store->Url("")); },
                                              .large_bytes = 5 << 20});
const bool kFaulty =
    RegisterStoreConformance({.name = "GoogleStoreFaultyConformance",
                              .open = [] { return Faulty().Open(NewRoot()); },
                              .reopen = [](const auto& store) { return Faulty().Open(store->Url("")); },
                              .large_bytes = 5 << 20,
                              .loses_answers = true});

TEST(GoogleStoreTest, HmacKeys) {
  const Service service;
  auto store =
      OpenStore("gs://lake/dir",
                {{"endpoint", service.server.url()}, {"access_key_id", "GOOGKEY"}, {"secret_access_key", "GOOGSECRET"}})
          .value();
  ASSERT_OK(store->Put("a b", "bytes", PutCondition::IfAbsent()));
  EXPECT_OK_AND_EQ(store->Get("a b"), "bytes");
  EXPECT_EQ(service.service.tokens_given(), 0);
}

TEST(GoogleStoreTest, TokensAreKeptAndFetchedAnewWhenRefused) {
  Service service;
  auto store = service.Open("gs://lake/dir");
  ASSERT_OK(store->Put("x", "1"));
  ASSERT_OK(store->Get("x"));
  EXPECT_EQ(service.service.tokens_given(), 1);
  service.service.RevokeTokens();
  EXPECT_OK_AND_EQ(store->Get("x"), "1");
  EXPECT_EQ(service.service.tokens_given(), 2);
}

TEST(GoogleStoreTest, RefusedKeysAreToldWithoutThem) {
  const Service service;
  const GoogleDouble other;  // with a key of its own
  auto store = OpenStore("gs://lake/dir", {{"endpoint", service.server.url()},
                                           {"credentials_base64", Base64Encode(other.KeyFile(service.tokens.url()))}})
                   .value();
  auto refused = store->Get("x");
  EXPECT_FAILS(refused, ErrorKind::kAuth);
  EXPECT_THAT(refused.error().message, HasSubstr("nilus@project.iam.gserviceaccount.com"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("PRIVATE KEY")));
}

TEST(GoogleStoreTest, KeysFromAFile) {
  const Service service;
  const PrivateFolder folder = PrivateFolder::Make(TemporaryParent(), "nilus-google-test-").value();
  const std::string path = folder.path() + "/key.json";
  std::ofstream(path) << service.service.KeyFile(service.tokens.url());
  auto store = OpenStore("gcs://lake/dir", {{"endpoint", service.server.url()}, {"credentials_path", path}}).value();
  ASSERT_OK(store->Put("x", "1"));
  EXPECT_EQ(store->Url("x"), "gs://lake/dir/x");
  EXPECT_OK_AND_EQ(store->KeyOf("gcs://lake/dir/x"), "x");
}

TEST(GoogleStoreTest, UploadsThatFailLeaveNoPartsBehind) {
  std::atomic<int> posts = 0;
  bool cut_part = true;
  Service service([&](const http::ServedRequest& request) {
    if (cut_part && request.target.find("partNumber=2") != std::string::npos) return http::Fault::kReset;
    return !cut_part && request.method == "POST" && ++posts == 1 ? http::Fault::kAnswerLost : http::Fault::kNone;
  });
  auto store = service.Open("gs://lake/dir");
  ASSERT_OK_AND_ASSIGN(PrivateFolder scratch, store->MakeScratch());
  std::ofstream(scratch.path() + "/file") << std::string(3 << 20, 'x');
  EXPECT_FAILS(store->PutFile("big", scratch.path() + "/file"), ErrorKind::kTransient);
  EXPECT_EQ(service.service.open_uploads(), 0u);
  cut_part = false;
  ASSERT_OK(store->PutFile("big", scratch.path() + "/file"));
  EXPECT_EQ(service.service.open_uploads(), 0u);
}

}  // namespace
}  // namespace nilus::storage
