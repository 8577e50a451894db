#include "nilus/lake/catalog_rest.h"

#include <algorithm>
#include <mutex>

#include "nilus/base/encoding.h"
#include "nilus/base/fault.h"
#include "nilus/base/redact.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/storage/open_store.h"

namespace nilus::lake {
namespace {

constexpr std::string_view kTransactions = "POST /v1/{prefix}/transactions/commit";

class RestCatalog final : public Catalog {
 public:
  explicit RestCatalog(RestCatalogOptions options) : options_(std::move(options)), client_(options_.server) {}

  Status Configure(const std::stop_token& stop) { return client_.Configure(stop); }
  Result<std::optional<TablePtr>> Load(const TableIdentifier& table, std::stop_token stop) override;
  Result<TablePtr> Commit(const TableCommit& commit, std::stop_token stop) override;
  bool has_multi_table_commit() const override { return client_.HasEndpoint(kTransactions, true); }
  Status CommitAll(std::span<const TableCommit> commits, std::stop_token stop) override;
  Result<std::vector<TableIdentifier>> List(const std::string& schema, std::stop_token stop) override;
  Result<std::vector<std::string>> ListSchemas(std::stop_token stop) override;
  Status Drop(const TableIdentifier& table, bool purge, std::stop_token stop) override;
  Result<std::string> NewTableLocation(const TableIdentifier& table, std::stop_token stop) override;
  Result<StorePtr> StoreForLocation(const std::string& location, std::stop_token /*stop*/) override {
    return OpenStoreOf(location, {});
  }
  std::string description() const override { return "REST catalog at " + client_.host(); }

 private:
  Result<StorePtr> OpenStoreOf(const std::string& location, const std::map<std::string, std::string>& configuration);
  Result<TablePtr> TableFrom(const TableIdentifier& identifier, const JsonView& answer, const TablePtr& base);
  Status MakeNamespace(const std::string& schema, const std::stop_token& stop);
  // The names of a listing, page by page.
  Status ForEachListed(const std::string& path, const char* key, const std::function<Status(const JsonView&)>& each,
                       const std::stop_token& stop);
  Failure CommitProblem(const http::Response& response, const std::string& doing) const;

  RestCatalogOptions options_;
  RestClient client_;
  std::mutex mutex_;
  std::map<std::pair<std::string, storage::StoreParams>, StorePtr> stores_;  // by root and parameters
};

Result<StorePtr> RestCatalog::OpenStoreOf(const std::string& location,
                                          const std::map<std::string, std::string>& configuration) {
  storage::StoreParams params = StoreParamsOf(client_.configuration());
  for (const auto& [name, value] : options_.store_params) params[name] = value;
  for (const auto& [name, value] : StoreParamsOf(configuration)) params[name] = value;
  const std::string root = StoreRootOf(location);
  const std::lock_guard lock(mutex_);
  StorePtr& store = stores_[{root, params}];
  if (store == nullptr) {
    NILUS_ASSIGN(store, storage::OpenStore(root, params));
  }
  return store;
}

Result<TablePtr> RestCatalog::TableFrom(const TableIdentifier& identifier, const JsonView& answer,
                                        const TablePtr& base) {
  auto table = std::make_shared<Table>();
  table->identifier = identifier;
  NILUS_ASSIGN(table->metadata_location, answer.StringOr("metadata-location", ""));
  NILUS_ASSIGN(const JsonView metadata, answer.Get("metadata"));
  NILUS_ASSIGN(table->metadata, MetadataFromJson(DumpJson(metadata.value())));
  std::map<std::string, std::string> configuration;
  NILUS_ASSIGN(const auto config, answer.Texts("config"));
  configuration.insert(config.begin(), config.end());
  // Credentials of the longest prefix that covers the location win over the configuration's.
  if (answer.Has("storage-credentials")) {
    NILUS_ASSIGN(const std::vector<JsonView> credentials, answer.Items("storage-credentials", 1000));
    size_t longest = 0;
    for (const JsonView& credential : credentials) {
      NILUS_ASSIGN(const std::string prefix, credential.StringOr("prefix", ""));
      if (!table->metadata.location.starts_with(prefix) || prefix.size() < longest) continue;
      longest = prefix.size();
      NILUS_ASSIGN(const auto values, credential.Texts("config"));
      for (const auto& [name, value] : values) configuration[name] = value;
    }
  }
  if (configuration.empty() && base != nullptr && base->metadata.location == table->metadata.location) {
    table->store = base->store;  // a commit's answer does not repeat it
  } else {
    NILUS_ASSIGN(table->store, OpenStoreOf(table->metadata.location, configuration));
  }
  table->catalog = shared_from_this();
  return TablePtr(std::move(table));
}

Result<std::optional<TablePtr>> RestCatalog::Load(const TableIdentifier& identifier, std::stop_token stop) {
  const std::string path = client_.TablePath(identifier.schema, identifier.name);
  NILUS_ASSIGN(const http::Response response, client_.Get(path, stop));
  if (response.status == 404) return std::optional<TablePtr>();
  if (response.status != 200) return Failure(client_.Problem(response, "loading table " + identifier.ToString()));
  NILUS_ASSIGN(const Json json, ParseJson(response.body, "the catalog's answer"));
  NILUS_ASSIGN(TablePtr table, TableFrom(identifier, JsonView(json, "the catalog's answer"), nullptr));
  return std::optional(std::move(table));
}

template <typename List, typename ToText>
std::string JsonList(const List& list, ToText to_text) {
  std::string text = "[";
  for (const auto& item : list) {
    if (text.size() > 1) text += ',';
    text += to_text(item);
  }
  return text + "]";
}

std::string CommitBody(const TableCommit& commit) {
  const Json identifier{{"namespace", RestClient::Levels(commit.identifier.schema)}, {"name", commit.identifier.name}};
  return fmt::format(R"({{"identifier":{},"requirements":{},"updates":{}}})", DumpJson(identifier),
                     JsonList(commit.requirements, RequirementToJson), JsonList(commit.updates, UpdateToJson));
}

// 5xx answers and lost ones leave open what was done; 409 and 404 say that the table is not as it was.
Failure RestCatalog::CommitProblem(const http::Response& response, const std::string& doing) const {
  Error problem = client_.Problem(response, doing);
  if (response.status >= 500 && response.status != 501) problem.kind = ErrorKind::kUnknownOutcome;
  if (response.status == 404) problem.kind = ErrorKind::kConflict;
  return Failure(std::move(problem));
}

Status RestCatalog::MakeNamespace(const std::string& schema, const std::stop_token& stop) {
  NILUS_ASSIGN(const http::Response there, client_.Get(client_.NamespacePath(schema), stop));
  if (there.status == 200 || there.status == 204) return {};
  const Json body{{"namespace", RestClient::Levels(schema)}, {"properties", Json::object()}};
  NILUS_ASSIGN(const http::Response made,
               client_.Repeat("POST", client_.Prefixed("/namespaces"), DumpJson(body), stop));
  if (made.status / 100 == 2 || made.status == 409) return {};  // 409: it is there
  return Failure(client_.Problem(made, "creating namespace " + schema));
}

Result<TablePtr> RestCatalog::Commit(const TableCommit& commit, std::stop_token stop) {
  if (commit.base == nullptr) NILUS_TRY(MakeNamespace(commit.identifier.schema, stop));
  NILUS_FAULT_POINT("lake.rest.commit");
  const std::string path = client_.TablePath(commit.identifier.schema, commit.identifier.name);
  NILUS_ASSIGN(const http::Response response, client_.Change("POST", path, CommitBody(commit), stop));
  const std::string doing = "committing to table " + commit.identifier.ToString();
  if (response.status != 200) return CommitProblem(response, doing);
  NILUS_FAULT_ACK("lake.rest.commit");
  const Result<Json> json = ParseJson(response.body, "the catalog's answer");
  Result<TablePtr> table = json ? TableFrom(commit.identifier, JsonView(*json, "the catalog's answer"), commit.base)
                                : Result<TablePtr>(Failure(json.error()));
  // It was carried out, and only its answer is no use.
  if (!table) return Fail(ErrorKind::kUnknownOutcome, "{}: {}", doing, table.error().message);
  return table;
}

Status RestCatalog::CommitAll(std::span<const TableCommit> commits, std::stop_token stop) {
  for (const TableCommit& commit : commits) {
    if (commit.base == nullptr) NILUS_TRY(MakeNamespace(commit.identifier.schema, stop));
  }
  NILUS_FAULT_POINT("lake.rest.commit-all");
  const std::string body = fmt::format(R"({{"table-changes":{}}})", JsonList(commits, CommitBody));
  NILUS_ASSIGN(const http::Response response,
               client_.Change("POST", client_.Prefixed("/transactions/commit"), body, stop));
  const std::string doing = "committing to several tables";
  if (response.status / 100 != 2) {
    // Servers that name no endpoints are taken to have this one, and not all do: a 404 of theirs is of no table.
    Error problem = client_.Problem(response, doing);
    const bool is_of_table = response.body.find("NoSuch") != std::string::npos;
    if (response.status == 404 && !is_of_table) problem.kind = ErrorKind::kUnsupported;
    if (problem.kind == ErrorKind::kUnsupported) return Failure(std::move(problem));
    return CommitProblem(response, doing);
  }
  NILUS_FAULT_ACK("lake.rest.commit-all");
  return {};
}

Status RestCatalog::ForEachListed(const std::string& path, const char* key,
                                  const std::function<Status(const JsonView&)>& each, const std::stop_token& stop) {
  constexpr int kMostPages = 100'000;
  std::string page;
  for (int pages = 0; pages < kMostPages; ++pages) {
    const std::string query = page.empty() ? "" : "?pageToken=" + PercentEncode(page);
    NILUS_ASSIGN(const http::Response response, client_.Get(path + query, stop));
    if (response.status == 404) return {};
    if (response.status != 200) return Failure(client_.Problem(response, "listing the catalog"));
    NILUS_ASSIGN(const Json json, ParseJson(response.body, "the catalog's answer"));
    const JsonView view(json, "the catalog's answer");
    if (view.Has(key)) {
      NILUS_ASSIGN(const std::vector<JsonView> items, view.Items(key));
      for (const JsonView& item : items) NILUS_TRY(each(item));
    }
    NILUS_ASSIGN(page, view.StringOr("next-page-token", ""));
    if (page.empty()) return {};
  }
  return Fail(ErrorKind::kData, "{} lists without end", client_.host());
}

Result<std::vector<TableIdentifier>> RestCatalog::List(const std::string& schema, std::stop_token stop) {
  std::vector<TableIdentifier> tables;
  const auto each = [&](const JsonView& item) -> Status {
    NILUS_ASSIGN(std::string name, item.String("name"));
    tables.push_back(TableIdentifier{schema, std::move(name)});
    return {};
  };
  NILUS_TRY(ForEachListed(client_.NamespacePath(schema) + "/tables", "identifiers", each, stop));
  return tables;
}

Result<std::vector<std::string>> RestCatalog::ListSchemas(std::stop_token stop) {
  std::vector<std::string> schemas;
  const auto each = [&](const JsonView& item) -> Status {
    NILUS_ASSIGN(const std::vector<JsonView> levels, item.Items(1000));
    std::string schema;
    for (const JsonView& level : levels) {
      NILUS_ASSIGN(const std::string part, level.AsString());
      schema += (schema.empty() ? "" : ".") + part;
    }
    schemas.push_back(std::move(schema));
    return {};
  };
  NILUS_TRY(ForEachListed(client_.Prefixed("/namespaces"), "namespaces", each, stop));
  return schemas;
}

Status RestCatalog::Drop(const TableIdentifier& table, bool purge, std::stop_token stop) {
  const std::string path =
      client_.TablePath(table.schema, table.name) + (purge ? "?purgeRequested=true" : "?purgeRequested=false");
  NILUS_ASSIGN(const http::Response response, client_.Change("DELETE", path, "", stop));
  if (response.status / 100 == 2) return {};
  return Failure(client_.Problem(response, "dropping table " + table.ToString()));
}

Result<std::string> RestCatalog::NewTableLocation(const TableIdentifier& table, std::stop_token stop) {
  // The server says where: for its own tables it may have rules of its own.
  NILUS_TRY(MakeNamespace(table.schema, stop));
  const Json column{{"id", 1}, {"name", "x"}, {"required", false}, {"type", "string"}};
  const Json body{{"name", table.name},
                  {"stage-create", true},
                  {"schema", {{"type", "struct"}, {"schema-id", 0}, {"fields", Json::array({column})}}}};
  NILUS_ASSIGN(const http::Response response,  // which makes nothing
               client_.Repeat("POST", client_.NamespacePath(table.schema) + "/tables", DumpJson(body), stop));
  if (response.status != 200) {
    return Failure(client_.Problem(response, "asking where table " + table.ToString() + " is to lie"));
  }
  NILUS_ASSIGN(const Json json, ParseJson(response.body, "the catalog's answer"));
  NILUS_ASSIGN(const JsonView metadata, JsonView(json, "the catalog's answer").Get("metadata"));
  return metadata.String("location");
}

}  // namespace

std::map<std::string, std::string, std::less<>> StoreParamsOf(const std::map<std::string, std::string>& configuration) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"s3.access-key-id", "access_key_id"},
      {"s3.secret-access-key", "secret_access_key"},
      {"s3.session-token", "session_token"},
      {"s3.endpoint", "endpoint"},
      {"s3.path-style-access", "path_style"},
      {"client.region", "region"},
      {"s3.region", "region"},
      {"gcs.oauth2.token", "token"},
      {"gcs.service.host", "endpoint"},
  };
  std::map<std::string, std::string, std::less<>> params;
  for (const auto& [name, value] : configuration) {
    for (const auto& [theirs, ours] : kNames) {
      if (name == theirs) params[std::string(ours)] = value;
    }
    if (name.starts_with("adls.sas-token")) params["sas_token"] = value;
  }
  for (const char* secret : {"secret_access_key", "session_token", "token", "sas_token"}) {
    if (const auto found = params.find(secret); found != params.end()) RegisterSecret(found->second);
  }
  return params;
}

std::string StoreRootOf(const std::string& location) {
  const size_t scheme = location.find("://");
  if (scheme == std::string::npos || location.starts_with("file:")) return location;
  return location.substr(0, location.find('/', scheme + 3));
}

Result<CatalogPtr> OpenRestCatalog(RestCatalogOptions options, std::stop_token stop) {
  auto catalog = std::make_shared<RestCatalog>(std::move(options));
  NILUS_TRY(catalog->Configure(stop));
  return CatalogPtr(std::move(catalog));
}

}  // namespace nilus::lake
