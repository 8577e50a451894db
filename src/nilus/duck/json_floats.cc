#include "nilus/duck/json_floats.h"

#include <algorithm>
#include <array>

namespace nilus::duck {

std::string WithQuotedFloatWords(std::string_view json) {
  constexpr std::array<std::string_view, 3> kWords = {"NaN", "Infinity", "-Infinity"};
  std::string quoted;
  quoted.reserve(json.size() + 8);
  bool in_string = false;
  for (size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (in_string && c == '\\') {
      quoted += json.substr(at, 2);
      at += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    const auto word =
        in_string ? kWords.end() : std::find_if(kWords.begin(), kWords.end(), [&](std::string_view known) {
          return json.substr(at).starts_with(known);
        });
    if (word == kWords.end()) {
      quoted += c;
      ++at;
      continue;
    }
    quoted += '"';
    quoted += *word;
    quoted += '"';
    at += word->size();
  }
  return quoted;
}

}  // namespace nilus::duck
