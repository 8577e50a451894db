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
  MaskReads reads;
};
constexpr std::array<Algorithm, 22> kAlgorithms = {
    {{"hash", MaskedKey::kUnique, MaskReads::kText},        {"sha256", MaskedKey::kUnique, MaskReads::kText},
     {"md5", MaskedKey::kDistinct, MaskReads::kText},       {"hmac", MaskedKey::kUnique, MaskReads::kText},
     {"redact", MaskedKey::kLossy, MaskReads::kNothing},    {"email", MaskedKey::kLossy, MaskReads::kText},
     {"phone", MaskedKey::kLossy, MaskReads::kText},        {"credit_card", MaskedKey::kLossy, MaskReads::kText},
     {"ssn", MaskedKey::kLossy, MaskReads::kText},          {"partial", MaskedKey::kLossy, MaskReads::kText},
     {"first_letter", MaskedKey::kLossy, MaskReads::kText}, {"stars", MaskedKey::kLossy, MaskReads::kText},
     {"fixed", MaskedKey::kLossy, MaskReads::kNothing},     {"uuid", MaskedKey::kUnique, MaskReads::kText},
     {"sequential", MaskedKey::kUnique, MaskReads::kText},  {"random", MaskedKey::kRandom, MaskReads::kType},
     {"round", MaskedKey::kLossy, MaskReads::kMeaning},     {"range", MaskedKey::kLossy, MaskReads::kMeaning},
     {"noise", MaskedKey::kRandom, MaskReads::kMeaning},    {"date_shift", MaskedKey::kLossy, MaskReads::kMeaning},
     {"year_only", MaskedKey::kLossy, MaskReads::kMeaning}, {"month_year", MaskedKey::kLossy, MaskReads::kMeaning}}};

const Algorithm* Find(std::string_view name) {
  const auto* known = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                   [&](const Algorithm& candidate) { return candidate.name == name; });
  return known == kAlgorithms.end() ? nullptr : known;
}

// Numbers and dates in a json column: what makes it json are the other values, which may be their own texts.
class MaskOfJson final : public Mask {
 public:
  MaskOfJson(const MaskRule& rule, std::unique_ptr<Mask> of_text)
      : Mask(rule, of_text->result_type()), of_text_(std::move(of_text)) {}

  Result<Column> Apply(const Column& column) override { return of_text_->Apply(JsonAsPlainText(column)); }

 private:
  const std::unique_ptr<Mask> of_text_;
};

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
  if (source.id == TypeId::kJson && MaskReadsOf(rule.algorithm) == MaskReads::kMeaning) {
    NILUS_ASSIGN(mask, MakeMask(rule, MakeType(TypeId::kText)));
    return std::make_unique<MaskOfJson>(rule, std::move(mask));
  }
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
  const Algorithm* known = Find(algorithm);
  return known == nullptr ? MaskedKey::kRandom : known->key;
}

MaskReads MaskReadsOf(std::string_view algorithm) {
  const Algorithm* known = Find(algorithm);
  return known == nullptr ? MaskReads::kNothing : known->reads;
}

}  // namespace nilus
