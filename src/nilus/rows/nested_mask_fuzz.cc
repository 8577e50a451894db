// Lines of JSON as the documents of a column, masked at a path: the first byte chooses it. Nothing crashes; what comes
// out is JSON again, and masking it once more changes nothing.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/json/scanner.h"
#include "nilus/rows/nested_mask.h"

using namespace nilus;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> PathOf(uint8_t choice) {
  std::vector<std::string> path = {"a"};
  if (choice % 4 > 0) path.emplace_back("b");
  if (choice % 4 > 1) path.emplace_back("a");
  return path;
}

Result<Column> Redact(const std::vector<std::string>& path, const Column& documents) {
  NestedMask mask(MaskRule{.column = "doc", .algorithm = "redact", .parameter = {}}, path, NamingStyle::kDefault,
                  nullptr);
  return mask.Apply(documents);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::vector<std::string> path = PathOf(data[0]);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ColumnBuilder documents(MakeType(TypeId::kJson));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    documents.AppendBytes(text.substr(begin, end - begin));
    begin = end + 1;
  }
  const Column column = documents.Finish();
  Result<Column> masked = Redact(path, column);
  if (!masked) return 0;
  Require(masked->length == column.length && masked->null_count == 0);
  for (int64_t row = 0; row < masked->length; ++row) {
    json::Scanner scanner(masked->BytesValue(row));
    json::Value value;
    scanner.SkipSpace();
    Require(scanner.ReadValue(&value));
    scanner.SkipSpace();
    Require(scanner.AtEnd());
  }
  Result<Column> again = Redact(path, *masked);
  Require(again.has_value());
  for (int64_t row = 0; row < masked->length; ++row) Require(again->BytesValue(row) == masked->BytesValue(row));
  return 0;
}
