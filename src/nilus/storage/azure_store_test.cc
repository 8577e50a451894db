// Azure Blob Storage against an emulator: the shared suite with a shared key, plainly and through a proxy that spoils a
// fifth of the calls; signatures of SAS tokens.
#include <gmock/gmock.h>

#include <fstream>

#include "nilus/base/encoding.h"
#include "nilus/http/server_testing.h"
#include "nilus/storage/azure_dialect.h"
#include "nilus/storage/conformance_testing.h"
#include "nilus/storage/crypto.h"
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

std::shared_ptr<ObjectStore> Open(const std::string& endpoint, const std::string& root, StoreParams params) {
  params["endpoint"] = endpoint;
  return OpenStoreWith(root, params, TestOptions()).value();
}

std::string NewRoot() {
  return fmt::format("abfss://lake@{}.dfs.core.windows.net/warehouse/{}", TheAzureServer().account, NewTestName());
}

const std::string& FaultyUrl() {
  static const std::string host = TheAzureServer().url.substr(0, TheAzureServer().url.rfind('/'));
  static const http::TestServer proxy(http::ForwardTo(host), http::RandomFaults(20261127, 20));
  static const std::string url = proxy.url() + "/" + TheAzureServer().account;
  return url;
}

const bool kPlain = RegisterStoreConformance(
    {.name = "AzureStoreConformance",
     .open = [] { return Open(TheAzureServer().url, NewRoot(), TheAzureServer().params); },
     .reopen = [](const auto& store) { return Open(TheAzureServer().url, store->Url(""), TheAzureServer().params); },
     .large_bytes = 5 << 20});
const bool kFaulty = RegisterStoreConformance(
    {.name = "AzureStoreFaultyConformance",
     .open = [] { return Open(FaultyUrl(), NewRoot(), TheAzureServer().params); },
     .reopen = [](const auto& store) { return Open(FaultyUrl(), store->Url(""), TheAzureServer().params); },
     .large_bytes = 5 << 20,
     .loses_answers = true});

// An account SAS ("Create an account SAS", version 2020-12-06 of the string to sign) with these permissions.
std::string MakeSas(const std::string& permissions) {
  const std::string key = Base64Decode(TheAzureServer().params.at("account_key")).value();
  const std::string_view version = "2021-12-02";
  const std::string_view expiry = "2099-01-01T00:00:00Z";
  const std::string to_sign =
      fmt::format("{}\n{}\nb\nsco\n\n{}\n\nhttps,http\n{}\n\n", TheAzureServer().account, permissions, expiry, version);
  return fmt::format("?sv={}&ss=b&srt=sco&sp={}&se={}&spr=https,http&sig={}", version, permissions,
                     PercentEncode(expiry), PercentEncode(Base64Encode(HmacSha256(key, to_sign))));
}

TEST(AzureStoreTest, SharedAccessSignature) {
  auto store = Open(TheAzureServer().url, NewRoot(), {{"sas_token", MakeSas("rwdlac")}});
  ASSERT_OK(store->Put("a b/ü", "bytes", PutCondition::IfAbsent()));
  EXPECT_OK_AND_EQ(store->Get("a b/ü"), "bytes");
  ASSERT_OK_AND_ASSIGN(FolderListing listing, store->ListFolder(""));
  EXPECT_EQ(listing.folders, std::vector<std::string>{"a b"});
  ASSERT_OK(store->Delete("a b/ü"));

  auto reader = Open(TheAzureServer().url, NewRoot(), {{"sas_token", MakeSas("rl")}});
  auto refused = reader->Put("x", "y");
  EXPECT_FAILS(refused, ErrorKind::kAuth);
  EXPECT_THAT(refused.error().message, Not(HasSubstr("sig=")));
  EXPECT_THAT(refused.error().message, HasSubstr("AuthorizationPermissionMismatch"));
}

TEST(AzureStoreTest, WrongKeysAndContainersAreToldWithoutSecrets) {
  const std::string wrong_key = Base64Encode("not the key of this account");
  auto wrong = Open(TheAzureServer().url, NewRoot(), {{"account_key", wrong_key}});
  auto refused = wrong->Get("x");
  EXPECT_FAILS(refused, ErrorKind::kAuth);
  EXPECT_THAT(refused.error().message, Not(HasSubstr(wrong_key)));
  auto nowhere =
      Open(TheAzureServer().url, "abfss://none@devstoreaccount1.dfs.core.windows.net/dir", TheAzureServer().params);
  auto missing = nowhere->Put("x", "y");
  EXPECT_FAILS(missing, ErrorKind::kNotFound);
  EXPECT_THAT(ErrorText(missing), HasSubstr("ContainerNotFound"));
  EXPECT_FAILS(nowhere->Delete("x"), ErrorKind::kNotFound);
}

TEST(AzureStoreTest, SpellingsOfTheContainer) {
  auto store = OpenStore("abfss://lake@acc.dfs.core.windows.net/w/", {{"account_key", "a2V5"}}).value();
  EXPECT_EQ(store->Url("t/x"), "abfss://lake@acc.dfs.core.windows.net/w/t/x");
  for (const char* url : {"abfs://lake@acc.dfs.core.windows.net/w/t/x", "wasbs://lake@acc.blob.core.windows.net/w/t/x",
                          "https://acc.blob.core.windows.net/lake/w/t/x"})
    EXPECT_OK_AND_EQ(store->KeyOf(url), "t/x");
  EXPECT_FAILS(store->KeyOf("abfss://lake@other.dfs.core.windows.net/w/t/x"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store->KeyOf("abfss://other@acc.dfs.core.windows.net/w/t/x"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(store->KeyOf("abfss://lake@acc.dfs.core.windows.net/other/x"), ErrorKind::kInvalidInput);
}

// The string to sign as the documentation of "Authorize with Shared Key" composes it.
TEST(AzureSignatureTest, StringToSign) {
  http::Request request{.method = "PUT",
                        .url = "https://acc.blob.core.windows.net/c/a%20b?comp=block&blockid=QQ%3D%3D",
                        .headers = {{"x-ms-version", "2021-12-02"},
                                    {"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"},
                                    {"If-None-Match", "*"}},
                        .body = "12345"};
  EXPECT_EQ(AzureStringToSign(request, "acc"),
            "PUT\n\n\n5\n\n\n\n\n\n*\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2021-12-02\n"
            "/acc/c/a%20b\nblockid:QQ==\ncomp:block");
}

}  // namespace
}  // namespace nilus::storage
