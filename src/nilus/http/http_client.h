// HTTP requests over libcurl, each one attempt: retries are the caller's, who knows what may be sent twice.
//
// Certificates and names are verified. Every request has a time limit for connecting and one for standing still
// (no byte in either direction), and ends at once on a stop request. Redirects are not followed: a signature or a
// bearer token must not be sent to another host. Proxies are taken from the environment as curl does
// (https_proxy, no_proxy). Bodies are bounded: one that is larger than the request allows is kExhausted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string url;  // http:// or https://, percent-encoded, sent as it stands: "/a/../b" is not shortened
  Headers headers;
  std::string_view body;                       // lives as long as the call; sent for PUT and POST also when empty
  int64_t largest_response_bytes = 256 << 20;  // of the response's body
};

struct Response {
  int status = 0;
  Headers headers;  // names in lower case, in the order received
  std::string body;

  // The first header of that (lower-case) name, or "".
  std::string_view Header(std::string_view name) const;
};

struct ClientOptions {
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};  // without a byte in either direction
  std::string ca_file;                             // PEM; empty: the system's certificates
  bool use_proxy = true;                           // false: also when the environment names one (metadata services)
  size_t kept_connections = 8;
};

// Thread-safe; keeps connections open between requests.
class Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();

  // Any status is a Response. Errors:
  //   kTransient       nothing came, or not all of it, and sending again does no harm: nothing had been sent yet (the
  //                    name did not resolve, no connection), or the method is GET or HEAD
  //   kUnknownOutcome  the same after something of another method was sent: the server may have done it
  //   kAuth            the server's certificate does not verify
  //   kInvalidInput    the URL cannot be used
  //   kExhausted       the response is larger than the request allows
  //   kCancelled       a stop was requested (kUnknownOutcome when something that is not GET or HEAD had been sent)
  // Messages name the host, never the path, the query or a header.
  Result<Response> Send(const Request& request, const std::stop_token& stop) const;

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

// How long a 429 or 503 asks to wait (Retry-After in seconds), capped at a minute. Nothing when it does not say.
std::optional<std::chrono::milliseconds> RetryAfter(const Response& response);

// "host:port" of a URL as the Host header holds it: without a port that is the scheme's own.
Result<std::string> HostOf(std::string_view url);

}  // namespace nilus::http
