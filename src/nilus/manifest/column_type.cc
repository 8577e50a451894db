#include <algorithm>
#include <array>
#include <cctype>

#include "nilus/base/option_spec.h"
#include "nilus/manifest/map_reader.h"
#include "nilus/manifest/values.h"

namespace nilus {
namespace {

constexpr std::array<std::string_view, 11> kTypes = {
    "text", "bigint", "double", "decimal", "bool", "timestamp", "timestamp_ntz", "date", "time", "binary", "json"};
struct Synonym {
  std::string_view name;
  std::string_view type;
};
constexpr std::array<Synonym, 26> kSynonyms = {{{"string", "text"},
                                                {"str", "text"},
                                                {"varchar", "text"},
                                                {"char", "text"},
                                                {"int", "bigint"},
                                                {"integer", "bigint"},
                                                {"int8", "bigint"},
                                                {"int64", "bigint"},
                                                {"long", "bigint"},
                                                {"smallint", "bigint"},
                                                {"float", "double"},
                                                {"float8", "double"},
                                                {"float64", "double"},
                                                {"double precision", "double"},
                                                {"real", "double"},
                                                {"numeric", "decimal"},
                                                {"number", "decimal"},
                                                {"boolean", "bool"},
                                                {"timestamptz", "timestamp"},
                                                {"timestamp_tz", "timestamp"},
                                                {"datetime", "timestamp"},
                                                {"bytes", "binary"},
                                                {"bytea", "binary"},
                                                {"blob", "binary"},
                                                {"jsonb", "json"},
                                                {"complex", "json"}}};
constexpr int kMaxPrecision = 38;

}  // namespace

Result<std::string> CanonicalColumnType(std::string_view text) {
  std::string lower;
  for (unsigned char c : text) {
    if (c != ' ' || (!lower.empty() && lower.back() != ' ')) lower.push_back(static_cast<char>(std::tolower(c)));
  }
  while (lower.ends_with(' ')) lower.pop_back();
  std::string name = lower.substr(0, lower.find('('));
  while (name.ends_with(' ')) name.pop_back();
  auto synonym = std::find_if(kSynonyms.begin(), kSynonyms.end(), [&](const Synonym& s) { return s.name == name; });
  std::string type = synonym == kSynonyms.end() ? name : std::string(synonym->type);
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    std::string_view nearest = NearestName(name, kTypes);
    return FailWithFix(
        ErrorKind::kInvalidInput,
        nearest.empty()
            ? "write text, bigint, double, decimal(p,s), bool, timestamp, timestamp_ntz, date, time, binary or json"
            : "write " + std::string(nearest),
        "{} is not a column type", Shown(text));
  }
  size_t open = lower.find('(');
  if (type != "decimal") {
    if (open == std::string::npos) return type;
    return FailWithFix(ErrorKind::kInvalidInput, "write " + type, "{}: only decimal takes a precision", Shown(text));
  }
  if (open == std::string::npos) return std::string("decimal(38,9)");
  if (!lower.ends_with(')'))
    return FailWithFix(ErrorKind::kInvalidInput, "write decimal(12,2)", "{} is not a column type", Shown(text));
  std::vector<std::string> numbers = SplitCommaList(std::string_view(lower).substr(open + 1, lower.size() - open - 2));
  auto precision = numbers.empty() ? std::nullopt : ParseInteger(numbers[0]);
  auto scale = numbers.size() < 2 ? std::optional<int64_t>(0) : ParseInteger(numbers[1]);
  if (numbers.size() > 2 || !precision || !scale || *precision < 1 || *precision > kMaxPrecision || *scale < 0 ||
      *scale > *precision) {
    return FailWithFix(ErrorKind::kInvalidInput, "write decimal(p,s) with p from 1 to 38 and s from 0 to p",
                       "{} is not a decimal type", Shown(text));
  }
  return fmt::format("decimal({},{})", *precision, *scale);
}

}  // namespace nilus
