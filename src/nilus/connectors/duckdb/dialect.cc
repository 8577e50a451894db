#include "nilus/connectors/duckdb/dialect.h"

#include <utility>

#include "nilus/duck/column_type.h"
#include "nilus/duck/key_sql.h"

namespace nilus::duckdb {
namespace {

std::string Literal(const Scalar& value) {
  std::string quoted = QuoteText(duck::CastableText(value));
  if (value.type.id == TypeId::kBinary) return fmt::format("from_hex({})", quoted);
  return fmt::format("CAST({} AS {})", quoted, duck::SqlTypeName(value.type));
}

// The target's own column may be a UUID or an ENUM, which sort by other rules than their texts.
std::string OrderKey(std::string_view expression, const Type& type) {
  if (type.id == TypeId::kText) return fmt::format("CAST({} AS VARCHAR)", expression);
  return std::string(expression);
}

}  // namespace

SqlDialect DuckdbDialect(std::string catalog) {
  return {
      .name = "DuckDB",
      .case_insensitive_names = true,
      .has_schemas = true,
      .catalog = std::move(catalog),
      .temporary_staging = true,
      .can_swap = true,
      .type_name = duck::SqlTypeName,
      .literal = Literal,
      .order_key = OrderKey,
  };
}

}  // namespace nilus::duckdb
