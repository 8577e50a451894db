// Users' own texts: table names and queries. No server needed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::postgres {

struct TableRef {
  std::string schema;
  std::string name;
  std::string ToString() const { return schema + "." + name; }
  friend bool operator==(const TableRef&, const TableRef&) = default;
};

// schema.table, or "Odd.Schema"."Odd ""Table""" in SQL's own quotes. Without quotes the first dot separates and letter
// case counts; without a schema it is public. kInvalidInput says what is wrong.
Result<TableRef> ParseTableName(std::string_view text);

// The SQL behind "query:"; nothing when `source_table` is a table's name.
std::optional<std::string_view> QueryText(std::string_view source_table);

// The query without a closing ';', with :interval_start and :interval_end replaced by quoted literals (a timestamp's
// text, which takes the type of what it is compared with). Strings, quoted names, comments, dollar quotes and `::`
// casts are left alone. kInvalidInput when a placeholder is there but its value is not.
Result<std::string> BindIntervals(std::string_view query, const std::optional<std::string>& start,
                                  const std::optional<std::string>& end);

// Canonical text of a date or timestamp (data/scalar.h) as PostgreSQL reads it: years before 1 as BC, no '+'.
std::string PostgresDateText(std::string_view canonical);

}  // namespace nilus::postgres
