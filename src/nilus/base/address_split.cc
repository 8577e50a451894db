#include "nilus/base/address_split.h"

#include <algorithm>
#include <cctype>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"

namespace nilus {
namespace {

bool LooksLikeHosts(std::string_view text) {  // every part "name", "name:" + digits or placeholder, or bracketed
  while (true) {
    size_t comma = text.find(',');
    auto parts = SplitHostPort(text.substr(0, comma));
    if (!parts) return false;
    if (parts->port && !parts->port->empty() && !IsDigits(*parts->port) && PlaceholderNames(*parts->port).empty())
      return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

size_t FindQuery(std::string_view text, bool may_be_glob) {
  size_t at = text.find('?');
  if (!may_be_glob) return at;
  for (; at != std::string_view::npos; at = text.find('?', at + 1)) {
    size_t end = at + 1;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_' ||
                                 text[end] == '-' || text[end] == '.')) {
      ++end;
    }
    if (end > at + 1 && end < text.size() && text[end] == '=') return at;
  }
  return at;
}

Result<HostPortText> SplitHostPort(std::string_view text) {
  if (text.starts_with('[')) {
    size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return FailWithFix(ErrorKind::kInvalidInput, "write [::1]:5432", "the host's '[' is never closed by ']'");
    }
    std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':')
      return Fail(ErrorKind::kInvalidInput, "something else than ':port' follows the host's ']'");
    HostPortText parts{text.substr(1, close - 1), std::nullopt};
    if (!rest.empty()) parts.port = rest.substr(1);
    return parts;
  }
  size_t colon = text.find(':');
  if (colon == std::string_view::npos) return HostPortText{text, std::nullopt};
  if (text.find(':', colon + 1) != std::string_view::npos) {
    return FailWithFix(ErrorKind::kInvalidInput, "write an IPv6 address in brackets: [::1]:5432",
                       "the host holds several ':'");
  }
  return HostPortText{text.substr(0, colon), text.substr(colon + 1)};
}

Result<int> ParsePort(std::string_view text) {
  auto number = ParseInteger(text);
  if (!IsDigits(text) || !number || *number < 1 || *number > 65535) {
    return FailWithFix(
        ErrorKind::kInvalidInput,
        "write a number from 1 to 65535; if a password with special characters stands in the address, put it "
        "in a variable: {DB_PASSWORD}",
        "the port is not a number from 1 to 65535");
  }
  return static_cast<int>(*number);
}

Result<Authority> SplitAuthority(std::string_view text, bool path_may_hold_at) {
  size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view head = text.substr(0, end);
  size_t at = head.rfind('@');
  if (at == std::string_view::npos) {
    // "user:pa/ss@host/db": no host reads like that, and an '@' further on ends the password.
    size_t later = text.find('@', end);
    if (!LooksLikeHosts(head) && later != std::string_view::npos) {
      end = std::min(text.find_first_of("/?", later), text.size());
      at = text.substr(0, end).rfind('@');
      return Authority{text.substr(0, at), text.substr(at + 1, end - at - 1), text.substr(end)};
    }
    return Authority{std::nullopt, head, text.substr(end)};
  }
  std::string_view path = text.substr(end, text.find('?', end) - end);
  if (!path_may_hold_at && head.substr(0, at).find(':') != std::string_view::npos &&
      path.find('@') != std::string_view::npos) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       "put the password in a variable ({DB_PASSWORD}), or write its '@' as %40 and its '/' as %2F",
                       "the address can be read in two ways: an '@' stands before and after a '/'");
  }
  return Authority{head.substr(0, at), head.substr(at + 1), text.substr(end)};
}

}  // namespace nilus
