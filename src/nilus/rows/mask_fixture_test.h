// What the tests of the masks share: columns from texts, and masks from what a manifest would say.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/rows/column_testing.h"
#include "nilus/rows/mask.h"
#include "nilus/rows/mask_sequence.h"

namespace nilus {

using Texts = std::vector<Cell>;

inline constexpr Type kText = MakeType(TypeId::kText);
inline constexpr Type kBigint = MakeType(TypeId::kInt64);
inline constexpr Type kDouble = MakeType(TypeId::kFloat64);
inline constexpr Type kDate = MakeType(TypeId::kDate);
inline constexpr Type kTimestamp = MakeType(TypeId::kTimestamp);

inline MaskRule RuleOf(std::string_view how) {
  size_t colon = how.find(':');
  return MaskRule{.column = "c",
                  .algorithm = std::string(how.substr(0, colon)),
                  .parameter = colon == std::string_view::npos ? "" : std::string(how.substr(colon + 1))};
}

inline std::unique_ptr<Mask> Make(std::string_view how, const Type& type) {
  Result<std::shared_ptr<MaskSequence>> sequence = MaskSequence::Create();
  Result<std::unique_ptr<Mask>> mask = MakeMask(RuleOf(how), type, *sequence);
  EXPECT_TRUE(mask) << how << ": " << (mask ? "" : mask.error().message);
  return mask ? *std::move(mask) : nullptr;
}

inline Texts TextsOf(const Column& column) { return CellsOf(column); }

// The masked text of one value, or the error's message behind "!".
inline std::string Masked(std::string_view how, const std::string& text, const Type& type = kText) {
  Result<std::unique_ptr<Mask>> mask = MakeMask(RuleOf(how), type, *MaskSequence::Create());
  if (!mask) return "!" + mask.error().message;
  Result<Column> column = (*mask)->Apply(ColumnOf(type, {text}));
  return column ? ScalarAt(*column, 0).text : "!" + column.error().message;
}

}  // namespace nilus
