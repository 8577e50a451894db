#include "nilus/rows/json_kinds.h"

#include <array>
#include <optional>
#include <string>

#include "nilus/data/builder.h"
#include "nilus/json/column.h"
#include "nilus/json/literal.h"
#include "nilus/json/scanner.h"

namespace nilus {
namespace {

constexpr std::array kKinds = {TypeId::kText, TypeId::kBool, TypeId::kInt64, TypeId::kFloat64, TypeId::kJson};
using Builders = std::array<std::optional<ColumnBuilder>, kKinds.size()>;

char FirstByte(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t\n\r");
  return at == std::string_view::npos ? '\0' : text[at];
}

// Nothing: the text is no scalar. Nested values are not looked into.
std::optional<json::Value> ReadScalar(std::string_view text) {
  const char first = FirstByte(text);
  if (first == '{' || first == '[') return std::nullopt;
  json::Scanner scanner(text);
  json::Value value;
  scanner.SkipSpace();
  if (!scanner.ReadValue(&value)) return std::nullopt;
  scanner.SkipSpace();
  return scanner.AtEnd() ? std::optional(value) : std::nullopt;
}

TypeId KindOf(const std::optional<json::Value>& value) {
  if (!value) return TypeId::kJson;
  switch (value->kind) {
    case json::Kind::kString:
      return TypeId::kText;
    case json::Kind::kBool:
      return TypeId::kBool;
    case json::Kind::kNumber: {
      const json::Candidates candidates = json::TraitsOfNumber(value->text).candidates;
      if ((candidates & json::kInteger) != 0) return TypeId::kInt64;
      return (candidates & json::kDouble) != 0 ? TypeId::kFloat64 : TypeId::kJson;
    }
    default:
      return TypeId::kJson;
  }
}

void FillUp(ColumnBuilder* column, int64_t rows) {
  while (column->length() < rows) column->AppendNull();
}

}  // namespace

std::vector<Column> JsonByKind(const Column& column) {
  Builders builders;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) continue;
    const std::string_view text = column.BytesValue(row);
    const std::optional<json::Value> value = ReadScalar(text);
    const TypeId kind = KindOf(value);
    size_t at = 0;
    while (kKinds[at] != kind) ++at;
    if (!builders[at]) builders[at].emplace(kind == TypeId::kJson ? column.type : MakeType(kind));
    FillUp(&*builders[at], row);
    if (kind == TypeId::kJson) {
      builders[at]->AppendBytes(text);
    } else {
      json::AppendValue(*value, &*builders[at]);
    }
  }
  std::vector<Column> columns;
  for (std::optional<ColumnBuilder>& builder : builders) {
    if (!builder) continue;
    FillUp(&*builder, column.length);
    columns.push_back(builder->Finish());
  }
  return columns;
}

Column JsonAsText(const Column& column) {
  bool has_string = false;
  for (int64_t row = 0; row < column.length && !has_string; ++row) {
    has_string = !column.IsNull(row) && FirstByte(column.BytesValue(row)) == '"';
  }
  if (!has_string) {
    Column same = column;
    same.type = MakeType(TypeId::kText);
    return same;
  }
  ColumnBuilder texts(MakeType(TypeId::kText));
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) {
      texts.AppendNull();
      continue;
    }
    const std::string_view text = column.BytesValue(row);
    std::optional<json::Value> string;
    if (FirstByte(text) == '"') string = ReadScalar(text);
    if (string) {
      json::AppendValue(*string, &texts);
    } else {
      texts.AppendBytes(text);
    }
  }
  return texts.Finish();
}

}  // namespace nilus
