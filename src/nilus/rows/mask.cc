#include "nilus/rows/mask.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "nilus/rows/mask_families.h"

namespace nilus {
namespace {

struct Algorithm {
  std::string_view name;
  MaskedKey key;
};
constexpr std::array<Algorithm, 22> kAlgorithms = {
    {{"hash", MaskedKey::kUnique},     {"sha256", MaskedKey::kUnique},      {"md5", MaskedKey::kDistinct},
     {"hmac", MaskedKey::kUnique},     {"redact", MaskedKey::kLossy},       {"email", MaskedKey::kLossy},
     {"phone", MaskedKey::kLossy},     {"credit_card", MaskedKey::kLossy},  {"ssn", MaskedKey::kLossy},
     {"partial", MaskedKey::kLossy},   {"first_letter", MaskedKey::kLossy}, {"stars", MaskedKey::kLossy},
     {"fixed", MaskedKey::kLossy},     {"uuid", MaskedKey::kUnique},        {"sequential", MaskedKey::kUnique},
     {"random", MaskedKey::kRandom},   {"round", MaskedKey::kLossy},        {"range", MaskedKey::kLossy},
     {"noise", MaskedKey::kRandom},    {"date_shift", MaskedKey::kLossy},   {"year_only", MaskedKey::kLossy},
     {"month_year", MaskedKey::kLossy}}};

}  // namespace

Failure Mask::Refuse(std::string_view why) const {
  return FailWithFix(ErrorKind::kData,
                     "mask the column otherwise (redact and hash take anything), or mend or cast its values at the "
                     "source with query:SELECT …",
                     "column `{}` cannot be masked with {}: a value {}", column_, algorithm_, why);
}

Failure WrongMaskType(const MaskRule& rule, const Type& source, std::string_view wants) {
  return FailWithFix(
      ErrorKind::kInvalidInput, "mask the column otherwise (redact and hash take anything)",
      "column `{}` cannot be masked with {}: it is of type {}, and the mask is for {}, or text that reads as such",
      rule.column, rule.algorithm, source.ToString(), wants);
}

Result<int64_t> MaskCount(const MaskRule& rule, int64_t otherwise, int64_t highest) {
  const std::string& text = rule.parameter;
  if (text.empty()) return otherwise;
  int64_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size() && count >= 1 && count <= highest) return count;
  return FailWithFix(ErrorKind::kInvalidInput, fmt::format("write {}:{}", rule.algorithm, otherwise),
                     "the mask {} of column `{}` wants a whole number from 1 to {}", rule.algorithm, rule.column,
                     highest);
}

Result<std::unique_ptr<Mask>> MakeMask(const MaskRule& rule, const Type& source,
                                       std::shared_ptr<MaskSequence> sequence) {
  std::unique_ptr<Mask> mask;
  NILUS_ASSIGN(mask, MakeTextMask(rule));
  if (mask != nullptr) return mask;
  NILUS_ASSIGN(mask, MakeDigestMask(rule));
  if (mask != nullptr) return mask;
  NILUS_ASSIGN(mask, MakeNumberMask(rule, source));
  if (mask != nullptr) return mask;
  NILUS_ASSIGN(mask, MakeDateMask(rule, source));
  if (mask != nullptr) return mask;
  NILUS_ASSIGN(mask, MakeRandomMask(rule, source));
  if (mask != nullptr) return mask;
  NILUS_ASSIGN(mask, MakeSequentialMask(rule, std::move(sequence)));
  if (mask != nullptr) return mask;
  return Fail(ErrorKind::kInvalidInput, "`{}`, the mask of column `{}`, is no mask", rule.algorithm, rule.column);
}

MaskedKey MaskedKeyOf(std::string_view algorithm) {
  const auto* known = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                   [&](const Algorithm& candidate) { return candidate.name == algorithm; });
  return known == kAlgorithms.end() ? MaskedKey::kRandom : known->key;
}

}  // namespace nilus
