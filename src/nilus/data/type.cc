#include "nilus/data/type.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace nilus {
namespace {

struct Spelling {
  std::string_view text;
  TypeId id;
};

// The first spelling of an id is the one that is written.
constexpr Spelling kSpellings[] = {
    {"bool", TypeId::kBool},
    {"boolean", TypeId::kBool},
    {"int16", TypeId::kInt16},
    {"smallint", TypeId::kInt16},
    {"int2", TypeId::kInt16},
    {"int32", TypeId::kInt32},
    {"int", TypeId::kInt32},
    {"integer", TypeId::kInt32},
    {"int4", TypeId::kInt32},
    {"bigint", TypeId::kInt64},
    {"int64", TypeId::kInt64},
    {"long", TypeId::kInt64},
    {"int8", TypeId::kInt64},
    {"float4", TypeId::kFloat32},
    {"real", TypeId::kFloat32},
    {"float", TypeId::kFloat32},
    {"double", TypeId::kFloat64},
    {"float8", TypeId::kFloat64},
    {"double precision", TypeId::kFloat64},
    {"decimal", TypeId::kDecimal},
    {"numeric", TypeId::kDecimal},
    {"text", TypeId::kText},
    {"string", TypeId::kText},
    {"varchar", TypeId::kText},
    {"binary", TypeId::kBinary},
    {"bytes", TypeId::kBinary},
    {"bytea", TypeId::kBinary},
    {"blob", TypeId::kBinary},
    {"json", TypeId::kJson},
    {"jsonb", TypeId::kJson},
    {"complex", TypeId::kJson},
    {"date", TypeId::kDate},
    {"time", TypeId::kTime},
    {"timestamp", TypeId::kTimestamp},
    {"timestamptz", TypeId::kTimestamp},
    {"timestamp_tz", TypeId::kTimestamp},
    {"timestamp_ntz", TypeId::kTimestampNtz},
};

bool ParseNumber(std::string_view text, int* value) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string Type::ToString() const {
  if (id == TypeId::kDecimal) return fmt::format("decimal({},{})", precision, scale);
  if (id == TypeId::kText && length > 0) return fmt::format("varchar({})", length);
  for (const Spelling& spelling : kSpellings) {
    if (spelling.id == id) return std::string(spelling.text);
  }
  return "unknown";
}

Result<Type> ParseType(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  std::string_view name = lower;
  std::string_view arguments;
  if (size_t open = name.find('('); open != std::string_view::npos) {
    if (name.back() != ')') return Fail(ErrorKind::kInvalidInput, "type `{}` lacks its closing parenthesis", text);
    arguments = name.substr(open + 1, name.size() - open - 2);
    name = name.substr(0, open);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  }
  for (const Spelling& spelling : kSpellings) {
    if (spelling.text != name) continue;
    Type type = MakeType(spelling.id);
    if (spelling.id == TypeId::kDecimal) {
      type.precision = 38;
      type.scale = 9;
      if (!arguments.empty()) {
        size_t comma = arguments.find(',');
        bool ok = ParseNumber(arguments.substr(0, comma), &type.precision);
        type.scale = 0;
        if (comma != std::string_view::npos) ok = ok && ParseNumber(arguments.substr(comma + 1), &type.scale);
        if (!ok || type.precision < 1 || type.precision > kMaxDecimalPrecision || type.scale < 0 ||
            type.scale > type.precision) {
          return FailWithFix(ErrorKind::kInvalidInput, "write decimal(p,s) with 1 <= p <= 38 and 0 <= s <= p",
                             "`{}` is no decimal type", text);
        }
      }
    } else if (spelling.id == TypeId::kText && !arguments.empty()) {
      if (!ParseNumber(arguments, &type.length) || type.length < 1) {
        return Fail(ErrorKind::kInvalidInput, "`{}` has no valid length", text);
      }
    } else if (!arguments.empty()) {
      return Fail(ErrorKind::kInvalidInput, "type `{}` takes no arguments", name);
    }
    return type;
  }
  return FailWithFix(
      ErrorKind::kInvalidInput,
      "one of text, bigint, double, decimal(p,s), bool, timestamp, timestamp_ntz, date, time, binary, json",
      "unknown type `{}`", text);
}

}  // namespace nilus
