#include "nilus/manifest/problem.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "nilus/base/redact.h"

namespace nilus {

std::string SourcePlace::ToString() const {
  if (line <= 0) return file;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string Problem::ToString() const {
  std::string text = place.ToString();
  if (!text.empty()) text += ": ";
  if (!path.empty()) text += path + ": ";
  text += message;
  if (!fix.empty()) text += ". Fix: " + fix;
  return Redact(text);
}

void SortProblems(Problems& problems) {
  std::map<std::string, size_t> first_seen;
  for (const Problem& problem : problems) first_seen.emplace(problem.place.file, first_seen.size());
  auto key = [&](const Problem& p) { return std::make_tuple(first_seen[p.place.file], p.place.line, p.place.column); };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const Problem& a, const Problem& b) { return key(a) < key(b); });
  auto same = [](const Problem& a, const Problem& b) {
    return a.place.file == b.place.file && a.place.line == b.place.line && a.place.column == b.place.column &&
           a.path == b.path && a.message == b.message;
  };
  problems.erase(std::unique(problems.begin(), problems.end(), same), problems.end());
}

std::string RenderProblems(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.ToString() + "\n";
  return text;
}

std::string RenderProblemsJson(const Problems& problems) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Problem& problem : problems) {
    nlohmann::ordered_json entry;
    entry["file"] = Redact(problem.place.file);
    if (problem.place.line > 0) {
      entry["line"] = problem.place.line;
      entry["column"] = problem.place.column;
    }
    entry["path"] = Redact(problem.path);
    entry["message"] = Redact(problem.message);
    entry["fix"] = Redact(problem.fix);
    list.push_back(std::move(entry));
  }
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

namespace {

// Damerau-Levenshtein distance (optimal string alignment), over bytes, capped: names longer than 64 bytes are never
// near.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string Folded(std::string_view name) {  // case, '-' and '_' do not tell names apart
  std::string folded;
  for (char c : name) {
    if (c == '-' || c == '_') continue;
    folded.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return folded;
}

}  // namespace

std::string_view NearestName(std::string_view name, std::span<const std::string_view> candidates) {
  constexpr size_t kLongestName = 64;
  if (name.empty() || name.size() > kLongestName) return {};
  std::string folded = Folded(name);
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, folded.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    std::string other = Folded(candidate);
    size_t at_least = folded.size() > other.size() ? folded.size() - other.size() : other.size() - folded.size();
    if (at_least >= best_distance) continue;
    size_t distance = EditDistance(folded, other);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace nilus
