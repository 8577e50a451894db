// Pieces of SQL text that the files of sql_strategy.h share. Not for sinks.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/connector/sql_dialect.h"

namespace nilus::sql_text {

inline std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

// a OR b OR … in groups: databases limit how deep an expression may nest (SQLite: 1,000), and a flat chain nests as
// deep as it is long.
inline std::string AnyOf(const std::vector<std::string>& conditions) {
  constexpr size_t kGroup = 40;
  std::vector<std::string> groups;
  for (size_t start = 0; start < conditions.size(); start += kGroup) {
    const size_t end = std::min(start + kGroup, conditions.size());
    groups.push_back(fmt::format("({})", fmt::join(conditions.begin() + static_cast<ptrdiff_t>(start),
                                                   conditions.begin() + static_cast<ptrdiff_t>(end), " OR ")));
  }
  return Join(groups, " OR ");
}

inline std::string Qualified(std::string_view qualifier, std::string_view column) {
  if (qualifier.empty()) return QuoteIdentifier(column);
  return fmt::format("{}.{}", qualifier, QuoteIdentifier(column));
}

inline std::vector<std::string> QualifiedAll(std::string_view qualifier, const std::vector<std::string>& columns) {
  std::vector<std::string> all;
  all.reserve(columns.size());
  for (const std::string& column : columns) all.push_back(Qualified(qualifier, column));
  return all;
}

}  // namespace nilus::sql_text
