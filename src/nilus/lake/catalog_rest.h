// A catalog behind Iceberg's REST API: the server keeps the tables' metadata and carries out commits (requirements and
// updates), of several tables in one step where it offers that.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "nilus/lake/catalog.h"
#include "nilus/lake/rest_client.h"

namespace nilus::lake {

struct RestCatalogOptions {
  RestOptions server;
  // Parameters of the store (storage/open_store.h), which a table's own configuration from the server overrides.
  std::map<std::string, std::string, std::less<>> store_params;
};

// Asks the server for its configuration.
Result<CatalogPtr> OpenRestCatalog(RestCatalogOptions options, std::stop_token stop);

// The store's parameters in a table's configuration: s3.access-key-id is access_key_id, and so on.
std::map<std::string, std::string, std::less<>> StoreParamsOf(const std::map<std::string, std::string>& configuration);
// Where a table's store begins: the bucket or container of its location; a local table's own folder.
std::string StoreRootOf(const std::string& location);

}  // namespace nilus::lake
