#include "nilus/lake/rest_client.h"

#include "nilus/base/encoding.h"
#include "nilus/base/redact.h"
#include "nilus/base/retry.h"

namespace nilus::lake {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr std::string_view kUnitSeparator = "%1F";
constexpr std::chrono::seconds kTokenMargin{60};
constexpr size_t kLongestMessage = 500;

http::ClientOptions HttpOptions(const RestOptions& options) {
  http::ClientOptions http;
  http.ca_file = options.ca_file;
  return http;
}

bool MayAskAgain(int status) { return status == 429 || status >= 500; }

}  // namespace

RestClient::RestClient(RestOptions options) : options_(std::move(options)), client_(HttpOptions(options_)) {
  while (options_.uri.ends_with('/')) options_.uri.pop_back();
  for (const std::string* secret : {&options_.token, &options_.credential}) RegisterSecret(*secret);
  const size_t colon = options_.credential.find(':');
  if (colon != std::string::npos) RegisterSecret(std::string_view(options_.credential).substr(colon + 1));
  token_ = options_.token;
  prefix_ = "/v1";
  separator_ = kUnitSeparator;
  host_ = http::HostOf(options_.uri).value_or("the REST catalog");
}

std::vector<std::string> RestClient::Levels(std::string_view schema) {
  std::vector<std::string> levels;
  for (;;) {
    const size_t dot = schema.find('.');
    levels.emplace_back(schema.substr(0, dot));
    if (dot == std::string_view::npos) return levels;
    schema.remove_prefix(dot + 1);
  }
}

std::string RestClient::Prefixed(std::string_view path) const { return prefix_ + std::string(path); }

std::string RestClient::NamespacePath(std::string_view schema) const {
  std::string levels;
  for (const std::string& level : Levels(schema)) {
    if (!levels.empty()) levels += separator_;
    levels += PercentEncode(level);
  }
  return Prefixed("/namespaces/" + levels);
}

std::string RestClient::TablePath(std::string_view schema, std::string_view table) const {
  return NamespacePath(schema) + "/tables/" + PercentEncode(table);
}

bool RestClient::HasEndpoint(std::string_view endpoint, bool otherwise) const {
  return endpoints_ ? endpoints_->contains(std::string(endpoint)) : otherwise;
}

Result<http::Response> RestClient::Send(const std::string& method, const std::string& url, std::string_view body,
                                        std::string_view content_type, bool with_token, const std::stop_token& stop) {
  http::Request request;
  request.method = method;
  request.url = url;
  request.body = body;
  request.headers = {{"Accept", std::string(kJsonType)}};
  if (!body.empty()) request.headers.emplace_back("Content-Type", content_type);
  if (with_token) {
    NILUS_ASSIGN(const std::string token, Token(false, stop));
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    request.headers.emplace_back("X-Iceberg-Access-Delegation", "vended-credentials");
  }
  return client_.Send(request, stop);
}

Result<std::string> RestClient::Token(bool fresh, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  const bool expired = std::chrono::steady_clock::now() + kTokenMargin >= token_end_;
  if (options_.credential.empty()) return token_;
  if (!fresh && !expired && !token_.empty()) return token_;
  const size_t colon = options_.credential.find(':');
  std::string form = "grant_type=client_credentials&scope=" + PercentEncode(options_.scope);
  if (colon != std::string::npos) form += "&client_id=" + PercentEncode(options_.credential.substr(0, colon));
  form += "&client_secret=" +
          PercentEncode(colon == std::string::npos ? options_.credential : options_.credential.substr(colon + 1));
  const std::string url =
      options_.oauth2_server_uri.empty() ? options_.uri + "/v1/oauth/tokens" : options_.oauth2_server_uri;
  NILUS_ASSIGN(const http::Response response, Send("POST", url, form, kFormType, false, stop));
  if (response.status != 200) {
    // Nothing was changed anywhere: asking again does no harm.
    const ErrorKind kind = MayAskAgain(response.status) ? ErrorKind::kTransient : ErrorKind::kAuth;
    return FailWithFix(kind, "check the credential and the scope", "{} gave no token: status {}", host_,
                       response.status);
  }
  NILUS_ASSIGN(const Json json, ParseJson(response.body, "the token's answer"));
  const JsonView view(json, "the token's answer");
  NILUS_ASSIGN(token_, view.String("access_token"));
  RegisterSecret(token_);
  NILUS_ASSIGN(const std::optional<int64_t> lifetime, view.MaybeInt64("expires_in"));
  token_end_ = lifetime && *lifetime > 0 && *lifetime < 100'000'000
                   ? std::chrono::steady_clock::now() + std::chrono::seconds(*lifetime)
                   : std::chrono::steady_clock::time_point::max();
  return token_;
}

Result<http::Response> RestClient::SendWithToken(const std::string& method, const std::string& path,
                                                 const std::string& body, const std::stop_token& stop) {
  Result<http::Response> response = Send(method, options_.uri + path, body, kJsonType, true, stop);
  const bool refused = response && (response->status == 401 || response->status == 419);
  if (!refused || options_.credential.empty()) return response;
  NILUS_TRY(Token(true, stop));
  return Send(method, options_.uri + path, body, kJsonType, true, stop);
}

Result<http::Response> RestClient::SendAgain(const std::string& method, const std::string& path,
                                             const std::string& body, const MayRepeat& may_repeat,
                                             const std::stop_token& stop) {
  Retry retry(RetryPolicy{});
  for (;;) {
    Result<http::Response> response = SendWithToken(method, path, body, stop);
    if (!may_repeat(response)) return response;
    std::optional<std::chrono::milliseconds> delay = retry.NextDelay();
    if (!delay) return response;
    if (response) delay = std::max(*delay, http::RetryAfter(*response).value_or(*delay));
    if (!SleepUnlessStopped(*delay, stop)) return Fail(ErrorKind::kCancelled, "the request was stopped");
  }
}

Result<http::Response> RestClient::Repeat(const std::string& method, const std::string& path, const std::string& body,
                                          const std::stop_token& stop) {
  const auto may_repeat = [](const Result<http::Response>& response) {
    return response
               ? MayAskAgain(response->status)
               : response.error().kind == ErrorKind::kTransient || response.error().kind == ErrorKind::kUnknownOutcome;
  };
  return SendAgain(method, path, body, may_repeat, stop);
}

Result<http::Response> RestClient::Get(const std::string& path, const std::stop_token& stop) {
  return Repeat("GET", path, "", stop);
}

Result<http::Response> RestClient::Change(const std::string& method, const std::string& path, const std::string& body,
                                          const std::stop_token& stop) {
  const auto may_repeat = [](const Result<http::Response>& response) { return response && response->status == 429; };
  return SendAgain(method, path, body, may_repeat, stop);
}

Error RestClient::Problem(const http::Response& response, std::string_view doing) const {
  std::string message;
  const Result<Json> json = ParseJson(response.body, "answer");
  if (json && json->is_object() && json->contains("error") && (*json)["error"].is_object()) {
    const Result<std::string> told = JsonView((*json)["error"], "error").StringOr("message", "");
    if (told) message = told->substr(0, kLongestMessage);
  }
  ErrorKind kind = ErrorKind::kInvalidInput;
  if (response.status == 401 || response.status == 403 || response.status == 419) kind = ErrorKind::kAuth;
  if (response.status == 404) kind = ErrorKind::kNotFound;
  if (response.status == 409) kind = ErrorKind::kConflict;
  if (response.status == 405 || response.status == 406 || response.status == 501) kind = ErrorKind::kUnsupported;
  if (response.status == 429 || response.status >= 500) kind = ErrorKind::kTransient;
  return Error{kind,
               Redact(fmt::format("{}: {} answered {}{}{}", doing, host_, response.status, message.empty() ? "" : ": ",
                                  message)),
               kind == ErrorKind::kAuth ? "check the catalog's token or credential and its rights" : ""};
}

Status RestClient::Configure(const std::stop_token& stop) {
  const std::string query = options_.warehouse.empty() ? "" : "?warehouse=" + PercentEncode(options_.warehouse);
  NILUS_ASSIGN(const http::Response response, Get("/v1/config" + query, stop));
  if (response.status != 200) return Failure(Problem(response, "asking for the catalog's configuration"));
  NILUS_ASSIGN(const Json json, ParseJson(response.body, "the catalog's configuration"));
  const JsonView view(json, "the catalog's configuration");
  NILUS_ASSIGN(const auto defaults, view.Texts("defaults"));
  NILUS_ASSIGN(const auto overrides, view.Texts("overrides"));
  for (const auto& [name, value] : defaults) configuration_[name] = value;
  if (!options_.warehouse.empty()) configuration_["warehouse"] = options_.warehouse;
  for (const auto& [name, value] : overrides) configuration_[name] = value;
  if (view.Has("endpoints")) {
    NILUS_ASSIGN(const std::vector<JsonView> items, view.Items("endpoints"));
    endpoints_.emplace();
    for (const JsonView& item : items) {
      NILUS_ASSIGN(std::string endpoint, item.AsString());
      endpoints_->insert(std::move(endpoint));
    }
  }
  if (const auto prefix = configuration_.find("prefix"); prefix != configuration_.end() && !prefix->second.empty()) {
    prefix_ = "/v1/" + PercentEncode(prefix->second);
  }
  if (const auto separator = configuration_.find("namespace-separator"); separator != configuration_.end()) {
    separator_ = separator->second;
  }
  return {};
}

}  // namespace nilus::lake
