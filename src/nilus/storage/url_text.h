// Object names in URLs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nilus::storage {

// Every byte but unreserved ones and '/' as %XX.
std::string EncodePath(std::string_view object);
// "?a=1&b=x%20y", sorted by name as given; "" when there is none. An empty value stands as "a=".
std::string EncodeQuery(const std::vector<std::pair<std::string_view, std::string>>& query);

// "scheme://authority/path" apart; the scheme in lower case. Empty scheme: it is no such URL.
struct StoreUrlParts {
  std::string scheme;
  std::string authority;
  std::string path;  // without the first '/', not decoded: metadata holds object names as they are
};
StoreUrlParts SplitStoreUrl(std::string_view url);

}  // namespace nilus::storage
