#include "nilus/lake/rest_double_testing.h"

#include "nilus/base/clock.h"
#include "nilus/base/encoding.h"
#include "nilus/lake/json.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/lake/table_update.h"

namespace nilus::lake {
namespace {

http::Response Answer(int status, const std::string& body = "") {
  return http::Response{status, {{"content-type", "application/json"}}, body};
}

http::Response Refused(int status, const std::string& type, const std::string& message) {
  return Answer(status, DumpJson({{"error", {{"message", message}, {"type", type}, {"code", status}}}}));
}

std::string TableKey(const std::string& schema, const std::string& name) { return schema + "\x1F" + name; }

bool Meets(const Json& wanted, const TableMetadata* metadata) {
  const std::string type = wanted.at("type");
  if (type == "assert-create") return metadata == nullptr;
  if (metadata == nullptr) return false;
  if (type == "assert-table-uuid") return metadata->uuid == wanted.at("uuid");
  if (type == "assert-ref-snapshot-id") {
    const auto ref = metadata->refs.find(wanted.at("ref").get<std::string>());
    if (wanted.at("snapshot-id").is_null()) return ref == metadata->refs.end();
    return ref != metadata->refs.end() && ref->second.snapshot_id == wanted.at("snapshot-id").get<int64_t>();
  }
  if (type == "assert-last-assigned-field-id") return metadata->last_column_id == wanted.at("last-assigned-field-id");
  if (type == "assert-current-schema-id") return metadata->current_schema_id == wanted.at("current-schema-id");
  if (type == "assert-default-spec-id") return metadata->default_spec_id == wanted.at("default-spec-id");
  if (type == "assert-default-sort-order-id") {
    return metadata->default_sort_order_id == wanted.at("default-sort-order-id");
  }
  if (type == "assert-last-assigned-partition-id") {
    return metadata->last_partition_id == wanted.at("last-assigned-partition-id");
  }
  return false;
}

Result<TableUpdate> UpdateFrom(const Json& json) {
  const std::string action = json.at("action");
  if (action == "assign-uuid") return TableUpdate(AssignUuid{json.at("uuid")});
  if (action == "upgrade-format-version") return TableUpdate(UpgradeFormatVersion{json.at("format-version")});
  if (action == "add-schema") {
    NILUS_ASSIGN(IcebergSchema schema, SchemaFromJson(json.at("schema").dump()));
    return TableUpdate(AddSchema{std::make_shared<IcebergSchema>(std::move(schema)), 0});
  }
  if (action == "set-current-schema") return TableUpdate(SetCurrentSchema{json.at("schema-id")});
  if (action == "add-spec") {
    NILUS_ASSIGN(PartitionSpec spec, SpecFromJson(json.at("spec").dump()));
    return TableUpdate(AddSpec{std::make_shared<PartitionSpec>(std::move(spec))});
  }
  if (action == "set-default-spec") return TableUpdate(SetDefaultSpec{json.at("spec-id")});
  if (action == "add-sort-order") {
    NILUS_ASSIGN(SortOrder order, SortOrderFromJson(json.at("sort-order").dump()));
    return TableUpdate(AddSortOrder{std::move(order)});
  }
  if (action == "set-default-sort-order") return TableUpdate(SetDefaultSortOrder{json.at("sort-order-id")});
  if (action == "add-snapshot") {
    NILUS_ASSIGN(SnapshotPtr snapshot, SnapshotFromJson(json.at("snapshot").dump()));
    return TableUpdate(AddSnapshot{std::move(snapshot)});
  }
  if (action == "set-snapshot-ref") {
    return TableUpdate(
        SetSnapshotRef{json.at("ref-name"), SnapshotRef{json.at("snapshot-id"), json.at("type") == "tag"}});
  }
  if (action == "remove-snapshot-ref") return TableUpdate(RemoveSnapshotRef{json.at("ref-name")});
  if (action == "remove-snapshots") return TableUpdate(RemoveSnapshots{json.at("snapshot-ids")});
  if (action == "set-location") return TableUpdate(SetLocation{json.at("location")});
  if (action == "set-properties") return TableUpdate(SetProperties{json.at("updates").get<Properties>()});
  if (action == "remove-properties") return TableUpdate(RemoveProperties{json.at("removals")});
  return Fail(ErrorKind::kUnsupported, "no such update: {}", action);
}

int64_t NowMs() { return std::chrono::floor<std::chrono::milliseconds>(Now()).time_since_epoch().count(); }

}  // namespace

void RestDouble::ForgetTokens() {
  const std::lock_guard lock(mutex_);
  tokens_.clear();
}

http::Response RestDouble::Handle(const http::ServedRequest& request) {
  const std::lock_guard lock(mutex_);
  const size_t question = request.target.find('?');
  const std::string path = request.target.substr(0, question);
  const std::string query = question == std::string::npos ? "" : request.target.substr(question + 1);
  if (path == "/base/v1/oauth/tokens") return Token(request.body);
  if (!wanted_credential.empty()) {
    const std::string_view authorization = request.Header("authorization");
    if (!authorization.starts_with("Bearer ") || !tokens_.contains(std::string(authorization.substr(7)))) {
      return Refused(401, "NotAuthorizedException", "who are you?");
    }
  }
  return Route(request, path, query);
}

http::Response RestDouble::Token(const std::string& form) {
  const size_t colon = wanted_credential.find(':');
  const std::string wanted =
      "client_id=" + wanted_credential.substr(0, colon) + "&client_secret=" + wanted_credential.substr(colon + 1);
  if (form.find("grant_type=client_credentials") == std::string::npos || !form.ends_with(wanted)) {
    return Answer(401, R"({"error":"invalid_client"})");
  }
  const std::string token = "token-" + std::to_string(++tokens_given);
  tokens_.insert(token);
  return Answer(200, DumpJson({{"access_token", token}, {"token_type", "bearer"}, {"expires_in", token_lifetime_s}}));
}

http::Response RestDouble::Route(const http::ServedRequest& request, const std::string& path,
                                 const std::string& query) {
  if (path == "/base/v1/config") {
    if (query == "warehouse=none") return Refused(404, "NoSuchWarehouseException", "no warehouse none");
    Json endpoints = Json::array({"GET /v1/{prefix}/namespaces", "POST /v1/{prefix}/namespaces/{namespace}/tables"});
    if (with_transactions) endpoints.push_back("POST /v1/{prefix}/transactions/commit");
    Json answer{{"defaults", {{"clients", "4"}}}, {"overrides", {{"prefix", prefix}}}};
    if (lists_endpoints) answer["endpoints"] = std::move(endpoints);
    return Answer(200, DumpJson(answer));
  }
  const std::string root = "/base/v1/" + PercentEncode(prefix);
  if (!path.starts_with(root + "/")) return Refused(404, "NotFoundException", "no such path " + path);
  const std::string rest = path.substr(root.size());
  if (rest == "/transactions/commit" && with_transactions) return CommitSeveral(request.body);
  if (rest == "/namespaces" && request.method == "POST") {
    std::string schema;
    const Json wanted = Json::parse(request.body);
    for (const Json& level : wanted.at("namespace")) {
      schema += (schema.empty() ? "" : "\x1F") + level.get<std::string>();
    }
    if (!schemas_.insert(schema).second) return Refused(409, "AlreadyExistsException", "it exists");
    return Answer(200, "{}");
  }
  if (rest == "/namespaces") {
    Json list = Json::array();
    for (const std::string& schema : schemas_) list.push_back(Json::array({schema}));
    return Answer(200, DumpJson({{"namespaces", std::move(list)}}));
  }
  if (!rest.starts_with("/namespaces/")) return Refused(404, "NotFoundException", "no such path " + path);
  const std::string below = rest.substr(std::string("/namespaces/").size());
  const size_t slash = below.find('/');
  const std::string schema = PercentDecode(below.substr(0, slash));
  if (slash == std::string::npos) {
    return schemas_.contains(schema) ? Answer(200, "{}") : Refused(404, "NoSuchNamespaceException", "no " + schema);
  }
  if (below.substr(slash) == "/tables") return Tables(request, schema);
  if (below.substr(slash).starts_with("/tables/")) {
    return OneTable(request, TableKey(schema, PercentDecode(below.substr(slash + 8))));
  }
  return Refused(404, "NotFoundException", "no such path " + path);
}

http::Response RestDouble::Tables(const http::ServedRequest& request, const std::string& schema) {
  if (!schemas_.contains(schema)) return Refused(404, "NoSuchNamespaceException", "no " + schema);
  if (request.method == "GET") {
    Json list = Json::array();
    for (const auto& [key, metadata] : tables_) {
      if (key.starts_with(schema + "\x1F")) {
        list.push_back({{"namespace", Json::array({schema})}, {"name", key.substr(schema.size() + 1)}});
      }
    }
    return Answer(200, DumpJson({{"identifiers", std::move(list)}, {"next-page-token", nullptr}}));
  }
  const std::string name = Json::parse(request.body).at("name");
  NewTable table;
  table.location = warehouse_ + "/" + schema + "/" + name + "-" + NewId();
  return Answer(200, DumpJson({{"metadata", Json::parse(MetadataToJson(*MakeTableMetadata(table)))},
                               {"config", Json::object()}}));
}

std::string RestDouble::TableAnswer(const std::string& key) const {
  return DumpJson({{"metadata-location", fmt::format("{}/{}.metadata.json", warehouse_, versions_.at(key))},
                   {"metadata", Json::parse(tables_.at(key))},
                   {"config", table_config}});
}

http::Response RestDouble::OneTable(const http::ServedRequest& request, const std::string& key) {
  if (request.method == "POST") {
    std::string metadata;
    http::Response response = Changed(key, request.body, &metadata);
    if (response.status != 200) return response;
    tables_[key] = metadata;
    ++versions_[key];
    ++commits_done;
    return Answer(200, TableAnswer(key));
  }
  if (!tables_.contains(key)) return Refused(404, "NoSuchTableException", "no such table");
  if (request.method == "DELETE") {
    tables_.erase(key);
    return Answer(204);
  }
  return Answer(200, TableAnswer(key));
}

http::Response RestDouble::Changed(const std::string& key, const std::string& change, std::string* metadata) const {
  const Json json = Json::parse(change);
  const auto known = tables_.find(key);
  TableMetadata current;
  if (known != tables_.end()) current = *MetadataFromJson(known->second);
  for (const Json& wanted : json.at("requirements")) {
    if (!Meets(wanted, known == tables_.end() ? nullptr : &current)) {
      return Refused(409, "CommitFailedException", "Requirement failed: " + wanted.at("type").get<std::string>());
    }
  }
  for (const Json& update : json.at("updates")) {
    const Result<TableUpdate> parsed = UpdateFrom(update);
    if (!parsed) return Refused(400, "BadRequestException", parsed.error().message);
    const Status applied = ApplyUpdate(*parsed, NowMs(), &current);
    if (!applied) return Refused(400, "BadRequestException", applied.error().message);
  }
  current.last_updated_ms = NowMs();
  *metadata = MetadataToJson(current);
  return Answer(200);
}

http::Response RestDouble::CommitSeveral(const std::string& body) {
  std::map<std::string, std::string> changed;
  const Json wanted = Json::parse(body);
  for (const Json& change : wanted.at("table-changes")) {
    const Json& identifier = change.at("identifier");
    const std::string key = TableKey(identifier.at("namespace").at(0), identifier.at("name"));
    const http::Response response = Changed(key, change.dump(), &changed[key]);
    if (response.status != 200) return response;
  }
  for (const auto& [key, metadata] : changed) {
    tables_[key] = metadata;
    ++versions_[key];
    ++commits_done;
  }
  return Answer(204);
}

}  // namespace nilus::lake
