// Depots of every kind of object store open as one: what manifest/ makes of them is what storage/ reads.
#include <gmock/gmock.h>

#include <fstream>

#include "nilus/base/private_folder.h"
#include "nilus/base/redact.h"
#include "nilus/manifest/load.h"
#include "nilus/manifest/resolve.h"
#include "nilus/storage/open_store.h"

namespace nilus {
namespace {

struct StoreCase {
  std::string depot;     // flow style
  std::string secret;    // data of its secret, flow style
  std::string address;   // behind dataos://d
  std::string root_url;  // what the store calls its root
};

class DepotStoreTest : public testing::TestWithParam<StoreCase> {
 protected:
  void TearDown() override { ForgetSecretsForTesting(); }
};

TEST_P(DepotStoreTest, OpensAsAStore) {
  const PrivateFolder folder = PrivateFolder::Make(TemporaryParent(), "nilus-depot-test-").value();
  const auto& [depot, secret, suffix, root_url] = GetParam();
  std::ofstream(folder.path() + "/d.yaml")
      << "name: s\nversion: v1\ntype: secret\nsecret: {type: key-value, acl: r, data: " << secret
      << "}\n---\nname: d\nversion: v2alpha\ntype: depot\ndepot: {secrets: [{name: s, allKeys: true}], " << depot
      << "}\n";
  LoadOptions options;
  options.resource_folder = folder.path();
  const LoadedManifests loaded = LoadManifestText("", "none.yaml", options);
  ResolveOptions resolve;
  auto address = ResolveAddress("dataos://d" + suffix, loaded.resources, resolve);
  ASSERT_TRUE(address) << RenderProblems(loaded.problems) << address.error().ToString();
  auto store = storage::OpenStore(*address);
  ASSERT_TRUE(store) << store.error().ToString();
  EXPECT_EQ((*store)->Url(""), root_url);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DepotStoreTest,
    testing::Values(
        StoreCase{"type: s3, s3: {bucket: b, relativePath: w/x, region: eu-west-1}",
                  "{aws_access_key_id: AKIA1, aws_secret_access_key: canary}", "", "s3://b/w/x"},
        StoreCase{"type: s3, s3: {bucket: b, relativePath: w, format: iceberg, endpoint: 'http://127.0.0.1:9000'}",
                  "{accesskeyid: AKIA1, secretaccesskey: canary, sessiontoken: canary2}", ":raw", "s3://b/w"},
        StoreCase{"type: s3, s3: {bucket: b, format: delta, params: {path_style: true}}",
                  "{accesskeyid: AKIA1, secretaccesskey: canary}", "", "s3://b"},
        StoreCase{"type: gcs, gcs: {bucket: b, relativePath: w}", "{json_key_file: '{\"canary\": 1}'}", "", "gs://b/w"},
        StoreCase{"type: gcs, gcs: {bucket: b, format: iceberg}", "{hmac_key_id: GOOG1, hmac_secret: canary}", "",
                  "gs://b"},
        StoreCase{"type: abfss, abfss: {account: acc, container: c, relativePath: w}", "{account_key: Y2FuYXJ5}", "",
                  "abfss://c@acc.dfs.core.windows.net/w"},
        StoreCase{"type: wasbs, wasbs: {account: acc, container: c, format: iceberg}",
                  "{sas_token: '?sv=1&sig=canary'}", "", "wasbs://c@acc.blob.core.windows.net"},
        StoreCase{"type: lakehouse, lakehouse: {bucket: b, relativePath: w}",
                  "{accesskeyid: AKIA1, secretaccesskey: canary}", ":raw", "s3://b/w"},
        StoreCase{"type: file, file: {path: /data/w, format: iceberg}", "{k: v}", "", "file:///data/w"},
        StoreCase{"type: file, file: {path: /data/w}", "{k: v}", ":x/y", "file:///data/w/x/y"}));

}  // namespace
}  // namespace nilus
