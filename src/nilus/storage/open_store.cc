#include "nilus/storage/open_store.h"

#include "nilus/storage/local_store.h"

namespace nilus::storage {
namespace {

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

}  // namespace

Result<std::shared_ptr<ObjectStore>> OpenStore(std::string_view url, const StoreParams& /*params*/) {
  if (IsLocal(url)) return OpenLocalStore(LocalRoot(url));
  return FailWithFix(ErrorKind::kUnsupported,
                     "write a folder, file:///dir, s3://bucket/prefix, gs://bucket/prefix or "
                     "abfss://container@account.dfs.core.windows.net/dir",
                     "no object store answers to {}://", url.substr(0, url.find("://")));
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
