#include "nilus/storage/open_store.h"

#include <algorithm>

#include "nilus/base/encoding.h"
#include "nilus/base/redact.h"
#include "nilus/storage/azure_dialect.h"
#include "nilus/storage/local_store.h"
#include "nilus/storage/remote_store.h"
#include "nilus/storage/s3_dialect.h"
#include "nilus/storage/url_text.h"

namespace nilus::storage {
namespace {

constexpr std::string_view kForms =
    "write a folder, file:///dir, s3://bucket/prefix, gs://bucket/prefix or "
    "abfss://container@account.dfs.core.windows.net/dir";

bool IsLocal(std::string_view url) {
  return url.starts_with('/') || url.starts_with("file:") || url.find("://") == std::string_view::npos;
}

std::string_view LocalRoot(std::string_view url) {
  if (url.starts_with("file://")) {
    url.remove_prefix(7);
    if (url.starts_with("localhost/")) url.remove_prefix(9);
  } else if (url.starts_with("file:")) {
    url.remove_prefix(5);
  }
  return url;
}

// The values of kStoreParams that are given, checked; secrets are registered.
Result<OptionValues> ReadParams(const StoreParams& params) {
  OptionValues values;
  for (const OptionSpec& spec : kStoreParams) {
    const auto found = params.find(spec.name);
    if (found == params.end() || found->second.empty()) continue;
    if (Status set = SetOption(spec, found->second, values); !set)
      return Failure(InContext(fmt::format("reading the parameter {}", spec.name), set.error()));
  }
  return values;
}

Result<std::string> Endpoint(const OptionValues& params) {
  std::string endpoint = params.Text("endpoint");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const bool is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
  if (endpoint.empty() || (is_url && http::HostOf(endpoint))) return endpoint;
  return FailWithFix(ErrorKind::kInvalidInput, "write http://host:port or https://host", "the endpoint '{}' is no URL",
                     endpoint);
}

// A prefix as it stands before keys: "" or "a/b/".
Result<std::string> Prefix(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return std::string();
  NILUS_TRY(CheckKey(path));
  return std::string(path) + "/";
}

Status CheckBucket(std::string_view bucket, std::string_view what) {
  const bool is_name = std::all_of(bucket.begin(), bucket.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '.' || c == '_' || c == '$';
  });
  if (!bucket.empty() && is_name && bucket.find("..") == std::string_view::npos) return {};
  return FailWithFix(ErrorKind::kInvalidInput, std::string(kForms), "'{}' is no name of a {}", bucket, what);
}

Result<std::shared_ptr<ObjectStore>> OpenS3(const StoreUrlParts& url, const OptionValues& params,
                                            RemoteOptions remote) {
  NILUS_TRY(CheckBucket(url.authority, "bucket"));
  NILUS_ASSIGN(std::string prefix, Prefix(url.path));
  S3Options options{.bucket = url.authority};
  NILUS_ASSIGN(options.endpoint, Endpoint(params));
  // Certificates of virtual hosts cover one label: a bucket with a dot needs the path.
  const bool needs_path = !options.endpoint.empty() || url.authority.find('.') != std::string::npos;
  options.path_style = params.Boolean("path_style", needs_path);
  options.anonymous = params.Boolean("anonymous", false);
  options.credentials = std::make_shared<AwsCredentialSource>(
      AwsCredentialSource::Given{.credentials = {.access_key_id = params.Text("access_key_id"),
                                                 .secret_access_key = params.Text("secret_access_key"),
                                                 .session_token = params.Text("session_token")},
                                 .profile = params.Text("profile"),
                                 .region = params.Text("region")},
      ProcessEnvironment());
  if (params.Has("access_key_id") != params.Has("secret_access_key")) {
    return Fail(ErrorKind::kInvalidInput, "access_key_id and secret_access_key go together: one of them is missing");
  }
  options.region = params.Text("region");
  if (options.region.empty()) options.region = options.credentials->Region();
  if (options.region.empty()) options.region = "us-east-1";
  return MakeRemoteStore(MakeS3Dialect(std::move(options)), std::move(prefix), std::move(remote));
}

Result<std::shared_ptr<ObjectStore>> OpenGoogle(const StoreUrlParts& url, const OptionValues& params,
                                                RemoteOptions remote) {
  NILUS_TRY(CheckBucket(url.authority, "bucket"));
  NILUS_ASSIGN(std::string prefix, Prefix(url.path));
  GoogleOptions options{.bucket = url.authority};
  NILUS_ASSIGN(options.endpoint, Endpoint(params));
  options.anonymous = params.Boolean("anonymous", false);
  options.hmac_key = {.access_key_id = params.Text("access_key_id"),
                      .secret_access_key = params.Text("secret_access_key")};
  std::string json;
  if (params.Has("credentials_base64")) {
    NILUS_ASSIGN(json, Base64Decode(params.Text("credentials_base64")));
    RegisterSecret(json);
  }
  options.credentials = std::make_shared<GoogleCredentialSource>(
      GoogleCredentialSource::Given{
          .token = params.Text("token"), .key_json = json, .key_path = params.Text("credentials_path")},
      ProcessEnvironment());
  return MakeRemoteStore(MakeGoogleDialect(std::move(options)), std::move(prefix), std::move(remote));
}

std::string FromEnvironment(const char* name) { return ProcessEnvironment()(name).value_or(""); }

Result<std::shared_ptr<ObjectStore>> OpenAzure(const StoreUrlParts& url, const OptionValues& params,
                                               RemoteOptions remote) {
  const size_t at = url.authority.find('@');
  AzureOptions options{.url_root = fmt::format("{}://{}", url.scheme, url.authority)};
  options.container = url.authority.substr(0, at);
  NILUS_TRY(CheckBucket(options.container, "container"));
  const std::string host = at == std::string::npos ? params.Text("account") : url.authority.substr(at + 1);
  options.account = host.substr(0, host.find('.'));
  if (options.account.empty()) options.account = FromEnvironment("AZURE_STORAGE_ACCOUNT");
  NILUS_TRY(CheckBucket(options.account, "storage account"));
  NILUS_ASSIGN(options.endpoint, Endpoint(params));
  if (const size_t dot = host.find('.'); options.endpoint.empty() && dot != std::string::npos) {
    std::string suffix = host.substr(dot);  // of another cloud: .dfs.core.chinacloudapi.cn
    if (suffix.starts_with(".dfs.")) suffix.replace(0, 5, ".blob.");
    options.endpoint = fmt::format("https://{}{}", options.account, suffix);
  }
  NILUS_ASSIGN(std::string prefix, Prefix(url.path));
  options.sas_token = params.Text("sas_token");
  std::string key = params.Text("account_key");
  options.token = params.Text("token");
  const bool is_given = !options.sas_token.empty() || !key.empty() || !options.token.empty();
  if (!is_given && !params.Boolean("anonymous", false)) {
    key = FromEnvironment("AZURE_STORAGE_KEY");
    options.sas_token = key.empty() ? FromEnvironment("AZURE_STORAGE_SAS_TOKEN") : "";
    RegisterSecret(key);
    RegisterSecret(options.sas_token);
    if (key.empty() && options.sas_token.empty()) {
      return FailWithFix(ErrorKind::kAuth,
                         "set account_key, sas_token or token in the depot or address, AZURE_STORAGE_KEY, or "
                         "AZURE_STORAGE_SAS_TOKEN; anonymous=true for a public container",
                         "there are no credentials for the storage account {}", options.account);
    }
  }
  if (options.sas_token.starts_with('?')) options.sas_token.erase(0, 1);
  auto decoded = Base64Decode(key);
  if (!decoded) return Fail(ErrorKind::kInvalidInput, "the account_key of {} is not base64", options.account);
  options.account_key = *std::move(decoded);
  RegisterSecret(options.account_key);
  return MakeRemoteStore(MakeAzureDialect(std::move(options)), std::move(prefix), std::move(remote));
}

}  // namespace

Result<std::shared_ptr<ObjectStore>> OpenStore(std::string_view url, const StoreParams& params) {
  return OpenStoreWith(url, params, {});
}

Result<std::shared_ptr<ObjectStore>> OpenStoreWith(std::string_view url, const StoreParams& params,
                                                   RemoteOptions options) {
  if (IsLocal(url)) return OpenLocalStore(LocalRoot(url));
  const StoreUrlParts parts = SplitStoreUrl(url);
  NILUS_ASSIGN(OptionValues values, ReadParams(params));
  options.client.ca_file = values.Text("ca_file");
  if (parts.scheme == "s3" || parts.scheme == "s3a" || parts.scheme == "s3n")
    return OpenS3(parts, values, std::move(options));
  if (parts.scheme == "gs" || parts.scheme == "gcs") return OpenGoogle(parts, values, std::move(options));
  if (parts.scheme == "abfss" || parts.scheme == "abfs" || parts.scheme == "wasbs" || parts.scheme == "wasb" ||
      parts.scheme == "az")
    return OpenAzure(parts, values, std::move(options));
  return FailWithFix(ErrorKind::kUnsupported, std::string(kForms), "no object store answers to {}://", parts.scheme);
}

Result<std::string> StoreUrl(const Address& address) {
  if (address.scheme == "lakehouse" || address.scheme == "delta" || address.scheme == "file") {
    if (address.path.empty())
      return FailWithFix(ErrorKind::kInvalidInput, "write " + address.scheme + ":///dir",
                         "the address names no folder");
    return address.path;
  }
  std::string url = address.scheme + "://";
  if (!address.user.empty()) url += address.user + "@";
  url += address.host;
  if (address.port != 0) url += fmt::format(":{}", address.port);
  return url + "/" + address.path;
}

Result<std::shared_ptr<ObjectStore>> OpenStore(const Address& address) {
  NILUS_ASSIGN(std::string url, StoreUrl(address));
  return OpenStore(url, address.params);
}

}  // namespace nilus::storage
