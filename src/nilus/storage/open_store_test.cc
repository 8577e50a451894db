// From addresses to stores: what is read from them, and what is refused before anything is sent.
#include "nilus/storage/open_store.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "nilus/storage/matchers_testing.h"

namespace nilus::storage {
namespace {

using testing::HasSubstr;

const StoreParams kKeys = {{"access_key_id", "AK"}, {"secret_access_key", "a secret"}};

Address Parsed(std::string_view text) {
  return ParseAddress(text, [](std::string_view) { return std::optional<std::string>(); }).value();
}

TEST(OpenStoreTest, UnknownSchemesAreNamed) {
  auto store = OpenStore("ftp://host/dir");
  EXPECT_FAILS(store, ErrorKind::kUnsupported);
  EXPECT_THAT(ErrorText(store), HasSubstr("ftp://"));
  EXPECT_FAILS(OpenStore(""), ErrorKind::kInvalidInput);
}

TEST(OpenStoreTest, UrlsOfAddresses) {
  EXPECT_OK_AND_EQ(StoreUrl(Parsed("lakehouse:///data/w")), "/data/w");
  EXPECT_OK_AND_EQ(StoreUrl(Parsed("file:///data/w")), "/data/w");
  EXPECT_OK_AND_EQ(StoreUrl(Parsed("s3://bucket/a/b?region=eu-west-1")), "s3://bucket/a/b");
  EXPECT_OK_AND_EQ(StoreUrl(Parsed("abfss://c@acc.dfs.core.windows.net/d")), "abfss://c@acc.dfs.core.windows.net/d");
  Address lakehouse = Parsed("lakehouse:///x");
  lakehouse.path = "s3://bucket/warehouse";
  lakehouse.params = kKeys;
  auto store = OpenStore(lakehouse);
  ASSERT_OK(store);
  EXPECT_EQ((*store)->Url("t/x"), "s3://bucket/warehouse/t/x");
  lakehouse.path = "";
  EXPECT_FAILS(OpenStore(lakehouse), ErrorKind::kInvalidInput);
}

TEST(OpenStoreTest, BucketsAndPrefixes) {
  for (const char* url : {"s3://bucket", "s3://bucket/", "s3a://bucket"})
    EXPECT_EQ(OpenStore(url, kKeys).value()->Url(""), "s3://bucket") << url;
  EXPECT_EQ(OpenStore("s3://bucket/a b//c/", kKeys).has_value(), false);
  EXPECT_EQ(OpenStore("s3://bucket//a/b/", kKeys).value()->Url("k"), "s3://bucket/a/b/k");
  for (const char* url : {"s3://", "s3:///a", "s3://bu cket/a", "s3://b@c/x", "s3://bucket/../a", "gs://",
                          "abfss://@a.b/x", "abfss://c@/x", "s3://..%2f/x"})
    EXPECT_FALSE(OpenStore(url, kKeys)) << url;
}

TEST(OpenStoreTest, ParametersAreChecked) {
  EXPECT_FAILS(OpenStore("s3://bucket/x", {{"access_key_id", "AK"}}), ErrorKind::kInvalidInput);
  EXPECT_FAILS(OpenStore("s3://bucket/x", {{"endpoint", "host:9000"}}), ErrorKind::kInvalidInput);
  auto path_style = OpenStore("s3://bucket/x", {{"path_style", "perhaps"}});
  EXPECT_FAILS(path_style, ErrorKind::kInvalidInput);
  EXPECT_THAT(ErrorText(path_style), HasSubstr("path_style"));
  auto key = OpenStore("abfss://c@acc.dfs.core.windows.net/x", {{"account_key", "#not base64#"}});
  EXPECT_FAILS(key, ErrorKind::kInvalidInput);
  EXPECT_THAT(ErrorText(key), testing::Not(HasSubstr("not base64#")));
  EXPECT_FAILS(OpenStore("gs://bucket/x", {{"credentials_base64", "#"}}), ErrorKind::kInvalidInput);
  EXPECT_OK(OpenStore("az://c/x", {{"account", "acc"}, {"account_key", "a2V5"}}));
}

TEST(OpenStoreTest, ThePageNamesEveryParameter) {
  std::ifstream file(NILUS_SOURCE_DIR "/docs/storage.md");
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (const OptionSpec& spec : kStoreParams) EXPECT_THAT(page, HasSubstr(fmt::format("`{}`", spec.name)));
}

}  // namespace
}  // namespace nilus::storage
