// The part that S3, Google Cloud Storage and Azure share: retries under a budget, and answers that got lost.
//
// Every put carries a marker, an id of its own in the object's metadata. When no answer comes (a time-out, a reset, a
// 5xx), the put is sent again with the same marker; when it is then refused because its condition no longer holds, the
// object that is there is looked at: with our marker the first one was done, without it somebody else was first.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "nilus/base/retry.h"
#include "nilus/http/http_client.h"
#include "nilus/storage/object_store.h"
#include "nilus/storage/remote_dialect.h"

namespace nilus::storage {

struct RemoteOptions {
  RetryPolicy retry;              // of one call
  int64_t part_bytes = 16 << 20;  // larger files go up and come down in parts of this size, each held in memory
  http::ClientOptions client;
};

// `prefix`: "" or "a/b/": stands before every key.
std::shared_ptr<ObjectStore> MakeRemoteStore(std::unique_ptr<RemoteDialect> dialect, std::string prefix,
                                             RemoteOptions options);

// OpenStore (open_store.h) with other options than its own; ca_file comes from the parameters.
Result<std::shared_ptr<ObjectStore>> OpenStoreWith(std::string_view url,
                                                   const std::map<std::string, std::string, std::less<>>& params,
                                                   RemoteOptions options);

}  // namespace nilus::storage
