// Azure Blob Storage's REST protocol. ADLS Gen2 accounts answer to it too, on the same account's blob endpoint: what
// their own endpoint (dfs) adds, directories with rights and renames, a store of objects does not need.
#pragma once

#include <memory>
#include <string>

#include "nilus/base/clock.h"
#include "nilus/base/result.h"
#include "nilus/storage/remote_dialect.h"

namespace nilus::storage {

struct AzureOptions {
  std::string url_root;  // "abfss://container@account.dfs.core.windows.net": how metadata names the container
  std::string container;
  std::string account;
  std::string endpoint;     // http://host:port/account; empty: https://<account>.blob.core.windows.net
  std::string account_key;  // decoded; empty: none
  std::string sas_token;    // without '?'; empty: none
  std::string token;        // OAuth 2; empty: none. Without any of the three, calls are anonymous
};
std::unique_ptr<RemoteDialect> MakeAzureDialect(AzureOptions options);

// The text that "Authorize with Shared Key" signs, for version 2015-02-21 and later.
std::string AzureStringToSign(const http::Request& request, std::string_view account);

}  // namespace nilus::storage
