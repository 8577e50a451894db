// Any bytes under any mask: never a crash, NULL stays NULL, and the texts that leave stars are no longer than what they
// were made of and hold no character they should hide.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "nilus/data/builder.h"
#include "nilus/rows/mask.h"
#include "nilus/rows/mask_characters.h"
#include "nilus/rows/mask_sequence.h"

namespace {

constexpr std::string_view kAlgorithms[] = {"hash",        "md5",        "hmac",      "redact",       "email", "phone",
                                            "credit_card", "ssn",        "partial",   "first_letter", "stars", "fixed",
                                            "uuid",        "sequential", "random",    "round",        "range", "noise",
                                            "date_shift",  "year_only",  "month_year"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus;
  if (size < 2) return 0;
  MaskRule rule{
      .column = "c", .algorithm = std::string(kAlgorithms[data[0] % std::size(kAlgorithms)]), .parameter = {}};
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (size_t parameter = std::min<size_t>(data[1] % 8, text.size()); parameter > 0) {
    rule.parameter = text.substr(0, parameter);
    text.remove_prefix(parameter);
  }
  auto sequence = MaskSequence::Parse(std::string(32, 'a') + ":" + std::string(text));
  if (!sequence) sequence = MaskSequence::Create();
  auto mask = MakeMask(rule, MakeType(TypeId::kText), *sequence);
  if (!mask) return 0;
  ColumnBuilder builder(MakeType(TypeId::kText));
  builder.AppendBytes(text);
  builder.AppendNull();
  builder.AppendBytes(text);
  const Column column = builder.Finish();
  auto masked = (*mask)->Apply(column);
  if (!masked) {
    if (!text.empty() && text.size() > 20 && masked.error().message.find(text) != std::string::npos) std::abort();
    return 0;
  }
  if (masked->length != 3 || masked->null_count != 1 || !masked->IsNull(1)) std::abort();
  if (rule.algorithm == "stars") {
    if (masked->BytesValue(0) != std::string(CountCharacters(text), '*')) std::abort();
    if (masked->BytesValue(2) != masked->BytesValue(0)) std::abort();
  }
  if (rule.algorithm == "phone" || rule.algorithm == "ssn" || rule.algorithm == "partial") {
    if (CountCharacters(masked->BytesValue(0)) != CountCharacters(text)) std::abort();
    if (rule.algorithm != "partial" && !text.empty() && masked->BytesValue(0) == text &&
        text.find_first_not_of('*') != std::string_view::npos) {
      std::abort();  // nothing was hidden
    }
  }
  return 0;
}
