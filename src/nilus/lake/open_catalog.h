// From an address to its catalog.
#pragma once

#include <array>
#include <stop_token>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/lake/catalog.h"

namespace nilus::lake {

// Parameters of lakehouse addresses and depots that say which catalog knows the tables; every connector that opens one
// declares them beside storage::kStoreParams.
inline constexpr auto kCatalogParams = std::to_array<OptionSpec>({
    {.name = "catalog_type",
     .type = OptionType::kChoice,
     .default_value = "filesystem",
     .help = "Where tables are found by name: the folders of the warehouse itself, a REST catalog or a database",
     .choices = "filesystem|rest|sql"},
    {.name = "catalog_uri",
     .help = "rest: https://host/base; sql: sqlite:///path or postgresql://user:password@host/database",
     .secret = true},
    {.name = "catalog_name", .default_value = "default", .help = "sql: name of the catalog in its tables"},
    {.name = "warehouse", .help = "rest: name or URL of the warehouse, as the server knows it"},
    {.name = "catalog_token", .help = "rest: a bearer token", .secret = true},
    {.name = "catalog_credential", .help = "rest: OAuth 2 client credentials, id:secret", .secret = true},
    {.name = "catalog_scope", .default_value = "catalog", .help = "rest: OAuth 2 scope"},
    {.name = "catalog_oauth2_uri", .help = "rest: where tokens are given, instead of at the catalog"},
    {.name = "tls",
     .type = OptionType::kBoolean,
     .default_value = "true",
     .help = "iceberg+rest: speak https; false for a server on this machine"},
});

// lakehouse:///dir, a depot's lakehouse address (its path a store's URL), iceberg+rest://host:port/base?warehouse=….
// User and password of the latter are client credentials. A REST catalog is asked for its configuration at once, a
// database is connected to.
Result<CatalogPtr> OpenCatalog(const Address& address, std::stop_token stop);

}  // namespace nilus::lake
