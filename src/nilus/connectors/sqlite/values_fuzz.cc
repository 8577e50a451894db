// Declarations and values as a hostile file may hold them: no crash, no overread, and what is read as a column's own
// type is stored back as the same value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "nilus/connectors/sqlite/functions.h"
#include "nilus/connectors/sqlite/values.h"
#include "nilus/data/scalar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nilus;
  using namespace nilus::sqlite;
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t split = all.find('\0');
  const std::string_view declared = all.substr(0, split);
  const std::string_view text = split == std::string_view::npos ? all : all.substr(split + 1);

  const auto level = data[0] % 2 == 0 ? ReflectionLevel::kFull : ReflectionLevel::kFullWithPrecision;
  const Type type = TypeOfDeclaration(declared, level).value_or(MakeType(static_cast<TypeId>(data[0] % 14)));
  OrdersAsStored(declared, type);

  constexpr int kStorages[] = {SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB};
  Value value{.storage = kStorages[data[1] % 4], .bytes = text};
  if (text.size() >= sizeof value.integer) {
    __builtin_memcpy(&value.integer, text.data(), sizeof value.integer);
    __builtin_memcpy(&value.real, text.data(), sizeof value.real);
  }
  if (value.storage == SQLITE_FLOAT && value.real != value.real) return 0;  // SQLite has no NaN

  ColumnBuilder builder(type);
  if (type.id == TypeId::kDecimal && type.precision == 0) return 0;
  if (AppendExactly(value, &builder)) {
    const Column column = builder.Finish();
    std::string canonical;
    AppendCellText(column, 0, &canonical);
    ColumnBuilder again(type);
    if (!AppendParsed(canonical, &again)) abort();
    std::string second;
    AppendCellText(again.Finish(), 0, &second);
    if (second != canonical) abort();
  } else {
    VariantText(value);
  }
  std::string key;
  DecimalKey(text, &key);
  return 0;
}
