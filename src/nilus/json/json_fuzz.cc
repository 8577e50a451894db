// Records along the structure and by the strict scanner are the same, or neither takes the text; a shape does not
// depend on how values are grouped, and what it resolves to takes every value.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nilus/json/column.h"
#include "nilus/json/record_walk.h"
#include "nilus/json/shape.h"
#include "nilus/json/structure.h"

using namespace nilus::json;

namespace {

void Append(const Value& key, const Value& value, std::string* out) {
  out->append(key.written()).append(value.written()).push_back(value.escaped ? '1' : '0');
}

bool Scan(std::string_view text, std::string* fields) {
  Scanner scanner(text);
  scanner.SkipSpace();
  const bool ok = ReadFields(&scanner, [&](const Value& key) {
    Value value;
    if (!scanner.ReadValue(&value)) return false;
    Append(key, value, fields);
    return true;
  });
  scanner.SkipSpace();
  return ok && scanner.AtEnd();
}

bool Walk(std::string_view text, bool trusted, std::string* fields) {
  Structure structure;
  if (!structure.Find(text)) return false;
  RecordWalk walk(text, structure.offsets(), trusted);
  const bool ok = walk.ReadRecord([&](const Value& key, const Value& value) {
    Append(key, value, fields);
    return true;
  });
  return ok && walk.AtEnd();
}

void CheckRecord(std::string_view text) {
  std::string scanned;
  std::string walked;
  const bool is_record = Scan(text, &scanned);
  if (Walk(text, false, &walked) != is_record || (is_record && walked != scanned)) std::abort();
  if (!is_record) return;
  std::string trusted;
  if (!Walk(text, true, &trusted) || trusted != scanned) std::abort();
}

// Values are the lines.
void CheckShapes(std::string_view text) {
  const ShapeLimits limits{.deepest = 3, .most_paths = 1000, .looks_ahead = true};
  JsonShape whole;
  JsonShape quick;  // the same, but where an object names a key twice
  JsonShape odd;
  JsonShape even;
  for (size_t begin = 0, line = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view value = text.substr(begin, end - begin);
    begin = end + 1;
    const bool is_quick = quick.Observe(value, "f", {.deepest = 3, .most_paths = 1000}).has_value();
    if (!whole.Observe(value, "f", limits)) return;
    if (!is_quick && !quick.looked_into_repeats()) std::abort();
    if (!is_quick) return;
    if (!(line % 2 == 0 ? even : odd).Observe(value, "f", limits)) std::abort();
  }
  if (!odd.Merge(even, "f")) std::abort();
  if (!quick.looked_into_repeats() &&
      (quick.paths() != whole.paths() || !(quick.ResolveOthers() == whole.ResolveOthers())))
    std::abort();
  if (odd.paths() != whole.paths() || !(odd.Resolve() == whole.Resolve()) || odd.looked_into_repeats() ||
      odd.has_objects() != whole.has_objects() || odd.has_arrays() != whole.has_arrays() ||
      !(odd.ResolveOthers() == whole.ResolveOthers()))
    std::abort();
  nilus::ColumnBuilder column(whole.Resolve());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    Scanner scanner(text.substr(0, end), begin);
    begin = end + 1;
    Value value;
    scanner.SkipSpace();
    if (!scanner.ReadValue(&value) || !AppendValue(value, &column)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckRecord(text);
  CheckShapes(text);
  return 0;
}
