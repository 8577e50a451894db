// The HTTP side of an Iceberg REST catalog: paths, tokens, error answers. Source: the REST catalog OpenAPI of Apache
// Iceberg (open-api/rest-catalog-open-api.yaml).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/http/http_client.h"
#include "nilus/lake/json.h"

namespace nilus::lake {

struct RestOptions {
  std::string uri;                // https://host/base: "/v1/config" is asked below it
  std::string warehouse;          // name or URL, as the server knows it; empty: its default
  std::string token;              // a bearer token; or
  std::string credential;         // client_id:client_secret (OAuth 2 client credentials), or only a secret
  std::string oauth2_server_uri;  // empty: <uri>/v1/oauth/tokens
  std::string scope = "catalog";
  std::string ca_file;
};

// Thread-safe.
class RestClient {
 public:
  explicit RestClient(RestOptions options);

  // Asks for the server's configuration; before anything else.
  Status Configure(const std::stop_token& stop);
  const std::map<std::string, std::string>& configuration() const { return configuration_; }
  // The server says (or is taken to, as old ones do) that it has this endpoint: "POST
  // /v1/{prefix}/transactions/commit".
  bool HasEndpoint(std::string_view endpoint, bool otherwise) const;

  // "/v1/<prefix>/namespaces/<schema>/tables/<name>", percent-encoded.
  std::string NamespacePath(std::string_view schema) const;
  std::string TablePath(std::string_view schema, std::string_view table) const;
  std::string Prefixed(std::string_view path) const;
  // Levels of a namespace as the API lists them: parts between dots.
  static std::vector<std::string> Levels(std::string_view schema);

  // Reads: retried under a budget, also 429 and 5xx. Any other status is the answer.
  Result<http::Response> Get(const std::string& path, const std::stop_token& stop);
  // Changes: sent once (again only with a fresh token after a 401, or after a 429: neither was carried out).
  Result<http::Response> Change(const std::string& method, const std::string& path, const std::string& body,
                                const std::stop_token& stop);
  // Changes that may be made twice: retried as reads are.
  Result<http::Response> Repeat(const std::string& method, const std::string& path, const std::string& body,
                                const std::stop_token& stop);

  // An answer that is no success, as an error. `doing`: "loading shop.events".
  Error Problem(const http::Response& response, std::string_view doing) const;
  std::string host() const { return host_; }

 private:
  Result<http::Response> Send(const std::string& method, const std::string& url, std::string_view body,
                              std::string_view content_type, bool with_token, const std::stop_token& stop);
  Result<http::Response> SendWithToken(const std::string& method, const std::string& path, const std::string& body,
                                       const std::stop_token& stop);
  using MayRepeat = std::function<bool(const Result<http::Response>& response)>;
  Result<http::Response> SendAgain(const std::string& method, const std::string& path, const std::string& body,
                                   const MayRepeat& may_repeat, const std::stop_token& stop);
  Result<std::string> Token(bool fresh, const std::stop_token& stop);

  RestOptions options_;
  http::Client client_;
  std::string host_;
  std::map<std::string, std::string> configuration_;
  std::optional<std::set<std::string>> endpoints_;
  std::string prefix_;     // "/v1" or "/v1/<prefix>"
  std::string separator_;  // between levels of a namespace, percent-encoded
  std::mutex mutex_;       // of the token
  std::string token_;
  std::chrono::steady_clock::time_point token_end_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace nilus::lake
