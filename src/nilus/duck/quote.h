// Names and text as parts of DuckDB SQL.
#pragma once

#include <string>
#include <string_view>

namespace nilus::duck {

// "name" with inner quotes doubled. Any bytes but NUL, which no DuckDB name can hold: Connection refuses such SQL.
std::string QuoteIdentifier(std::string_view name);
// 'text' with inner quotes doubled. The same limit.
std::string QuoteLiteral(std::string_view text);
// A file's path as a literal that read_parquet and the like take for that one file: they read *, ? and [ as patterns.
std::string QuotePath(std::string_view path);

}  // namespace nilus::duck
