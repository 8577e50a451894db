// Any bytes as YAML: the tree respects its limits, has unique keys, and a place at every node.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "nilus/manifest/yaml_tree.h"

namespace {

size_t CheckNode(const nilus::YamlNode& node, size_t depth, const nilus::YamlLimits& limits) {
  if (depth > limits.max_depth + 1 || node.place.line < 1 || node.place.column < 1) abort();
  size_t nodes = 1;
  std::set<std::string> keys;
  for (const auto& [key, place, value] : node.entries) {
    if (!keys.insert(key).second || place.line < 1) abort();
    nodes += CheckNode(value, depth + 1, limits);
  }
  for (const auto& item : node.items) nodes += CheckNode(item, depth + 1, limits);
  return nodes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nilus::YamlLimits limits;
  limits.max_nodes = 5000;
  limits.max_depth = 16;
  nilus::Problems problems;
  auto documents = nilus::ParseYaml({reinterpret_cast<const char*>(data), size}, "fuzz.yaml", limits, problems);
  size_t nodes = 0;
  for (const auto& document : documents) nodes += CheckNode(document, 1, limits);
  if (nodes > limits.max_nodes) abort();
  nilus::RenderProblems(problems);
  return 0;
}
