// Any bytes as a name: the first byte is the destination's limit, the second whether names stay as they are. A name is
// never empty nor too long, a normalized one has its characters alone, and normalizing it again changes nothing.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nilus/base/encoding.h"
#include "nilus/rows/naming.h"

using namespace nilus;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

bool IsNormal(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  if (!is_letter(name.front())) return false;
  for (char c : name) {
    if (!is_letter(c) && (c < '0' || c > '9')) return false;
  }
  // Levels are apart in a variant column's ending alone.
  const size_t ending = std::min(name.rfind("__v_"), name.size());
  const std::string_view variant = name.substr(std::min(ending + 2, name.size()));
  return name.substr(0, ending).find("__") == std::string_view::npos && variant.find("__") == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const int limit = data[0] % 80;
  const NamingStyle style = data[1] % 2 == 0 ? NamingStyle::kDefault : NamingStyle::kDirect;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string name = NormalizeName(text, style, limit);
  const std::string path = NormalizePath(text, style, limit);
  Require(!name.empty() && !path.empty());
  if (limit > 0) Require(name.size() <= static_cast<size_t>(limit) && path.size() <= static_cast<size_t>(limit));
  const bool is_cut = name != NormalizeName(text, style, 0);  // maybe within a variant column's ending
  if (!is_cut) Require(NormalizeName(name, style, limit) == name);
  // Where a level begins or ends with an underscore, nobody can tell any more where it does.
  if (path.find("___") == std::string::npos) Require(NormalizePath(path, style, limit) == path);
  if (style == NamingStyle::kDefault) {
    Require(IsNormal(name));
  } else if (IsValidUtf8(text)) {
    Require(IsValidUtf8(name));
  }
  if (auto table = NormalizeTableName(text, style, limit); table)
    Require(!table->schema.empty() && !table->name.empty());
  return 0;
}
