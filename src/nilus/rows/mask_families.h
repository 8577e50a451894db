// Inside of the masks: the families of algorithms, and the loop they share. See mask.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/json_kinds.h"
#include "nilus/rows/mask.h"
#include "nilus/rows/value_text.h"

namespace nilus {

// Each makes the algorithms of its family, and is null for any other.
Result<std::unique_ptr<Mask>> MakeTextMask(const MaskRule& rule);
Result<std::unique_ptr<Mask>> MakeDigestMask(const MaskRule& rule);
Result<std::unique_ptr<Mask>> MakeNumberMask(const MaskRule& rule, const Type& source);
Result<std::unique_ptr<Mask>> MakeDateMask(const MaskRule& rule, const Type& source);
Result<std::unique_ptr<Mask>> MakeRandomMask(const MaskRule& rule, const Type& source);
Result<std::unique_ptr<Mask>> MakeSequentialMask(const MaskRule& rule, std::shared_ptr<MaskSequence> sequence);

// The algorithm has no meaning for the column's type. `wants`: "numbers", "dates".
Failure WrongMaskType(const MaskRule& rule, const Type& source, std::string_view wants);

// The parameter as a whole number from 1 to `highest`; `otherwise` when there is none. kInvalidInput.
Result<int64_t> MaskCount(const MaskRule& rule, int64_t otherwise, int64_t highest);

// Why a value cannot be masked ("is no number"); null: it can.
using MaskProblem = const char*;
inline constexpr MaskProblem kTooManyBytes = "makes the column longer than the 2 GiB a batch may have";

// `each(row, &out)` for every value that is not NULL, which stays NULL. Returns the first problem.
template <typename Each>
MaskProblem MaskValues(const Column& column, ColumnBuilder* out, Each each) {
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) {
      out->AppendNull();
    } else if (MaskProblem problem = each(row, out)) {
      return problem;
    }
  }
  return nullptr;
}

// `each(text, &out)` for the canonical text of every value that is not NULL; of a JSON string, what it means: what a
// mask makes of a value must not hang on the other values that made its column json. `scratch` is the caller's, to keep
// its memory from one column to the next.
template <typename Each>
MaskProblem MaskTexts(const Column& column, ColumnBuilder* out, std::string* scratch, Each each) {
  if (column.type.id == TypeId::kJson) return MaskTexts(JsonAsPlainText(column), out, scratch, std::move(each));
  if (column.type.id == TypeId::kText) {
    return MaskValues(column, out,
                      [&](int64_t row, ColumnBuilder* to) -> MaskProblem { return each(column.BytesValue(row), to); });
  }
  return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
    scratch->clear();
    AppendValueText(column, row, scratch);
    return each(std::string_view(*scratch), to);
  });
}

inline MaskProblem AppendMasked(std::string_view text, ColumnBuilder* out) {
  if (out->WouldOverflow(text.size())) return kTooManyBytes;
  out->AppendBytes(text);
  return nullptr;
}

}  // namespace nilus
