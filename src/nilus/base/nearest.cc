#include "nilus/base/nearest.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace nilus {
namespace {

constexpr size_t kLongestWord = 200;  // longer input is nobody's typing error, and the cost is quadratic

std::string Fold(std::string_view word) {
  std::string folded(word);
  for (char& c : folded) c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return folded;
}

}  // namespace

int EditDistance(std::string_view a, std::string_view b) {
  // Optimal string alignment: three rows of the usual table, the oldest for swaps.
  std::vector<int> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      int cost = a[i - 1] == b[j - 1] ? 0 : 1;
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

std::string Nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() > kLongestWord) return {};
  std::string folded = Fold(word);
  std::string best;
  int best_distance = 1 << 20;
  for (std::string_view candidate : known) {
    int distance = EditDistance(folded, Fold(candidate));
    int allowed = std::max<int>(1, static_cast<int>(candidate.size()) / 3);
    if (distance <= allowed && distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace nilus
