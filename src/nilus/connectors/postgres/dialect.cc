#include "nilus/connectors/postgres/dialect.h"

#include <algorithm>

#include "nilus/connectors/postgres/types.h"

namespace nilus::postgres {
namespace {

// pg_temp stands first in every search_path that does not name it, but one may: so it is written out.
std::string QuotedTable(const TableName& table) {
  std::string name = QuoteIdentifier(table.name);
  return (table.schema.empty() ? std::string("pg_temp") : QuoteIdentifier(table.schema)) + "." + name;
}

// Canonical dates (data/scalar.h) say -0043-03-15 and +12345-03-15; PostgreSQL reads 0044-03-15 BC and 12345-03-15.
std::string DateText(std::string_view text) {
  if (text.starts_with('+')) return std::string(text.substr(1));
  bool is_negative = text.starts_with('-');
  if (!is_negative && !text.starts_with("0000")) return std::string(text);
  if (is_negative) text.remove_prefix(1);
  size_t dash = std::min(text.find('-'), text.size());
  int64_t year = 0;
  for (char c : text.substr(0, dash)) {
    if (c < '0' || c > '9' || year > 1'000'000'000) return std::string(text);  // no canonical text: the server will say
    year = year * 10 + (c - '0');
  }
  return fmt::format("{:04}{} BC", year + 1, text.substr(dash));
}

// Our literals go through the input functions of the types, so the text's quoting is all that matters for safety.
std::string Literal(const Scalar& value) {
  std::string text = value.text;
  switch (value.type.id) {
    case TypeId::kDate:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      text = DateText(text);
      break;
    case TypeId::kBinary:
      text = "\\x" + text;
      break;
    default:
      break;
  }
  // A backslash means something in '…' when standard_conforming_strings is off.
  std::string quoted = QuoteText(text);
  if (text.find('\\') != std::string::npos) {
    std::string doubled;
    for (char c : quoted) doubled.append(c == '\\' ? 2 : 1, c);
    quoted = "E" + doubled;
  }
  return fmt::format("{}::{}", quoted, SqlTypeName(value.type));
}

// ::text first: the target's own column may be a uuid or an enum, which have no collation.
std::string OrderKey(std::string_view expression, const Type& type) {
  if (type.id == TypeId::kText) return fmt::format("({})::text COLLATE \"C\"", expression);
  return std::string(expression);
}

// json has no equality; the text of jsonb is canonical.
std::string EqualityKey(std::string_view expression, const Type& type) {
  if (type.id == TypeId::kJson) return fmt::format("({})::text", expression);
  return std::string(expression);
}

}  // namespace

const SqlDialect& PostgresDialect() {
  static const SqlDialect dialect = {
      .name = "PostgreSQL",
      .identifier_limit = 63,
      .column_limit = 1600,
      .has_schemas = true,
      .temporary_staging = true,
      .staging_suffix = " ON COMMIT DROP",
      .changes_staging_suffix = " ON COMMIT DELETE ROWS",
      .can_swap = true,
      .keys_by_row_in = false,
      .updates_in_place = true,
      .is_inserted_row = "xmax = 0",  // an updated row keeps the lock that ON CONFLICT took on the one before it
      .index_keys = true,
      .table_name = QuotedTable,
      .type_name = SqlTypeName,
      .literal = Literal,
      .order_key = OrderKey,
      .equality_key = EqualityKey,
  };
  return dialect;
}

}  // namespace nilus::postgres
