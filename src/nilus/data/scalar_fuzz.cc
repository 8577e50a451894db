// Any text as a value of any type: never a crash, and what is accepted is canonical after one round.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "nilus/data/scalar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus;
  if (size < 3) return 0;
  Type type = MakeType(static_cast<TypeId>(data[0] % 14));
  if (type.id == TypeId::kDecimal) type = MakeDecimal(1 + data[1] % 38, data[2] % (2 + data[1] % 38));
  std::string text(reinterpret_cast<const char*>(data) + 3, size - 3);
  ColumnBuilder builder(type);
  if (!AppendParsed(text, &builder)) return 0;
  Column column = builder.Finish();
  std::string canonical = ScalarAt(column, 0).text;
  ColumnBuilder again(type);
  if (!AppendParsed(canonical, &again)) std::abort();
  Column second = again.Finish();
  if (ScalarAt(second, 0).text != canonical || CompareCells(column, 0, second, 0) != 0) std::abort();
  return 0;
}
