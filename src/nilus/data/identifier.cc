#include "nilus/data/identifier.h"

#include <fmt/format.h>

#include "nilus/base/encoding.h"

namespace nilus {

std::string FitToLimit(std::string_view name, int limit_bytes) {
  constexpr size_t kHashDigits = 8;
  const auto is_continuation = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  auto limit = static_cast<size_t>(limit_bytes);
  if (limit_bytes <= 0 || name.size() <= limit) return std::string(name);
  std::string hash = Sha256Hex(name).substr(0, kHashDigits);
  if (limit <= kHashDigits + 1) return ("_" + hash).substr(0, limit);
  size_t keep = limit - kHashDigits - 1;
  while (keep > 0 && is_continuation(name[keep])) --keep;  // not inside a character
  while (keep > 0 && name[keep - 1] == '_') --keep;        // no run of '_' before the hash
  return fmt::format("{}_{}", name.substr(0, keep), hash);
}

}  // namespace nilus
