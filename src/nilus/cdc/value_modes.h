// decimal.handling.mode and binary.handling.mode: columns of the source that land as doubles or texts, whatever reads
// them (snapshot or log), before masks, names and types. A column with a type hint stays as it is: the hint wins, and
// is to see all digits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"

namespace nilus {

enum class DecimalMode : uint8_t { kPrecise, kDouble, kString };
enum class BinaryMode : uint8_t { kBytes, kBase64, kBase64UrlSafe, kHex };

struct ValueModes {
  DecimalMode decimals = DecimalMode::kPrecise;
  BinaryMode binaries = BinaryMode::kBytes;

  bool empty() const { return decimals == DecimalMode::kPrecise && binaries == BinaryMode::kBytes; }
  // What a column of this type becomes.
  Type TypeFor(const Type& type) const;

  // By a column's name: it is left as it is.
  using IsKept = std::function<bool(const std::string& column)>;
  Schema Apply(Schema schema, const IsKept& is_kept) const;
  // Values that the source could not give their column's type (texts in a variant column, as NaN of a decimal) come
  // back to their column, but for those that are no doubles. kExhausted: the texts have no room in a batch.
  Result<RecordBatch> Apply(const RecordBatch& batch, const IsKept& is_kept) const;
};

}  // namespace nilus
