// YAML as this module sees it: a small tree of its own with a place at every node. Aliases and merges are expanded
// while it is built, under limits; there are no shared nodes, no anchors and no duplicate keys left in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/manifest/problem.h"

namespace nilus {

enum class YamlKind { kNull, kScalar, kSequence, kMap };

struct YamlEntry;

struct YamlNode {
  YamlKind kind = YamlKind::kNull;
  std::string text;     // kScalar: its value
  bool quoted = false;  // kScalar: written in quotes or as a block, so never a null, number or boolean
  SourcePlace place;
  std::vector<YamlNode> items;     // kSequence
  std::vector<YamlEntry> entries;  // kMap, in the order written; keys are unique

  YamlNode();
  ~YamlNode();
  YamlNode(const YamlNode&);
  YamlNode(YamlNode&&) noexcept;
  YamlNode& operator=(const YamlNode&);
  YamlNode& operator=(YamlNode&&) noexcept;

  const YamlNode* Find(std::string_view key) const;
  YamlNode* Find(std::string_view key);
  // Adds or replaces.
  YamlNode& Set(std::string key, YamlNode value);

  static YamlNode Scalar(std::string text, SourcePlace place);
  static YamlNode Map(SourcePlace place);
};

struct YamlEntry {
  std::string key;
  SourcePlace key_place;
  YamlNode value;
};

std::string_view YamlKindName(YamlKind kind);  // "nothing", "a single value", "a list", "a map"

// Limits on one file. Beyond any of them the file is refused, before or while it is parsed, never after.
struct YamlLimits {
  size_t max_bytes = 1024 * 1024;
  size_t max_documents = 256;
  size_t max_depth = 64;
  size_t max_keys = 5'000;                   // in one map
  size_t max_nodes = 200'000;                // aliases and merges counted as often as they are used
  size_t max_text_bytes = 16 * 1024 * 1024;  // of keys and values, counted likewise
};

// The documents of `text`; empty ones are left out. What is wrong goes to `problems` with its line and column; after a
// syntax error the documents before it are still returned.
std::vector<YamlNode> ParseYaml(std::string_view text, const std::string& file, const YamlLimits& limits,
                                Problems& problems);

// Reads a regular file, at most limits.max_bytes, and parses it.
std::vector<YamlNode> ReadYamlFile(const std::string& file, const YamlLimits& limits, Problems& problems);

// Applies "spec.source.options.sql_limit=10" to `root`: maps are made on the way, list elements are named by their
// number (one behind the last appends). `origin` is the place of the new values. The value is read as YAML when it
// starts with
// '[' or '{', else as a plain scalar.
void SetYamlValue(YamlNode& root, std::string_view path, std::string_view value, const SourcePlace& origin,
                  Problems& problems);

}  // namespace nilus
