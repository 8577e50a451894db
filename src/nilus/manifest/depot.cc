#include "nilus/manifest/depot.h"

#include <array>

#include "nilus/base/encoding.h"
#include "nilus/base/redact.h"
#include "nilus/base/text.h"
#include "nilus/manifest/secret_fields.h"

namespace nilus {
namespace {

struct TypeName {
  std::string_view written;
  std::string_view canonical;
};
constexpr std::array<TypeName, 25> kTypeNames = {{{"postgres", "postgresql"},
                                                  {"postgresql", "postgresql"},
                                                  {"mysql", "mysql"},
                                                  {"mariadb", "mysql"},
                                                  {"mongodb", "mongodb"},
                                                  {"mssql", "mssql"},
                                                  {"sqlserver", "mssql"},
                                                  {"snowflake", "snowflake"},
                                                  {"bigquery", "bigquery"},
                                                  {"redshift", "redshift"},
                                                  {"databricks", "databricks"},
                                                  {"clickhouse", "clickhouse"},
                                                  {"kafka", "kafka"},
                                                  {"s3", "s3"},
                                                  {"abfss", "abfss"},
                                                  {"abfs", "abfss"},
                                                  {"wasbs", "wasbs"},
                                                  {"gcs", "gcs"},
                                                  {"gs", "gcs"},
                                                  {"lakehouse", "lakehouse"},
                                                  {"iceberg", "lakehouse"},
                                                  {"file", "file"},
                                                  {"jdbc", "jdbc"},
                                                  {"synapse", "synapse"},
                                                  {"db2", "db2"}}};

bool IsStore(std::string_view type) {
  return type == "s3" || type == "abfss" || type == "wasbs" || type == "gcs" || type == "lakehouse" || type == "file";
}

std::string JdbcScheme(std::string_view subprotocol) {
  std::string name = LowerCase(subprotocol);
  for (std::string_view prefix : {"jdbc:"}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  while (name.ends_with(':')) name.pop_back();
  std::string_view canonical = CanonicalDepotType(name);
  return canonical.empty() ? name : std::string(canonical);
}

// "/a/" + "b" → "a/b"
std::string JoinPath(std::initializer_list<std::string_view> parts) {
  std::string path;
  for (std::string_view part : parts) {
    while (part.starts_with('/')) part.remove_prefix(1);
    while (part.ends_with('/')) part.remove_suffix(1);
    if (part.empty()) continue;
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

// The folder or bucket that a store's depot stands for, as a URI.
std::string StoreLocation(const DepotResource& depot) {
  std::string relative = JoinPath({depot.Field("relativePath")});
  if (depot.type == "abfss" || depot.type == "wasbs" || !depot.Field("container").empty()) {
    std::string scheme = depot.type == "wasbs" ? "wasbs" : "abfss";
    std::string suffix = depot.Field("endpointSuffix");
    if (suffix.empty()) suffix = scheme == "wasbs" ? "blob.core.windows.net" : "dfs.core.windows.net";
    return scheme + "://" + depot.Field("container") + "@" + depot.Field("account") + "." + suffix + "/" + relative;
  }
  if (std::string bucket = depot.Field("bucket"); !bucket.empty()) {
    std::string scheme = depot.type == "gcs" ? "gs" : "s3";
    return scheme + "://" + bucket + (relative.empty() ? "" : "/" + relative);
  }
  std::string path = depot.Field("path").empty() ? depot.Field("relativePath") : depot.Field("path");
  return "file://" + path;
}

class AddressBuilder {
 public:
  AddressBuilder(const DepotResource& depot, const Address& dataos, const TextMap& credentials)
      : depot_(depot), dataos_(dataos), credentials_(credentials) {}

  Result<Address> Build() {
    address_.scheme = DepotScheme(depot_);
    NILUS_TRY(FillPlace());
    FillCredentials();
    for (const auto& [key, value] : depot_.params) address_.params[key] = value;
    for (const auto& [key, value] : dataos_.params) {
      if (key != "purpose" && key != "acl") address_.params[key] = value;
    }
    Register();
    return std::move(address_);
  }

 private:
  Status FillPlace() {
    if (IsStore(depot_.type)) return FillStore();
    if (depot_.type == "kafka") {
      address_.params["bootstrap_servers"] = Nodes();
    } else if (depot_.type == "bigquery") {
      address_.host = depot_.Field("project");
      CopyField("location", "location");
    } else if (depot_.type == "snowflake") {
      std::string account = depot_.Field("account");
      if (account.empty()) account = depot_.Field("url");
      if (size_t suffix = account.find(".snowflakecomputing.com"); suffix != std::string::npos) account.resize(suffix);
      if (size_t colons = account.find("://"); colons != std::string::npos) account.erase(0, colons + 3);
      address_.host = account;
      address_.path = JoinPath({depot_.Field("database"), depot_.Field("schema")});
      CopyField("warehouse", "warehouse");
      CopyField("role", "role");
    } else if (depot_.type == "databricks") {
      NILUS_TRY(FillHost());
      address_.path =
          JoinPath({depot_.Field("http_path").empty() ? depot_.Field("httpPath") : depot_.Field("http_path")});
      CopyField("catalogName", "catalog");
      CopyField("schema", "schema");
    } else {
      NILUS_TRY(FillHost());
      address_.path = depot_.Field("database");
    }
    // dataos://depot:collection/dataset may name the database where the depot does not.
    if (address_.path.empty() && !dataos_.path.empty()) address_.path = dataos_.path;
    return {};
  }

  Status FillHost() {
    if (!depot_.nodes.empty()) {
      if (depot_.nodes.size() > 1) {
        address_.host = Nodes();
        return {};
      }
      size_t colon = depot_.nodes[0].rfind(':');
      auto port =
          colon == std::string::npos ? std::nullopt : ParseInteger(std::string_view(depot_.nodes[0]).substr(colon + 1));
      address_.host = depot_.nodes[0].substr(0, port ? colon : std::string::npos);
      if (port && (*port < 1 || *port > 65535)) {
        return Fail(ErrorKind::kInvalidInput, "the depot {} has a node whose port is not from 1 to 65535", depot_.name);
      }
      address_.port = static_cast<int>(port.value_or(0));
      return {};
    }
    address_.host = depot_.Field("host");
    address_.port = static_cast<int>(ParseInteger(depot_.Field("port")).value_or(0));
    return {};
  }

  Status FillStore() {
    std::string location = StoreLocation(depot_);
    if (address_.scheme == "lakehouse" || address_.scheme == "delta") {
      address_.path = location;
      if (!dataos_.path.empty()) address_.params["collection"] = dataos_.path;
    } else {
      NILUS_ASSIGN(Address store,
                   ParseAddress(location, [](std::string_view) { return std::optional<std::string>(); }));
      address_ = std::move(store);
      if (!dataos_.path.empty())
        address_.path = (depot_.type == "file" ? "/" : "") + JoinPath({address_.path, dataos_.path});
    }
    if (depot_.catalog) {
      address_.params["catalog_type"] = depot_.catalog->type;
      if (!depot_.catalog->uri.empty()) address_.params["catalog_uri"] = depot_.catalog->uri;
      if (!depot_.catalog->warehouse.empty()) address_.params["warehouse"] = depot_.catalog->warehouse;
      if (!depot_.catalog->token.empty()) address_.params["catalog_token"] = depot_.catalog->token;
    }
    CopyField("region", "region");
    CopyField("endpoint", "endpoint");
    const bool holds_tables = address_.scheme == "lakehouse" || address_.scheme == "delta";
    if (!holds_tables && depot_.Field("format") == "parquet") address_.params["format"] = "parquet";
    return {};
  }

  void FillCredentials() {
    std::string user = FieldOf(credentials_, {"username", "user", "userid", "login"});
    std::string password = FieldOf(credentials_, {"password", "passwd", "pass", "pwd"});
    if (depot_.type == "kafka") {
      if (!user.empty()) address_.params["sasl_username"] = user;
      if (!password.empty()) address_.params["sasl_password"] = password;
    } else if (depot_.type == "databricks") {
      address_.user = FieldOf(credentials_, {"token", "accesstoken", "password"});
    } else if (!IsStore(depot_.type)) {
      address_.user = user;
      address_.password = password;
    }
    Credential("access_key_id", {"accesskeyid", "awsaccesskeyid", "accesskey", "hmackeyid", "hmacaccessid"});
    Credential("secret_access_key",
               {"secretaccesskey", "awssecretaccesskey", "secretkey", "awssecretkey", "hmacsecret"});
    Credential("session_token", {"sessiontoken", "awssessiontoken"});
    Credential("account_key", {"azurestorageaccountkey", "accountkey", "storageaccountkey", "azureaccountkey"});
    Credential("sas_token", {"sastoken", "azuresastoken"});
    if (depot_.type == "snowflake") {
      Credential("private_key", {"privatekey"});
      Credential("private_key_passphrase", {"privatekeypassphrase", "passphrase"});
    }
    if (depot_.type != "databricks") Credential("token", {"token", "accesstoken"});
    if (std::string json =
            FieldOf(credentials_, {"jsonkeyfile", "credentialsjson", "gcskeyjson", "keyfile", "credentials"});
        !json.empty()) {
      RegisterSecret(json);
      address_.params["credentials_base64"] = Base64Encode(json);
    }
    Credential("credentials_base64", {"credentialsbase64"});
    bool percent = false;
    for (std::string_view value : {std::string_view(address_.user), std::string_view(address_.password)})
      percent |= PercentDecode(value) != value;
    address_.had_percent_sequences = percent;
  }

  void Credential(std::string_view param, std::initializer_list<std::string_view> names) {
    if (std::string value = FieldOf(credentials_, names); !value.empty()) address_.params[std::string(param)] = value;
  }
  void CopyField(std::string_view field, std::string_view param) {
    if (std::string value = depot_.Field(field); !value.empty()) address_.params[std::string(param)] = value;
  }
  std::string Nodes() const {
    if (depot_.nodes.empty()) {
      std::string port = depot_.Field("port");
      return depot_.Field("host") + (port.empty() ? "" : ":" + port);
    }
    std::string list;
    for (const std::string& node : depot_.nodes) list += (list.empty() ? "" : ",") + node;
    return list;
  }
  void Register() {
    RegisterSecret(address_.password);
    if (depot_.type == "databricks") RegisterSecret(address_.user);
    for (const auto& [key, value] : address_.params) {
      if (IsSecretName(key)) RegisterSecret(value);
    }
  }

  const DepotResource& depot_;
  const Address& dataos_;
  const TextMap& credentials_;
  Address address_;
};

}  // namespace

std::string_view CanonicalDepotType(std::string_view type) {
  std::string lower = LowerCase(type);
  for (const TypeName& name : kTypeNames) {
    if (name.written == lower) return name.canonical;
  }
  return {};
}

std::vector<std::string_view> DepotTypes() {
  std::vector<std::string_view> names;
  for (const TypeName& name : kTypeNames) names.push_back(name.written);
  return names;
}

std::string DepotScheme(const DepotResource& depot) {
  if (depot.type == "jdbc") return JdbcScheme(depot.Field("subprotocol"));
  if (depot.type == "mongodb" && depot.Field("subprotocol").starts_with("mongodb+srv")) return "mongodb+srv";
  if (!IsStore(depot.type)) return depot.type;
  std::string format = depot.Field("format");
  if (format == "delta") return "delta";
  if (format == "iceberg" || depot.type == "lakehouse" || depot.catalog) return "lakehouse";
  return depot.type == "gcs" ? "gs" : depot.type;
}

bool DepotHoldsTables(const DepotResource& depot) {
  const std::string scheme = DepotScheme(depot);
  return !IsStore(depot.type) || scheme == "lakehouse" || scheme == "delta";
}

std::optional<std::string> TakeDataset(const DepotResource& depot, Address* dataos_address) {
  if (!DepotHoldsTables(depot)) return std::nullopt;
  std::string path = JoinPath({dataos_address->path});
  const size_t last = path.rfind('/');
  if (last == std::string::npos) return std::nullopt;
  const size_t before = path.rfind('/', last - 1);
  const size_t collection = before == std::string::npos ? 0 : before + 1;
  if (collection == last) return std::nullopt;  // "a//b"
  std::string table = path.substr(collection, last - collection) + "." + path.substr(last + 1);
  dataos_address->path = collection == 0 ? "" : path.substr(0, before);
  return table;
}

Result<Address> DepotAddress(const DepotResource& depot, const Address& dataos_address, const TextMap& credentials) {
  return AddressBuilder(depot, dataos_address, credentials).Build();
}

}  // namespace nilus
