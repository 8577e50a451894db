#include "nilus/connector/name_patterns.h"

#include <re2/re2.h>

#include <algorithm>

#include "nilus/base/text.h"

namespace nilus {

std::vector<std::string> SplitPatterns(std::string_view list) {
  std::vector<std::string> patterns;
  std::string pattern;
  int depth = 0;
  auto end = [&] {
    const std::string_view trimmed = TrimSpaces(pattern);
    if (!trimmed.empty()) patterns.emplace_back(trimmed);
    pattern.clear();
  };
  for (size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (c == '\\' && i + 1 < list.size()) {
      if (list[i + 1] != ',') pattern += c;
      pattern += list[++i];
      continue;
    }
    if (c == '{' || c == '[' || c == '(') ++depth;
    if (c == '}' || c == ']' || c == ')') --depth;
    if (c == ',' && depth <= 0) {
      end();
    } else {
      pattern += c;
    }
  }
  end();
  return patterns;
}

Result<NamePatterns> NamePatterns::Parse(std::string_view property, std::string_view list) {
  NamePatterns patterns;
  RE2::Options options;
  options.set_log_errors(false);
  constexpr int64_t kRegexMemory = 16 << 20;
  options.set_max_mem(kRegexMemory);
  for (const std::string& text : SplitPatterns(list)) {
    auto pattern = std::make_shared<const RE2>(text, options);
    if (!pattern->ok()) {
      return FailWithFix(ErrorKind::kInvalidInput, "write RE2's syntax: github.com/google/re2/wiki/Syntax",
                         "{}: `{}` is no regular expression: {}", property, text, pattern->error());
    }
    patterns.patterns_.push_back(std::move(pattern));
  }
  return patterns;
}

std::vector<std::string> NamePatterns::MatchingNone(std::span<const std::string> names) const {
  std::vector<std::string> lonely;
  for (const auto& pattern : patterns_) {
    const auto matches = [&](const std::string& name) { return RE2::FullMatch(name, *pattern); };
    if (std::none_of(names.begin(), names.end(), matches)) lonely.push_back(pattern->pattern());
  }
  return lonely;
}

bool NamePatterns::Match(std::string_view name) const {
  const re2::StringPiece piece(name.data(), name.size());
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const auto& pattern) { return RE2::FullMatch(piece, *pattern); });
}

}  // namespace nilus
