// Any text read as any type, strictly and leniently: nothing crashes, a value that was taken over strictly says the
// same when it is read back from its canonical text, and no row is both a value and a misfit.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/coerce.h"

namespace {

using nilus::TypeId;

constexpr nilus::Type kTypes[] = {
    nilus::MakeType(TypeId::kBool),
    nilus::MakeType(TypeId::kInt16),
    nilus::MakeType(TypeId::kInt32),
    nilus::MakeType(TypeId::kInt64),
    nilus::MakeType(TypeId::kFloat32),
    nilus::MakeType(TypeId::kFloat64),
    nilus::MakeDecimal(38, 10),
    nilus::MakeDecimal(5, 0),
    nilus::MakeType(TypeId::kText),
    nilus::MakeType(TypeId::kBinary),
    nilus::MakeType(TypeId::kJson),
    nilus::MakeType(TypeId::kDate),
    nilus::MakeType(TypeId::kTime),
    nilus::MakeType(TypeId::kTimestamp),
    nilus::MakeType(TypeId::kTimestampNtz),
};

void Check(const nilus::Column& column, const nilus::Type& to, nilus::CoerceRule rule) {
  nilus::Coerced coerced = nilus::Coerce(column, to, rule);
  if (coerced.column.length != 1 || !(coerced.column.type == to)) std::abort();
  if (coerced.column.IsNull(0) != (coerced.misfit_count == 1)) std::abort();
  if (coerced.misfit_count == 1) return;
  nilus::Scalar scalar = nilus::ScalarAt(coerced.column, 0);
  nilus::ColumnBuilder again(to);
  if (!nilus::AppendParsed(scalar.text, &again)) std::abort();
  if (nilus::ScalarAt(again.Finish(), 0).text != scalar.text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (TypeId from : {TypeId::kText, TypeId::kJson, TypeId::kBinary}) {
    nilus::ColumnBuilder builder(nilus::MakeType(from));
    builder.AppendBytes(text);
    const nilus::Column column = builder.Finish();
    for (const nilus::Type& to : kTypes) {
      Check(column, to, nilus::CoerceRule::kExact);
      Check(column, to, nilus::CoerceRule::kLenient);
    }
  }
  return 0;
}
