#include "nilus/connector/sql_dialect.h"

#include "nilus/base/encoding.h"

namespace nilus {

Status CheckIdentifier(const SqlDialect& dialect, std::string_view what, std::string_view name) {
  if (name.empty()) return Fail(ErrorKind::kInvalidInput, "a {} has an empty name", what);
  if (name.find('\0') != std::string_view::npos) {
    return Fail(ErrorKind::kInvalidInput, "{} name `{}` holds a NUL character", what, name.substr(0, name.find('\0')));
  }
  if (!IsValidUtf8(name)) {
    return Fail(ErrorKind::kInvalidInput, "a {} name is not UTF-8 (in hex: {})", what, HexEncode(name));
  }
  if (dialect.identifier_limit > 0 && name.size() > static_cast<size_t>(dialect.identifier_limit)) {
    return FailWithFix(ErrorKind::kInvalidInput, "choose a shorter name",
                       "{} name `{}` has {} bytes; {} takes at most {}", what, name, name.size(), dialect.name,
                       dialect.identifier_limit);
  }
  return {};
}

std::string QuoteIdentifier(std::string_view name) { return QuoteDoubled(name, '"'); }

std::string QuoteText(std::string_view text) { return QuoteDoubled(text, '\''); }

std::string QuoteTable(const SqlDialect& dialect, const TableName& table) {
  if (dialect.table_name != nullptr) return dialect.table_name(table);
  if (table.schema.empty()) return QuoteIdentifier(table.name);
  return QuoteSchema(dialect, table.schema) + "." + QuoteIdentifier(table.name);
}

std::string QuoteSchema(const SqlDialect& dialect, std::string_view schema) {
  if (dialect.catalog.empty()) return QuoteIdentifier(schema);
  return QuoteIdentifier(dialect.catalog) + "." + QuoteIdentifier(schema);
}

std::string DerivedName(std::string_view purpose, std::string_view load_id, const TableName& table) {
  // Lengths keep different triples apart: ("a", "b.c") and ("a.b", "c") are two tables.
  std::string hash = Sha256Hex(fmt::format("{}:{}|{}:{}|{}:{}", load_id.size(), load_id, table.schema.size(),
                                           table.schema, table.name.size(), table.name));
  return fmt::format("_nilus_{}_{}", purpose, std::string_view(hash).substr(0, 16));
}

}  // namespace nilus
