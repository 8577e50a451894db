// Path patterns: `*` and `?` within a name, `[a-z]` and `[!a-z]`, `{csv,tsv}` alternatives, `**` for any folders. As in
// a shell, a leading dot is matched only by a dot. A backslash makes the next character ordinary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::files {

// Bounds against patterns made to explode.
inline constexpr size_t kMostAlternatives = 1024;  // that one pattern's braces may stand for
inline constexpr size_t kMostMatches = 1'000'000;  // files of one glob
inline constexpr int kDeepestFolder = 64;          // that `**` goes down

bool HasGlob(std::string_view text);

// `a{b,c}d` → abd, acd. A brace without a comma or a partner is an ordinary character. kInvalidInput beyond the bound.
Result<std::vector<std::string>> ExpandBraces(std::string_view pattern);

// One name against a pattern without '/' and braces. Linear in the sizes' product at worst. Bytes, but `?` and `[…]`
// take a whole UTF-8 character.
bool MatchesName(std::string_view pattern, std::string_view name);

// Regular files (links to such files included) below `base` that match, absolute, without duplicates, sorted by bytes.
// `base` is absolute and taken as it is, whatever characters are in it; `pattern` is relative to it. Folders whose name
// begins with "_nilus" are passed over by wildcards, as hidden ones are. `**` does not follow links to folders.
Result<std::vector<std::string>> ListMatches(const std::string& base, std::string_view pattern);

}  // namespace nilus::files
