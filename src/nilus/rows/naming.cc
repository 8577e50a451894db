#include "nilus/rows/naming.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nilus {
namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A word begins at an upper letter that a lower letter or digit precedes (userId), or that ends a run of upper ones and
// starts a word of its own (HTTPServer: before the S).
bool StartsWord(std::string_view name, size_t at) {
  if (at == 0 || !IsUpper(name[at])) return false;
  char before = name[at - 1];
  if (IsLower(before) || IsDigit(before)) return true;
  return IsUpper(before) && at + 1 < name.size() && IsLower(name[at + 1]);
}

std::string SnakeCase(std::string_view name) {
  std::string result;
  result.reserve(name.size() + 8);
  auto separate = [&] {
    if (result.empty() || result.back() != '_') result.push_back('_');
  };
  for (size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (StartsWord(name, i)) separate();
    if (IsUpper(c)) {
      result.push_back(static_cast<char>(c - 'A' + 'a'));
    } else if (IsLower(c) || IsDigit(c)) {
      result.push_back(c);
    } else {
      separate();
    }
  }
  if (result.empty()) return "_";
  if (IsDigit(result.front())) result.insert(result.begin(), '_');
  return result;
}

// Where "__v_<family>" begins at the end of the name; its length: nowhere.
size_t VariantEnding(std::string_view name) {
  constexpr std::string_view kMark = "__v_";
  constexpr std::array<std::string_view, 11> kFamilies = {
      "text", "bigint", "double", "decimal", "bool", "date", "time", "json", "timestamp", "timestamp_ntz", "binary"};
  const size_t at = name.rfind(kMark);
  if (at == std::string_view::npos || at == 0) return name.size();
  const std::string_view family = name.substr(at + kMark.size());
  const bool is_known = std::find(kFamilies.begin(), kFamilies.end(), family) != kFamilies.end();
  return is_known ? at : name.size();
}

}  // namespace

Result<NamingStyle> NamingStyleFrom(const VariableLookup& variables) {
  std::optional<std::string> value = variables ? variables("SCHEMA_NAMING") : ProcessEnvironment()("SCHEMA_NAMING");
  if (!value || value->empty() || *value == "default") return NamingStyle::kDefault;
  if (*value == "direct") return NamingStyle::kDirect;
  return FailWithFix(ErrorKind::kInvalidInput, "set it to default (snake_case) or direct (as is)",
                     "SCHEMA_NAMING is `{}`", *value);
}

std::string NormalizeName(std::string_view name, NamingStyle style, int limit_bytes) {
  if (style == NamingStyle::kDirect) return name.empty() ? "_" : FitToLimit(name, limit_bytes);
  const size_t ending = VariantEnding(name);
  std::string result = SnakeCase(name.substr(0, ending));
  if (ending < name.size() && result.size() > 1 && result.back() == '_') result.pop_back();
  return FitToLimit(result.append(name.substr(ending)), limit_bytes);
}

std::string NormalizePath(std::string_view name, NamingStyle style, int limit_bytes) {
  if (style == NamingStyle::kDirect) return NormalizeName(name, style, limit_bytes);
  std::string result;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find(kLevels, begin), name.size());
    if (begin > 0) result += kLevels;
    result += SnakeCase(name.substr(begin, end - begin));
    begin = end + kLevels.size();
  }
  return FitToLimit(result, limit_bytes);
}

std::vector<std::string> PlacesNamed(std::string_view written, NamingStyle style, int limit_bytes) {
  std::vector<std::string> places = {NormalizePath(written, style, limit_bytes)};
  std::string column = NormalizeName(written, style, limit_bytes);
  if (column != places.front()) places.push_back(std::move(column));
  return places;
}

Error NameCollision(std::string_view table, std::string_view first, std::string_view second, std::string_view name) {
  return Error{
      ErrorKind::kInvalidInput,
      fmt::format("columns `{}` and `{}` of {} would both be named `{}` at the destination", first, second, table,
                  name),
      "leave one out with sql_exclude_columns (of a capture column.exclude.list), rename one at the source, or keep "
      "names as they are with SCHEMA_NAMING=direct"};
}

Result<NormalizedTable> NormalizeTableName(std::string_view dest_table, NamingStyle style, int limit_bytes) {
  size_t dot = dest_table.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == dest_table.size()) {
    return FailWithFix(ErrorKind::kInvalidInput, "write dest_table: <schema>.<table>, for instance raw.customers",
                       "Table name must be in the format <schema>.<table>, but dest_table is `{}`", dest_table);
  }
  std::string_view schema = dest_table.substr(0, dot);
  std::string_view name = dest_table.substr(dot + 1);
  NormalizedTable result{.schema = NormalizeName(schema, style, limit_bytes),
                         .name = NormalizeName(name, style, limit_bytes),
                         .warning = {}};
  if (result.schema != schema || result.name != name) {
    result.warning = fmt::format("dest_table `{}` becomes `{}.{}` by normalization (SCHEMA_NAMING=direct keeps it)",
                                 dest_table, result.schema, result.name);
  }
  return result;
}

}  // namespace nilus
