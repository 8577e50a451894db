// From an address to its object store.
//
// A store's URL names its root:
//   /dir  file:///dir                                   a folder
//   s3://bucket/prefix  s3a://…                         S3 and what speaks its protocol (param endpoint)
//   gs://bucket/prefix  gcs://…                         Google Cloud Storage
//   abfss://container@account.dfs.core.windows.net/dir  Azure (also abfs, wasbs, wasb, az://container@account/dir)
// A prefix that is missing or empty means the whole bucket or container.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/storage/object_store.h"

namespace nilus::storage {

// Parameters of addresses and depots that say how to reach a store; every connector that uses one declares them.
inline constexpr auto kStoreParams = std::to_array<OptionSpec>({
    {.name = "region", .help = "S3: the bucket's region; by default that of the environment or profile, or us-east-1"},
    {.name = "endpoint", .help = "Where the store answers instead of at its cloud: http://host:port"},
    {.name = "path_style",
     .type = OptionType::kBoolean,
     .help = "S3: the bucket's name stands in the path, not in the host; by default true with an endpoint"},
    {.name = "access_key_id", .help = "S3 access key, or HMAC key of Google Cloud Storage", .secret = true},
    {.name = "secret_access_key", .help = "Secret of the access key", .secret = true},
    {.name = "session_token", .help = "S3: token of temporary credentials", .secret = true},
    {.name = "profile", .help = "S3: profile of ~/.aws/credentials and ~/.aws/config to take the credentials from"},
    {.name = "credentials_path", .help = "Google Cloud Storage: file with a service account's key (JSON)"},
    {.name = "credentials_base64",
     .help = "Google Cloud Storage: a service account's key (JSON) in base64",
     .secret = true},
    {.name = "account", .help = "Azure: name of the storage account, when the URL does not hold it"},
    {.name = "account_key", .help = "Azure: key of the storage account, in base64", .secret = true},
    {.name = "sas_token", .help = "Azure: shared access signature", .secret = true},
    {.name = "token", .help = "Google Cloud Storage and Azure: an OAuth 2 access token", .secret = true},
    {.name = "anonymous", .type = OptionType::kBoolean, .default_value = "false", .help = "Send no credentials"},
    {.name = "ca_file", .help = "Certificates (PEM) to trust instead of the system's, for an endpoint of one's own"},
});

using StoreParams = std::map<std::string, std::string, std::less<>>;

// Opens the store at `url`. Of `params` those of kStoreParams are read, the others left alone. Nothing is sent yet:
// wrong credentials and missing buckets come out of the first call. kInvalidInput: the URL or a parameter is wrong.
Result<std::shared_ptr<ObjectStore>> OpenStore(std::string_view url, const StoreParams& params = {});

// The same for an address: of a store's scheme, or lakehouse:// and delta:// whose path is a URL or a path.
Result<std::shared_ptr<ObjectStore>> OpenStore(const Address& address);

// The URL that an address stands for, as OpenStore takes it.
Result<std::string> StoreUrl(const Address& address);

}  // namespace nilus::storage
