#include "nilus/lake/open_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/redact.h"
#include "nilus/http/server_testing.h"
#include "nilus/lake/rest_double_testing.h"
#include "nilus/lake/warehouse_testing.h"
#include "nilus/storage/matchers_testing.h"

namespace nilus::lake {
namespace {

Result<CatalogPtr> Open(const std::string& text) {
  NILUS_ASSIGN(const Address address, ParseAddress(text, ProcessEnvironment()));
  return OpenCatalog(address, {});
}

TEST(OpenCatalog, FoldersAndDatabases) {
  const TempWarehouse warehouse;
  const auto folder = Open("lakehouse://" + warehouse.path());
  ASSERT_OK(folder);
  EXPECT_EQ((*folder)->description(), "filesystem catalog file://" + warehouse.path());
  const auto database =
      Open("lakehouse://" + warehouse.path() + "?catalog_type=sql&catalog_name=c&catalog_uri=sqlite:///:memory:");
  ASSERT_OK(database);
  EXPECT_EQ((*database)->description(), "SQL catalog c at sqlite:///:memory: (where no catalog is yet)");
}

TEST(OpenCatalog, SaysWhatIsMissing) {
  EXPECT_FAILS(Open("lakehouse:///w?catalog_type=hive"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(Open("lakehouse:///w?catalog_type=sql"), ErrorKind::kInvalidInput);
  EXPECT_FAILS(Open("lakehouse:///w?catalog_type=rest"), ErrorKind::kInvalidInput);
}

TEST(OpenCatalog, RestServersWithTheirCredentials) {
  RestDouble rest("file:///w");
  rest.wanted_credential = "client:very-secret";
  const http::TestServer server([&](const http::ServedRequest& request) { return rest.Handle(request); });
  const std::string host = server.url().substr(std::string("http://").size());
  const auto by_user = Open("iceberg+rest://client:very-secret@" + host + "/base?tls=false&warehouse=w");
  ASSERT_OK(by_user);
  EXPECT_EQ(rest.tokens_given, 1);
  const auto by_depot = Open("lakehouse:///w?catalog_type=rest&catalog_uri=" + server.url() +
                             "/base&catalog_credential=client:very-secret");
  ASSERT_OK(by_depot);
  EXPECT_EQ(rest.tokens_given, 2);
  EXPECT_FAILS(Open("iceberg+rest://" + host + "/base?tls=false"), ErrorKind::kAuth);
  ForgetSecretsForTesting();
}

}  // namespace
}  // namespace nilus::lake
