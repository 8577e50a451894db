// `depot`, `secret`, `instance-secret` and `volume` documents.
#include <algorithm>

#include "nilus/base/redact.h"
#include "nilus/base/text.h"
#include "nilus/manifest/depot.h"
#include "nilus/manifest/forms.h"
#include "nilus/manifest/secret_fields.h"

namespace nilus {
namespace {

// Fields of a depot's block that are single values.
constexpr std::string_view kBlockFields[] = {"host",
                                             "port",
                                             "database",
                                             "schema",
                                             "subprotocol",
                                             "bucket",
                                             "relativePath",
                                             "container",
                                             "account",
                                             "format",
                                             "region",
                                             "endpoint",
                                             "url",
                                             "path",
                                             "project",
                                             "dataset",
                                             "location",
                                             "warehouse",
                                             "role",
                                             "http_path",
                                             "httpPath",
                                             "catalogName",
                                             "scheme",
                                             "endpointSuffix",
                                             "service",
                                             "sid",
                                             "aws_region",
                                             "aws_endpoint",
                                             "icebergCatalogType",
                                             "metastoreType",
                                             "metastoreUrl"};

std::vector<DepotSecretRef> ReadSecretRefs(MapReader& depot) {
  std::vector<DepotSecretRef> refs;
  const YamlNode* list = depot.Take("secrets");
  if (list == nullptr) return refs;
  if (list->kind != YamlKind::kSequence) {
    depot.Add("secrets", "a list is expected here, but this is " + std::string(YamlKindName(list->kind)),
              "write - name: my-secret");
    return refs;
  }
  for (size_t i = 0; i < list->items.size(); ++i) {
    MapReader reader(list->items[i], depot.PathOf("secrets") + "[" + std::to_string(i) + "]", depot.findings());
    if (list->items[i].kind != YamlKind::kMap) continue;
    DepotSecretRef ref;
    ref.place = reader.place();
    ref.name = reader.TextOr("name");
    if (ref.name.empty()) reader.Missing("name");
    if (auto workspace = reader.Text("workspace"); workspace && ref.name.find(':') == std::string::npos)
      ref.name = *workspace + ":" + ref.name;
    ref.keys = reader.TextList("keys");
    ref.all_keys = reader.Boolean("allKeys").value_or(ref.keys.empty());
    reader.Finish();
    refs.push_back(std::move(ref));
  }
  return refs;
}

void ReadBlock(MapReader& block, DepotResource& depot) {
  for (std::string_view name : kBlockFields) {
    if (name == "port") {
      if (auto port = block.Integer("port", 1, 65535)) depot.fields.emplace_back("port", std::to_string(*port));
    } else if (name == "format") {
      if (block.Choice("format", {"iceberg", "delta", "parquet", "ICEBERG", "DELTA", "PARQUET"})) {
        depot.fields.emplace_back("format", LowerCase(block.TextOr("format")));
      }
    } else if (auto text = block.Text(name)) {
      depot.fields.emplace_back(name, *text);
    }
  }
  depot.nodes = block.TextList("nodes", true);
  depot.params = block.TextMap("params");
  for (const auto& [name, value] : depot.params) {
    if (IsSecretName(name)) RegisterSecret(value);
  }
  if (block.Take("catalog") != nullptr) {
    MapReader reader = block.Child("catalog");
    DepotCatalog catalog;
    catalog.type = "filesystem";
    if (reader.Choice("type", {"filesystem", "rest", "sql"})) catalog.type = reader.TextOr("type");
    catalog.uri = reader.TextOr("uri");
    catalog.warehouse = reader.TextOr("warehouse");
    catalog.token = reader.TextOr("token");
    RegisterSecret(catalog.token);
    if (catalog.type != "filesystem" && catalog.uri.empty()) reader.Missing("uri", "write where the catalog is");
    reader.Finish();
    depot.catalog = std::move(catalog);
  }
  block.Finish();
}

void CheckFields(MapReader& block, const DepotResource& depot) {
  auto require = [&](std::string_view name) {
    if (depot.Field(name).empty()) block.Missing(name);
  };
  constexpr std::string_view kServers[] = {"postgresql", "mysql", "mssql", "redshift", "clickhouse"};
  bool is_server = std::find(std::begin(kServers), std::end(kServers), depot.type) != std::end(kServers);
  if (is_server && depot.nodes.empty()) require("host");
  if (depot.type == "jdbc") require("subprotocol");
  if ((depot.type == "mongodb" || depot.type == "kafka") && depot.nodes.empty() && depot.Field("host").empty())
    block.Missing("nodes", "write [host:port]");
  if (depot.type == "s3" || depot.type == "gcs") require("bucket");
  if (depot.type == "abfss" || depot.type == "wasbs") {
    require("account");
    require("container");
  }
  if (depot.type == "bigquery") require("project");
  if (depot.type == "snowflake" && depot.Field("account").empty() && depot.Field("url").empty())
    block.Missing("account");
}

}  // namespace

void ReadDepot(MapReader& document, Findings& findings, ResourceSet& resources) {
  DocumentHead head = ReadHead(document, {"v2alpha", "v1"});
  DepotResource depot;
  depot.name = head.name;
  depot.workspace = head.workspace;
  depot.place = document.place();
  if (document.Take("depot") == nullptr) {
    document.Missing("depot", "write depot: with type and its block below it");
    return document.Finish();
  }
  MapReader reader = document.Child("depot");
  std::string type = reader.TextOr("type");
  depot.type = CanonicalDepotType(type);
  if (type.empty()) {
    reader.Missing("type", "write postgresql, mysql, s3, …");
  } else if (depot.type.empty()) {
    std::string_view nearest = NearestName(type, DepotTypes());
    reader.Add("type", "the depot type " + Shown(type) + " is not known",
               nearest.empty() ? "" : "write " + std::string(nearest));
  }
  reader.Text("description");
  reader.Text("compute");
  depot.external = reader.Boolean("external").value_or(true);
  depot.secrets = ReadSecretRefs(reader);
  std::string block_name;
  for (const auto& [key, place, value] : reader.node().entries) {
    if (block_name.empty() && (key == "spec" || (!depot.type.empty() && CanonicalDepotType(key) == depot.type)))
      block_name = key;
  }
  if (!block_name.empty()) {
    MapReader block = reader.Child(block_name);
    ReadBlock(block, depot);
    if (!depot.type.empty()) CheckFields(block, depot);
  } else if (!depot.type.empty()) {
    reader.Missing(type, "write " + type + ": with the system's fields below it");
  }
  if (!depot.type.empty()) reader.Know(depot.type);
  reader.Finish();
  document.Finish();
  for (const DepotResource& other : resources.depots) {
    if (other.name == depot.name && !depot.name.empty()) {
      findings.Add(document.PlaceOf("name"), "name",
                   "two depots are called " + Shown(depot.name) + ", the other in " + other.place.ToString(),
                   "rename one of them");
      return;
    }
  }
  resources.depots.push_back(std::move(depot));
}

void ReadSecret(MapReader& document, Findings& findings, ResourceSet& resources) {
  DocumentHead head = ReadHead(document, {"v1"});
  SecretResource secret;
  secret.name = head.name;
  secret.workspace = head.workspace;
  secret.place = document.place();
  // The block is called as the type is; both words are understood for both.
  std::string_view block_name = document.Has("instance-secret")  ? "instance-secret"
                                : document.Has("instanceSecret") ? "instanceSecret"
                                                                 : "secret";
  if (document.Take(block_name) == nullptr) {
    document.Missing(head.type.empty() ? "secret" : head.type, "write it with type and data below it");
    return document.Finish();
  }
  MapReader reader = document.Child(block_name);
  if (reader.Choice("type", {"key-value", "key-value-properties", "cloud-kernel", "certificate"}))
    secret.type = reader.TextOr("type");
  if (reader.Choice("acl", {"r", "rw"})) secret.acl = reader.TextOr("acl");
  reader.Text("description");
  secret.data = reader.TextMap("data");
  for (const auto& [key, value] : secret.data) {
    RegisterSecretField(key, value);
  }
  secret.files = reader.TextMap("files");
  if (secret.data.empty() && secret.files.empty()) reader.Missing("data", "write data: {key: value}");
  reader.Finish();
  document.Finish();
  for (const SecretResource& other : resources.secrets) {
    if (other.name == secret.name && other.workspace == secret.workspace && !secret.name.empty()) {
      findings.Add(document.PlaceOf("name"), "name",
                   "two secrets are called " + Shown(secret.name) + ", the other in " + other.place.ToString(),
                   "rename one of them");
      return;
    }
  }
  resources.secrets.push_back(std::move(secret));
}

void ReadVolume(MapReader& document, Findings&, ResourceSet& resources) {
  DocumentHead head = ReadHead(document, {"v1beta", "v1", "v1alpha"});
  VolumeResource volume{head.name, head.workspace, document.place()};
  if (document.Take("volume") != nullptr) {
    MapReader reader = document.Child("volume");
    reader.Text("size");
    reader.Text("type");
    reader.Text("accessMode");
    reader.Text("directory");
    reader.Text("description");
    reader.Finish();
  }
  document.Finish();
  resources.volumes.push_back(std::move(volume));
}

const DepotResource* ResourceSet::FindDepot(std::string_view name) const {
  for (const DepotResource& depot : depots) {
    if (depot.name == name) return &depot;
  }
  return nullptr;
}

const SecretResource* ResourceSet::FindSecret(std::string_view id) const {
  size_t colon = id.find(':');
  for (const SecretResource& secret : secrets) {
    if (colon == std::string_view::npos
            ? secret.name == id
            : secret.workspace == id.substr(0, colon) && secret.name == id.substr(colon + 1)) {
      return &secret;
    }
  }
  return nullptr;
}

std::string DepotResource::Field(std::string_view field) const {
  for (const auto& [key, value] : fields) {
    if (key == field) return value;
  }
  return {};
}

}  // namespace nilus
