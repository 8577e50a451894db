// "Did you mean": the known word nearest to what was written.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nilus {

// Edits (insert, delete, replace, swap of neighbours) from one word to the other.
int EditDistance(std::string_view a, std::string_view b);

// The known word with the fewest edits, if there are at most a third of its length (and at least one allowed); else
// empty.
// '-' and '_' and letter case count as equal.
std::string Nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace nilus
