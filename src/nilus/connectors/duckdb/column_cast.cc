#include "nilus/connectors/duckdb/column_cast.h"

#include <algorithm>
#include <array>

#include "nilus/connector/sql_dialect.h"
#include "nilus/duck/column_type.h"

namespace nilus::duckdb {
namespace {

bool IsNested(std::string_view declared) {
  constexpr std::array kKinds = {"STRUCT(", "MAP(", "UNION("};
  return declared.ends_with(']') ||
         std::any_of(kKinds.begin(), kKinds.end(), [&](std::string_view kind) { return declared.starts_with(kind); });
}

// JSON whose numbers have no zeros behind their last other digit: 1.50 and 1.5, 2.0 and 2 are the same.
std::string PlainNumbers(std::string_view json) {
  return fmt::format(
      R"(regexp_replace(regexp_replace({}, '(\.\d*?)0+([,\]}}])', '\1\2', 'g'), '\.([,\]}}])', '\1', 'g'))", json);
}

// Parts of JSON for which the type has no place are dropped, and numbers rounded. Of a FLOAT to_json shows more digits
// than it takes to tell it. A STRUCT has its keys in its own order, and NULL for those that are missing.
std::string NestedChanges(std::string_view column, std::string_view cast, std::string_view declared) {
  const bool is_of_floats = declared.starts_with("FLOAT[");
  const std::string back = PlainNumbers(is_of_floats ? fmt::format("replace(CAST({} AS VARCHAR), ' ', '')", cast)
                                                     : fmt::format("CAST(to_json({}) AS VARCHAR)", cast));
  const std::string sent = PlainNumbers(fmt::format("CAST(json({}) AS VARCHAR)", column));
  if (declared.find("STRUCT(") == std::string_view::npos) return fmt::format("{} IS DISTINCT FROM {}", back, sent);
  return fmt::format("CASE WHEN {0} = {1} THEN false ELSE NOT json_contains({0}, {1}) END", back, sent);
}

}  // namespace

std::optional<std::string> ChangedByCast(const Field& field, std::string_view declared) {
  const std::string own = duck::SqlTypeName(field.type);
  if (declared == own || declared == "HUGEINT" || declared == "VARCHAR") return std::nullopt;
  const std::string column = QuoteIdentifier(field.name);
  // DuckDB has no TRY for it.
  if (declared == "TIMESTAMP_NS")
    return fmt::format("{0} NOT BETWEEN TIMESTAMP '1677-09-22' AND TIMESTAMP '2262-04-11'", column);
  const std::string cast = fmt::format("TRY_CAST({} AS {})", column, declared);
  std::string changed;
  if (IsNested(declared)) {
    changed = NestedChanges(column, cast, declared);
  } else if (declared == "UUID") {
    changed = fmt::format("CAST({} AS VARCHAR) IS DISTINCT FROM lower({})", cast, column);
  } else if (declared == "INTERVAL" || declared == "TIME WITH TIME ZONE") {
    changed = "false";  // many spellings, and all that they say is kept
  } else {
    changed = fmt::format("CAST({} AS {}) IS DISTINCT FROM {}", cast, own, column);
  }
  return fmt::format("{} IS NOT NULL AND ({} IS NULL OR {})", column, cast, changed);
}

}  // namespace nilus::duckdb
