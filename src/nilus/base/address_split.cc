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

// Whether `text` begins with `key=`, as a query parameter does.
bool StartsWithKey(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_' ||
                               text[end] == '-' || text[end] == '.')) {
    ++end;
  }
  return end > 0 && end < text.size() && text[end] == '=';
}

// Whether an '@' in `rest`, which begins with the '/' or '?' behind an authority, may end a password that holds that
// '/' or '?'. In the value of a parameter an '@' is no such end.
bool MayEndPassword(std::string_view rest) {
  const size_t query = std::min(rest.find('?'), rest.size());
  if (rest.substr(0, query).find('@') != std::string_view::npos) return true;
  rest.remove_prefix(query);
  while (rest.find('@') != std::string_view::npos) {
    rest.remove_prefix(1);  // the '?' or '&'
    const size_t end = std::min(rest.find('&'), rest.size());
    if (end > 0 && !StartsWithKey(rest)) return true;
    rest.remove_prefix(end);
  }
  return false;
}

}  // namespace

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

size_t FindQuery(std::string_view text, bool may_be_glob) {
  size_t at = text.find('?');
  if (!may_be_glob) return at;
  while (at != std::string_view::npos && !StartsWithKey(text.substr(at + 1))) at = text.find('?', at + 1);
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
  size_t at = text.substr(0, end).rfind('@');
  if (at == std::string_view::npos && !LooksLikeHosts(text.substr(0, end))) {
    // "user:pa/ss@host/db": no host reads like that, and an '@' further on ends the password.
    size_t later = text.find('@', end);
    if (later != std::string_view::npos) {
      end = std::min(text.find_first_of("/?", later), text.size());
      at = text.substr(0, end).rfind('@');
    }
  }
  const std::string_view head = text.substr(0, end);
  const bool has_at = at != std::string_view::npos;
  // "user:12/34@host/db" and "user:p@ss/word@host/db" begin as hosts do. "[::1]:5432" does not begin as a user does.
  const bool may_hold_password = head.substr(0, at).find(':') != std::string_view::npos;
  if (!path_may_hold_at && may_hold_password && (has_at || !head.starts_with('[')) &&
      MayEndPassword(text.substr(end))) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       "put the password in a variable ({DB_PASSWORD}), or write every '@' but the one before the host "
                       "as %40, and in the password '/' as %2F and '?' as %3F",
                       "the address can be read in two ways: an '@' stands behind a '/' or a '?'");
  }
  if (!has_at) return Authority{std::nullopt, head, text.substr(end)};
  return Authority{head.substr(0, at), head.substr(at + 1), text.substr(end)};
}

}  // namespace nilus
