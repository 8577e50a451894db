#include "nilus/duck/key_sql.h"

#include <fmt/format.h>

#include "nilus/duck/column_type.h"
#include "nilus/duck/quote.h"

namespace nilus::duck {
namespace {

bool HasYear(TypeId id) { return id == TypeId::kDate || id == TypeId::kTimestamp || id == TypeId::kTimestampNtz; }

}  // namespace

std::string CastableText(const Scalar& value) {
  return HasYear(value.type.id) && value.text.starts_with('+') ? value.text.substr(1) : value.text;
}

std::string KeyBound(const Type& type, size_t number) {
  if (type.id == TypeId::kBinary) return fmt::format("from_hex(${})", number);
  return fmt::format("CAST(${} AS {})", number, SqlTypeName(type));
}

std::string KeyExpression(std::string_view column, const Type& type) {
  return fmt::format("CAST({} AS {})", QuoteIdentifier(column), SqlTypeName(type));
}

std::string MisfitCondition(std::string_view column, const Type& type) {
  return HasYear(type.id) ? fmt::format("NOT isfinite({})", KeyExpression(column, type)) : std::string();
}

std::string FiniteCondition(std::string_view column, const Type& type) {
  const bool is_float = type.id == TypeId::kFloat32 || type.id == TypeId::kFloat64;
  return is_float || HasYear(type.id) ? fmt::format("isfinite({})", KeyExpression(column, type)) : std::string();
}

}  // namespace nilus::duck
