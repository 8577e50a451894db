#include "nilus/manifest/yaml_tree.h"

#include <algorithm>

namespace nilus {

// Here, where YamlEntry is complete.
YamlNode::YamlNode() = default;
YamlNode::~YamlNode() = default;
YamlNode::YamlNode(const YamlNode&) = default;
YamlNode::YamlNode(YamlNode&&) noexcept = default;
YamlNode& YamlNode::operator=(const YamlNode&) = default;
YamlNode& YamlNode::operator=(YamlNode&&) noexcept = default;

const YamlNode* YamlNode::Find(std::string_view key) const {
  auto found = std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

YamlNode* YamlNode::Find(std::string_view key) { return const_cast<YamlNode*>(std::as_const(*this).Find(key)); }

YamlNode& YamlNode::Set(std::string key, YamlNode value) {
  if (YamlNode* existing = Find(key)) return *existing = std::move(value);
  SourcePlace key_place = value.place;
  return entries.emplace_back(YamlEntry{std::move(key), std::move(key_place), std::move(value)}).value;
}

YamlNode YamlNode::Scalar(std::string text, SourcePlace place) {
  YamlNode node;
  node.kind = YamlKind::kScalar;
  node.text = std::move(text);
  node.place = std::move(place);
  return node;
}

YamlNode YamlNode::Map(SourcePlace place) {
  YamlNode node;
  node.kind = YamlKind::kMap;
  node.place = std::move(place);
  return node;
}

std::string_view YamlKindName(YamlKind kind) {
  switch (kind) {
    case YamlKind::kNull:
      return "nothing";
    case YamlKind::kScalar:
      return "a single value";
    case YamlKind::kSequence:
      return "a list";
    case YamlKind::kMap:
      return "a map";
  }
  return "nothing";
}

void SetYamlValue(YamlNode& root, std::string_view path, std::string_view value, const SourcePlace& origin,
                  Problems& problems) {
  constexpr size_t kDeepestPath = 16;
  auto problem = [&](std::string message, std::string fix = {}) {
    problems.push_back({origin, std::string(path), std::move(message), std::move(fix)});
  };
  YamlNode* node = &root;
  std::string_view rest = path;
  for (size_t depth = 0;; ++depth) {
    size_t dot = rest.find('.');
    std::string_view step = rest.substr(0, dot);
    if (step.empty() || depth >= kDeepestPath) {
      return problem("the path is not one", "write names separated by single dots: spec.source.options.sql_limit=10");
    }
    if (node->kind == YamlKind::kSequence) {
      bool is_number =
          step.size() <= 6 && std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; });
      size_t index = is_number ? std::stoul(std::string(step)) : node->items.size() + 1;
      if (index > node->items.size()) {
        return problem(
            "'" + std::string(step) + "' is no element of this list of " + std::to_string(node->items.size()),
            "elements are numbered from 0");
      }
      if (index == node->items.size()) node->items.emplace_back().place = origin;
      node = &node->items[index];
    } else {
      if (node->kind == YamlKind::kScalar)
        return problem("'" + std::string(step) + "' stands below a single value, not a map");
      if (node->kind == YamlKind::kNull) *node = YamlNode::Map(origin);
      YamlNode* next = node->Find(step);
      if (next == nullptr) {
        YamlNode empty;
        empty.place = origin;
        next = &node->Set(std::string(step), std::move(empty));
      }
      node = next;
    }
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
    // A number below something that is not there yet makes a list: cluster_by.0
    if (node->kind == YamlKind::kNull && rest.substr(0, rest.find('.')) == "0") {
      node->kind = YamlKind::kSequence;
      node->place = origin;
    }
  }
  if (value.starts_with('[') || value.starts_with('{')) {
    Problems parse_problems;
    std::vector<YamlNode> documents = ParseYaml(value, origin.file, {}, parse_problems);
    if (parse_problems.empty() && documents.size() == 1 && documents[0].kind != YamlKind::kScalar) {
      *node = std::move(documents[0]);
      return;
    }
  }
  *node = YamlNode::Scalar(std::string(value), origin);
}

}  // namespace nilus
