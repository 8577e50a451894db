#include "nilus/lake/open_catalog.h"

#include "nilus/lake/catalog_filesystem.h"
#include "nilus/lake/catalog_rest.h"
#include "nilus/lake/catalog_sql.h"
#include "nilus/storage/open_store.h"

namespace nilus::lake {
namespace {

constexpr std::string_view kRestScheme = "iceberg+rest";

Result<CatalogPtr> OpenRest(const Address& address, std::stop_token stop) {
  RestCatalogOptions options;
  options.server.uri = address.Param("catalog_uri");
  if (address.scheme == kRestScheme) {
    const bool tls = ParseBoolean(address.Param("tls", "true")).value_or(true);
    options.server.uri = fmt::format("{}://{}", tls ? "https" : "http", address.host);
    if (address.port != 0) options.server.uri += fmt::format(":{}", address.port);
    if (!address.path.empty()) options.server.uri += "/" + address.path;
  }
  if (options.server.uri.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "add catalog_uri=https://host/base",
                       "the address asks for a REST catalog, but does not say where it is");
  }
  options.server.warehouse = address.Param("warehouse");
  // A depot's warehouse is the folder that its address names, unless it says another.
  if (options.server.warehouse.empty() && address.scheme != kRestScheme) options.server.warehouse = address.path;
  options.server.token = address.Param("catalog_token");
  options.server.credential = address.Param("catalog_credential");
  if (options.server.credential.empty() && !address.password.empty()) {
    options.server.credential = address.user.empty() ? address.password : address.user + ":" + address.password;
  }
  options.server.scope = address.Param("catalog_scope", options.server.scope);
  options.server.oauth2_server_uri = address.Param("catalog_oauth2_uri");
  options.server.ca_file = address.Param("ca_file");
  for (const OptionSpec& spec : storage::kStoreParams) {
    if (address.params.contains(spec.name)) options.store_params[std::string(spec.name)] = address.Param(spec.name);
  }
  return OpenRestCatalog(std::move(options), std::move(stop));
}

Result<CatalogPtr> OpenSqlOf(const Address& address) {
  SqlCatalogOptions options;
  options.uri = address.Param("catalog_uri");
  if (options.uri.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "add catalog_uri=postgresql://… or sqlite:///path",
                       "the address asks for a catalog in a database, but does not say which");
  }
  options.name = address.Param("catalog_name", options.name);
  NILUS_ASSIGN(options.warehouse, storage::OpenStore(address));
  storage::StoreParams params(address.params.begin(), address.params.end());
  options.open_store = [params](const std::string& location) {
    return storage::OpenStore(StoreRootOf(location), params);
  };
  return OpenSqlCatalog(std::move(options));
}

}  // namespace

Result<CatalogPtr> OpenCatalog(const Address& address, std::stop_token stop) {
  const std::string type = address.Param("catalog_type", address.scheme == kRestScheme ? "rest" : "filesystem");
  if (type == "rest") return OpenRest(address, std::move(stop));
  if (address.scheme == kRestScheme || (type != "filesystem" && type != "sql")) {
    return FailWithFix(ErrorKind::kInvalidInput, "take filesystem, rest or sql",
                       "there is no catalog of type {} at this address", type);
  }
  if (type == "sql") return OpenSqlOf(address);
  NILUS_ASSIGN(StorePtr store, storage::OpenStore(address));
  return OpenFilesystemCatalog(std::move(store));
}

}  // namespace nilus::lake
