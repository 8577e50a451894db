// Masks (spec 03, "Masking"; docs/masks.md): what becomes of the values of one column before anything is staged, logged
// or written. Work on whole columns. NULL stays NULL. A value that the algorithm cannot be applied to is kData: a mask
// never lets a value through. No error names a value.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"

namespace nilus {

class MaskSequence;

struct MaskRule {
  std::string column;     // as written: the source's name or the destination's
  std::string algorithm;  // one of the table's: hash, partial, …
  std::string parameter;  // what stands behind the first ':'; empty: the algorithm's own default
};

// One algorithm set up for one column. Not thread-safe: every thread makes its own.
class Mask {
 public:
  virtual ~Mask() = default;
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;

  // The type that takes the place of the column's.
  const Type& result_type() const { return result_type_; }
  // `column` is of the type the mask was made for. The result does not depend on how rows are split into columns, but
  // for `random` and `noise`. kData: a value that cannot be masked.
  virtual Result<Column> Apply(const Column& column) = 0;

 protected:
  Mask(const MaskRule& rule, Type result_type)
      : column_(rule.column), algorithm_(rule.algorithm), result_type_(result_type) {}
  // `why` follows "a value": "is no number".
  Failure Refuse(std::string_view why) const;

 private:
  const std::string column_;
  const std::string algorithm_;
  const Type result_type_;
};

// kInvalidInput: no such algorithm, a parameter it does not take, or a column type it has no meaning for. `sequence` is
// what `sequential` counts by, shared by all threads of a run; the others take none.
Result<std::unique_ptr<Mask>> MakeMask(const MaskRule& rule, const Type& source,
                                       std::shared_ptr<MaskSequence> sequence = nullptr);

// What remains of the difference between two values.
enum class MaskedKey {
  kRandom,    // nothing to hold on to: the same value comes out otherwise every time
  kLossy,     // the same value comes out the same, but different ones may as well
  kDistinct,  // different values come out different unless somebody set out to make them meet (md5)
  kUnique,    // different values come out different for all that can happen
};
MaskedKey MaskedKeyOf(std::string_view algorithm);

// What a mask looks at.
enum class MaskReads {
  kNothing,  // a constant takes the value's place
  kText,     // its canonical text
  kMeaning,  // the number or date that it is, or that its text says
  kType,     // its column's type
};
MaskReads MaskReadsOf(std::string_view algorithm);

}  // namespace nilus
