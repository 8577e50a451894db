// Depots, secrets and volumes: what pipelines refer to by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/manifest/problem.h"

namespace nilus {

struct SecretResource {
  std::string name;
  std::string workspace;
  std::string type;                                        // key-value, key-value-properties, …
  std::string acl;                                         // r | rw
  std::vector<std::pair<std::string, std::string>> data;   // as written, in order
  std::vector<std::pair<std::string, std::string>> files;  // name → path
  SourcePlace place;
};

struct DepotSecretRef {
  std::string name;
  bool all_keys = true;
  std::vector<std::string> keys;
  SourcePlace place;
};

// How a lakehouse's tables are found.
struct DepotCatalog {
  std::string type;  // filesystem | rest | sql
  std::string uri;
  std::string warehouse;
  std::string token;  // registered as a secret when resolved
};

struct DepotResource {
  std::string name;
  std::string workspace;
  std::string type;  // canonical: postgresql, mysql, s3, abfss, file, …
  bool external = true;
  std::vector<DepotSecretRef> secrets;
  std::vector<std::pair<std::string, std::string>> fields;  // the block: host, port, database, bucket, … in text form
  std::vector<std::string> nodes;
  std::vector<std::pair<std::string, std::string>> params;
  std::optional<DepotCatalog> catalog;
  SourcePlace place;

  std::string Field(std::string_view field) const;  // empty when absent
};

struct VolumeResource {
  std::string name;
  std::string workspace;
  SourcePlace place;
};

struct ResourceSet {
  std::vector<DepotResource> depots;
  std::vector<SecretResource> secrets;
  std::vector<VolumeResource> volumes;

  const DepotResource* FindDepot(std::string_view name) const;
  // `id` is "workspace:name" or "name" (any workspace; the first wins).
  const SecretResource* FindSecret(std::string_view id) const;
};

}  // namespace nilus
