// Where the parts of an address begin and end, before anything is filled in. Internal to address.cc; address.h is the
// way in.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus {

bool IsDigits(std::string_view text);

// Where the query starts: the first '?', or, where a glob may hold one, the first that `key=` follows. npos: none.
size_t FindQuery(std::string_view text, bool may_be_glob);

// One "host:port", "[::1]:port" or "host" as written. `port` is absent when no colon was there.
struct HostPortText {
  std::string_view host;
  std::optional<std::string_view> port;
};

Result<HostPortText> SplitHostPort(std::string_view text);

// 1 to 65535. An error does not show the text, which may be part of a password.
Result<int> ParsePort(std::string_view text);

// Splits userinfo from hosts. A password written raw may hold any character; see ParseAddress's contract.
struct Authority {
  std::optional<std::string_view> userinfo;
  std::string_view hosts;
  std::string_view rest;  // from the '/' or '?' that ends the authority
};

Result<Authority> SplitAuthority(std::string_view text, bool path_may_hold_at);

}  // namespace nilus
