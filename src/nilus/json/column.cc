#include "nilus/json/column.h"

#include <charconv>
#include <string>

#include "nilus/data/scalar.h"
#include "nilus/json/literal.h"

namespace nilus::json {
namespace {

template <typename T>
bool AppendNumber(std::string_view text, ColumnBuilder* column) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  column->Append(value);
  return true;
}

// Most integers are short: at most 18 digits, which cannot overflow.
bool AppendInteger(std::string_view text, ColumnBuilder* column) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  at += negative ? 1 : 0;
  if (end - at > 18 || at == end) return AppendNumber<int64_t>(text, column);
  int64_t value = 0;
  for (; at != end; ++at) {
    const auto digit = static_cast<unsigned char>(*at - '0');
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  column->Append(negative ? -value : value);
  return true;
}

void AppendMeaning(const Value& value, ColumnBuilder* column) {
  if (!value.escaped) {
    column->AppendBytes(value.text);
    return;
  }
  size_t size = 0;
  char* to = column->StartBytes(value.text.size());
  Unescape(value.text, to, &size);
  column->FinishBytes(size);
}

}  // namespace

bool AppendValue(const Value& value, ColumnBuilder* column) {
  if (value.kind == Kind::kNull) {
    column->AppendNull();
    return true;
  }
  const TypeId type = column->type().id;
  if (!HasRoomFor(value, *column)) return false;
  if (type == TypeId::kJson) {
    column->AppendBytes(value.written());
    return true;
  }
  if (type == TypeId::kText) {
    AppendMeaning(value, column);
    return true;
  }
  std::string scratch;
  const std::string_view text = value.kind == Kind::kString ? Meaning(value, &scratch) : value.text;
  switch (type) {
    case TypeId::kInt64:
      return AppendInteger(text, column);
    case TypeId::kFloat64:
      return AppendNumber<double>(text, column);
    case TypeId::kBool:
      if (!IsBooleanWord(text)) return false;
      column->AppendBool((text.front() | 32) == 't');
      return true;
    default:
      return AppendParsed(text, column).has_value();
  }
}

}  // namespace nilus::json
