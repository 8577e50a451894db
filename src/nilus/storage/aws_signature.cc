#include "nilus/storage/aws_signature.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

#include "nilus/base/encoding.h"
#include "nilus/base/text.h"
#include "nilus/storage/crypto.h"

namespace nilus::storage {
namespace {

struct UrlParts {
  std::string_view path;   // from the '/' on
  std::string_view query;  // without the '?'
};

UrlParts Split(std::string_view url) {
  UrlParts parts;
  const size_t colons = url.find("://");
  std::string_view rest = colons == std::string_view::npos ? url : url.substr(colons + 3);
  const size_t start = rest.find_first_of("/?");
  rest = start == std::string_view::npos ? std::string_view() : rest.substr(start);
  const size_t query = rest.find('?');
  parts.path = rest.substr(0, query);
  if (parts.path.empty()) parts.path = "/";
  if (query != std::string_view::npos) parts.query = rest.substr(query + 1);
  return parts;
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::string> pairs;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    std::string pair(query.substr(0, end));
    if (pair.find('=') == std::string::npos) pair += '=';
    if (pair != "=") pairs.push_back(std::move(pair));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  // By name, then by value: '=' would sort between characters of longer names.
  std::sort(pairs.begin(), pairs.end(), [](const std::string& a, const std::string& b) {
    const size_t a_end = a.find('=');
    const size_t b_end = b.find('=');
    const int order = a.compare(0, a_end, b, 0, b_end);
    return order != 0 ? order < 0 : a.compare(a_end, std::string::npos, b, b_end) < 0;
  });
  std::string text;
  for (const std::string& pair : pairs) text += (text.empty() ? "" : "&") + pair;
  return text;
}

std::string TimeStamp(WallTime now) {  // 20130524T000000Z
  std::string text = FormatWallTime(now).substr(0, 19);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

}  // namespace

std::string AwsCanonicalRequest(const http::Request& request, std::string_view body_sha256,
                                std::string& signed_headers) {
  std::map<std::string, std::string> headers;
  headers["host"] = http::HostOf(request.url).value_or("");
  for (const auto& [name, value] : request.headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    headers[lower] = TrimSpaces(value);
  }
  const UrlParts url = Split(request.url);
  std::string text = fmt::format("{}\n{}\n{}\n", request.method, url.path, CanonicalQuery(url.query));
  signed_headers.clear();
  for (const auto& [name, value] : headers) {
    text += fmt::format("{}:{}\n", name, value);
    signed_headers += (signed_headers.empty() ? "" : ";") + name;
  }
  return text + fmt::format("\n{}\n{}", signed_headers, body_sha256);
}

void SignAws(http::Request& request, const AwsCredentials& credentials, const AwsScope& scope, WallTime now) {
  const std::string_view headers = scope.is_google ? "x-goog" : "x-amz";
  const std::string_view name = scope.is_google ? "GOOG4" : "AWS4";
  const std::string_view last = scope.is_google ? "goog4_request" : "aws4_request";
  const std::string body_sha256 = Sha256Hex(request.body);
  const std::string time = TimeStamp(now);
  request.headers.emplace_back(fmt::format("{}-date", headers), time);
  request.headers.emplace_back(fmt::format("{}-content-sha256", headers), body_sha256);
  if (!credentials.session_token.empty())
    request.headers.emplace_back(fmt::format("{}-security-token", headers), credentials.session_token);
  std::string signed_headers;
  const std::string canonical = AwsCanonicalRequest(request, body_sha256, signed_headers);
  const std::string scope_text = fmt::format("{}/{}/{}/{}", time.substr(0, 8), scope.region, scope.service, last);
  const std::string to_sign = fmt::format("{}-HMAC-SHA256\n{}\n{}\n{}", name, time, scope_text, Sha256Hex(canonical));
  std::string key = HmacSha256(fmt::format("{}{}", name, credentials.secret_access_key), time.substr(0, 8));
  for (std::string_view part : {std::string_view(scope.region), std::string_view(scope.service), last})
    key = HmacSha256(key, part);
  request.headers.emplace_back(
      "Authorization",
      fmt::format("{}-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}", name, credentials.access_key_id,
                  scope_text, signed_headers, HexEncode(HmacSha256(key, to_sign))));
}

}  // namespace nilus::storage
