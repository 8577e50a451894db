#include "nilus/storage/url_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "nilus/base/encoding.h"

namespace nilus::storage {

std::string EncodePath(std::string_view object) {
  std::string path;
  while (true) {
    const size_t slash = object.find('/');
    path += PercentEncode(object.substr(0, slash));
    if (slash == std::string_view::npos) return path;
    path += '/';
    object.remove_prefix(slash + 1);
  }
}

std::string EncodeQuery(const std::vector<std::pair<std::string_view, std::string>>& query) {
  std::string text;
  for (const auto& [name, value] : query)
    text += fmt::format("{}{}={}", text.empty() ? '?' : '&', PercentEncode(name), PercentEncode(value));
  return text;
}

StoreUrlParts SplitStoreUrl(std::string_view url) {
  StoreUrlParts parts;
  const size_t colons = url.find("://");
  if (colons == std::string_view::npos) return parts;
  parts.scheme = url.substr(0, colons);
  std::transform(parts.scheme.begin(), parts.scheme.end(), parts.scheme.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  const std::string_view rest = url.substr(colons + 3);
  const size_t slash = rest.find('/');
  parts.authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) parts.path = rest.substr(slash + 1);
  return parts;
}

}  // namespace nilus::storage
