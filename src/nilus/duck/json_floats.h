// DuckDB's to_json writes NaN and Infinity as they are, which is no JSON. Here they are strings, as PostgreSQL has it.
#pragma once

#include <string>
#include <string_view>

namespace nilus::duck {

// The text holds such a word, if only in a string.
inline bool HoldsFloatWords(std::string_view json) {
  return json.find("NaN") != std::string_view::npos || json.find("Infinity") != std::string_view::npos;
}

// The JSON with NaN, Infinity and -Infinity in quotes wherever they stand outside of strings.
std::string WithQuotedFloatWords(std::string_view json);

}  // namespace nilus::duck
