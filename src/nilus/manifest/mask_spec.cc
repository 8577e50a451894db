// Which masks exist and which parameters they take (spec 03). What they do is the business of rows/.
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>

#include "nilus/base/redact.h"
#include "nilus/manifest/option_readers.h"

namespace nilus {
namespace {

enum class Parameter {
  kNone,
  kOptionalCount,
  kOptionalText,
  kOptionalNumber,
  kOptionalShare,
  kRequiredText,
  kRequiredNumber
};

struct MaskRule {
  std::string_view name;
  Parameter parameter;
  std::string_view example;
};
constexpr std::array<MaskRule, 22> kMasks = {{{"hash", Parameter::kNone, "hash"},
                                              {"sha256", Parameter::kNone, "sha256"},
                                              {"md5", Parameter::kNone, "md5"},
                                              {"hmac", Parameter::kRequiredText, "hmac:{HMAC_KEY}"},
                                              {"redact", Parameter::kNone, "redact"},
                                              {"email", Parameter::kNone, "email"},
                                              {"phone", Parameter::kNone, "phone"},
                                              {"credit_card", Parameter::kNone, "credit_card"},
                                              {"ssn", Parameter::kNone, "ssn"},
                                              {"partial", Parameter::kOptionalCount, "partial:3"},
                                              {"first_letter", Parameter::kNone, "first_letter"},
                                              {"stars", Parameter::kNone, "stars"},
                                              {"fixed", Parameter::kOptionalText, "fixed:HIDDEN"},
                                              {"uuid", Parameter::kNone, "uuid"},
                                              {"sequential", Parameter::kNone, "sequential"},
                                              {"random", Parameter::kNone, "random"},
                                              {"round", Parameter::kOptionalNumber, "round:10"},
                                              {"range", Parameter::kRequiredNumber, "range:10000"},
                                              {"noise", Parameter::kOptionalShare, "noise:0.1"},
                                              {"date_shift", Parameter::kOptionalCount, "date_shift:30"},
                                              {"year_only", Parameter::kNone, "year_only"},
                                              {"month_year", Parameter::kNone, "month_year"}}};

const MaskRule* FindMask(std::string_view name) {
  for (const MaskRule& rule : kMasks) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

std::optional<double> ReadNumber(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool Fits(Parameter kind, std::string_view text) {
  switch (kind) {
    case Parameter::kNone:
      return false;
    case Parameter::kOptionalText:
    case Parameter::kRequiredText:
      return !text.empty();
    case Parameter::kOptionalCount: {
      auto count = ParseInteger(text);
      return count && *count >= 1 && *count <= 1'000'000;
    }
    case Parameter::kOptionalNumber:
    case Parameter::kRequiredNumber:
      return ReadNumber(text).value_or(0) > 0;
    case Parameter::kOptionalShare: {
      double share = ReadNumber(text).value_or(0);
      return share > 0 && share <= 1;
    }
  }
  return false;
}

// What is no mask, without showing more of it than a mistyped name: it may be a key behind the wrong sign.
Failure NoMask(const std::string& column, std::string_view text) {
  const size_t equals = column.rfind('=');
  const MaskRule* in_column =
      equals == std::string::npos ? nullptr : FindMask(std::string_view(column).substr(equals + 1));
  if (in_column != nullptr) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       fmt::format("write {}:{}", column.substr(0, equals), in_column->example),
                       "a ':' stands between a column and its mask, and not '='");
  }
  std::string_view word = text.substr(0, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"));
  if (text.starts_with("hmac")) word = "hmac";
  if (const MaskRule* begun = FindMask(word)) {
    return FailWithFix(ErrorKind::kInvalidInput, fmt::format("write {}", begun->example),
                       "only a ':' and a parameter may stand behind the mask {}", begun->name);
  }
  std::vector<std::string_view> names;
  for (const MaskRule& known : kMasks) names.push_back(known.name);
  const std::string_view nearest = NearestName(text, names);
  if (!nearest.empty())
    return FailWithFix(ErrorKind::kInvalidInput, fmt::format("write {}", nearest), "{} is not a mask", Shown(text));
  return FailWithFix(ErrorKind::kInvalidInput, fmt::format("known: {}", fmt::join(names, ", ")),
                     "what stands there is not a mask");
}

// A variable that was meant would else be a key that everybody knows.
bool IsHalfAPlaceholder(std::string_view key) {
  if (!PlaceholderNames(key).empty()) return false;
  if (key.starts_with('{') || key.starts_with("${")) return true;
  return key.size() > 1 && key.front() == '$' && PlaceholderNames(fmt::format("{{{}}}", key.substr(1))).size() == 1;
}

}  // namespace

Result<MaskSpec> ParseMask(const std::string& column, std::string_view text) {
  size_t colon = text.find(':');
  MaskSpec mask{column, std::string(text.substr(0, colon)), {}, colon != std::string_view::npos};
  if (mask.has_parameter) mask.parameter = text.substr(colon + 1);
  const MaskRule* rule = FindMask(mask.algorithm);
  if (rule == nullptr) return NoMask(column, mask.algorithm);
  bool is_required = rule->parameter == Parameter::kRequiredText || rule->parameter == Parameter::kRequiredNumber;
  std::string fix = "write " + std::string(rule->example);
  if (!mask.has_parameter) {
    if (is_required) return FailWithFix(ErrorKind::kInvalidInput, fix, "the mask {} needs a parameter", rule->name);
    return mask;
  }
  if (rule->parameter == Parameter::kNone) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "the mask {} takes no parameter", rule->name);
  }
  if (mask.algorithm == "hmac" && IsHalfAPlaceholder(mask.parameter)) {
    return FailWithFix(ErrorKind::kInvalidInput, "write hmac:{HMAC_KEY}, with the variable's name between the braces",
                       "the key of the mask hmac looks like a variable, but is none");
  }
  if (mask.algorithm == "hmac" && PlaceholderNames(mask.parameter).empty()) RegisterSecret(mask.parameter);
  if (!Fits(rule->parameter, mask.parameter)) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "the parameter of the mask {} is not one that it takes",
                       rule->name);
  }
  return mask;
}

}  // namespace nilus
