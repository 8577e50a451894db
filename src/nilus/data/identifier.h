// Names within the destinations' limits.
#pragma once

#include <string>
#include <string_view>

namespace nilus {

// `name` when it has at most `limit_bytes` bytes (0: no limit), else its beginning, cut between characters, '_', and
// eight hex digits of the SHA-256 of all of it: equal names stay equal, and long names that differ at the end stay
// apart.
std::string FitToLimit(std::string_view name, int limit_bytes);

}  // namespace nilus
