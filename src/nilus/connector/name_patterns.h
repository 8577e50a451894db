// Lists of regular expressions over names, as Debezium's include and exclude lists have them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace re2 {
class RE2;
}

namespace nilus {

// The parts of a comma-separated list, without the white space around them and without empty ones. Commas inside of
// braces, brackets and parentheses and behind a backslash do not separate.
std::vector<std::string> SplitPatterns(std::string_view list);

// Expressions of RE2 in such a list, each of which has to match a name as a whole.
class NamePatterns {
 public:
  // kInvalidInput names the property and the expression.
  static Result<NamePatterns> Parse(std::string_view property, std::string_view list);
  bool empty() const { return patterns_.empty(); }
  bool Match(std::string_view name) const;
  // Those of the expressions, as written, that match none of these.
  std::vector<std::string> MatchingNone(std::span<const std::string> names) const;

 private:
  std::vector<std::shared_ptr<const re2::RE2>> patterns_;
};

}  // namespace nilus
