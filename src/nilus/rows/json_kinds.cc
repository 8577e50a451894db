#include "nilus/rows/json_kinds.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "nilus/data/builder.h"
#include "nilus/json/column.h"
#include "nilus/json/literal.h"
#include "nilus/json/scanner.h"
#include "nilus/rows/coerce.h"
#include "nilus/rows/value_text.h"

namespace nilus {
namespace {

constexpr std::array kKinds = {TypeId::kText, TypeId::kBool, TypeId::kInt64, TypeId::kFloat64, TypeId::kJson};
using Builders = std::array<std::optional<ColumnBuilder>, kKinds.size()>;

char FirstByte(std::string_view text) {
  const size_t at = text.find_first_not_of(" \t\n\r");
  return at == std::string_view::npos ? '\0' : text[at];
}

// Of 7.0 and 1e3: beside a fraction they would be doubles all the same, and 7 with them.
std::optional<int64_t> WholeValue(std::string_view number) {
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() ||
      !(std::abs(value) <= static_cast<double>(json::kMostExactInteger)))
    return std::nullopt;
  if (value != std::trunc(value) || (value == 0 && std::signbit(value))) return std::nullopt;
  return static_cast<int64_t>(value);
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
      if ((candidates & json::kDouble) == 0) return TypeId::kJson;
      return WholeValue(value->text) ? TypeId::kInt64 : TypeId::kFloat64;
    }
    default:
      return TypeId::kJson;
  }
}

// Types that JSON has strings for.
bool HasStrings(TypeId type) {
  return type == TypeId::kText || type == TypeId::kDate || type == TypeId::kTime || type == TypeId::kTimestamp ||
         type == TypeId::kTimestampNtz;
}

// Strings as what they mean, what `is_plain(first byte)` says as a plain number, all else as written.
template <typename IsPlain>
Column TextsOfJson(const Column& column, IsPlain is_plain) {
  ColumnBuilder texts(MakeType(TypeId::kText));
  std::string number;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) {
      texts.AppendNull();
      continue;
    }
    const std::string_view text = column.BytesValue(row);
    const char first = FirstByte(text);
    std::optional<json::Value> value;
    if (first == '"' || is_plain(first)) value = JsonScalar(text);
    if (value && value->kind == json::Kind::kNumber) {
      number.clear();
      AppendPlainNumber(value->text, &number);
      texts.AppendBytes(number);
    } else if (!value || !json::AppendValue(*value, &texts)) {
      texts.AppendBytes(text);
    }
  }
  return texts.Finish();
}

void FillUp(ColumnBuilder* column, int64_t rows) {
  while (column->length() < rows) column->AppendNull();
}

}  // namespace

std::optional<json::Value> JsonScalar(std::string_view text) {
  const char first = FirstByte(text);
  if (first == '{' || first == '[') return std::nullopt;
  json::Scanner scanner(text);
  json::Value value;
  scanner.SkipSpace();
  if (!scanner.ReadValue(&value)) return std::nullopt;
  scanner.SkipSpace();
  return scanner.AtEnd() ? std::optional(value) : std::nullopt;
}

std::vector<Column> JsonByKind(const Column& column) {
  Builders builders;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) continue;
    const std::string_view text = column.BytesValue(row);
    const std::optional<json::Value> value = JsonScalar(text);
    const TypeId kind = KindOf(value);
    size_t at = 0;
    while (kKinds[at] != kind) ++at;
    if (!builders[at]) builders[at].emplace(kind == TypeId::kJson ? column.type : MakeType(kind));
    FillUp(&*builders[at], row);
    if (kind == TypeId::kJson) {
      builders[at]->AppendBytes(text);
    } else if (!json::AppendValue(*value, &*builders[at])) {
      builders[at]->Append(*WholeValue(value->text));
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

Column StringsOf(const Column& column) {
  ColumnBuilder strings(MakeType(TypeId::kText));
  for (int64_t row = 0; row < column.length; ++row) {
    const bool may_be = !column.IsNull(row) && FirstByte(column.BytesValue(row)) == '"';
    const std::optional<json::Value> value = may_be ? JsonScalar(column.BytesValue(row)) : std::nullopt;
    if (!value || !json::AppendValue(*value, &strings)) strings.AppendNull();
  }
  return strings.Finish();
}

Column JsonAsText(const Column& column) {
  bool has_string = false;
  for (int64_t row = 0; row < column.length && !has_string; ++row) {
    has_string = !column.IsNull(row) && FirstByte(column.BytesValue(row)) == '"';
  }
  if (has_string) return TextsOfJson(column, [](char) { return false; });
  Column same = column;
  same.type = MakeType(TypeId::kText);
  return same;
}

Column JsonAsPlainText(const Column& column) {
  return TextsOfJson(column, [](char first) { return first == '-' || (first >= '0' && first <= '9'); });
}

Column AsJson(const Column& column) {
  if (column.type.id == TypeId::kJson) return column;
  const bool is_bare = !HasStrings(column.type.id);
  const Column texts = Coerce(column, MakeType(TypeId::kText), CoerceRule::kExact).column;
  ColumnBuilder values(MakeType(TypeId::kJson));
  std::string plain;
  std::string quoted;
  for (int64_t row = 0; row < texts.length; ++row) {
    if (texts.IsNull(row)) {
      values.AppendNull();
      continue;
    }
    std::string_view text = texts.BytesValue(row);
    if (column.type.id == TypeId::kDecimal) {  // how many digits it has behind the point, the other values say
      plain.clear();
      AppendPlainNumber(text, &plain);
      text = plain;
    }
    if (!is_bare || json::IsFloatWord(text)) {
      quoted.clear();
      json::AppendQuoted(text, &quoted);
      text = quoted;
    }
    values.AppendBytes(text);
  }
  return values.Finish();
}

}  // namespace nilus
