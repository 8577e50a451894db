// Which masks exist and which parameters they take (spec 03). What they do is the business of rows/.
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

}  // namespace

Result<MaskSpec> ParseMask(const std::string& column, std::string_view text) {
  size_t colon = text.find(':');
  MaskSpec mask{column, std::string(text.substr(0, colon)), {}, colon != std::string_view::npos};
  if (mask.has_parameter) mask.parameter = text.substr(colon + 1);
  const MaskRule* rule = FindMask(mask.algorithm);
  if (rule == nullptr) {
    std::vector<std::string_view> names;
    for (const MaskRule& known : kMasks) names.push_back(known.name);
    std::string_view nearest = NearestName(mask.algorithm, names);
    std::string all;
    for (std::string_view name : names) all += (all.empty() ? "" : ", ") + std::string(name);
    return FailWithFix(ErrorKind::kInvalidInput, nearest.empty() ? "known: " + all : "write " + std::string(nearest),
                       "{} is not a mask", Shown(mask.algorithm));
  }
  bool is_required = rule->parameter == Parameter::kRequiredText || rule->parameter == Parameter::kRequiredNumber;
  std::string fix = "write " + std::string(rule->example);
  if (!mask.has_parameter) {
    if (is_required) return FailWithFix(ErrorKind::kInvalidInput, fix, "the mask {} needs a parameter", rule->name);
    return mask;
  }
  if (rule->parameter == Parameter::kNone) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "the mask {} takes no parameter", rule->name);
  }
  if (mask.algorithm == "hmac" && PlaceholderNames(mask.parameter).empty()) RegisterSecret(mask.parameter);
  if (!Fits(rule->parameter, mask.parameter)) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "the parameter of the mask {} is not one that it takes",
                       rule->name);
  }
  return mask;
}

}  // namespace nilus
