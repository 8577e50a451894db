// Reads one YAML map key by key, and reports at the end what nobody asked for: the names asked for are the known keys,
// so there is no second list to keep in step.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/manifest/yaml_tree.h"

namespace nilus {

// Where a reader's findings go.
struct Findings {
  Problems problems;
  Problems notices;

  void Add(const SourcePlace& place, std::string path, std::string message, std::string fix = {}) {
    problems.push_back({place, std::move(path), std::move(message), std::move(fix)});
  }
  void Notice(const SourcePlace& place, std::string path, std::string message, std::string fix = {}) {
    notices.push_back({place, std::move(path), std::move(message), std::move(fix)});
  }
};

// A value as it may be shown in a message: cut to a sensible length, in quotes.
std::string Shown(std::string_view value);

// Hyphens as in the older forms ('source-table') mean underscores when kFolded.
enum class KeyStyle { kExact, kFolded };

// Not thread-safe; `node` and `report` must outlive it. A node that is no map is reported once and read as an empty
// one.
class MapReader {
 public:
  MapReader(const YamlNode& node, std::string path, Findings& findings, KeyStyle style = KeyStyle::kExact);

  // The key's value; null when absent or written without a value.
  const YamlNode* Take(std::string_view name);
  // True when the key was written, even without a value; does not make it known.
  bool Has(std::string_view name) const;

  // A value of the wrong kind is reported and read as absent.
  std::optional<std::string> Text(std::string_view name);
  std::string TextOr(std::string_view name, std::string fallback = {});
  std::optional<int64_t> Integer(std::string_view name, int64_t min, int64_t max = std::numeric_limits<int64_t>::max());
  std::optional<double> Number(std::string_view name, double min);
  std::optional<bool> Boolean(std::string_view name);
  // The index into `choices` of what is written.
  std::optional<size_t> Choice(std::string_view name, std::initializer_list<std::string_view> choices);
  // A list of single values, or one value. `split_commas`: one value may hold several.
  std::vector<std::string> TextList(std::string_view name, bool split_commas = false);
  // A map of single values, in order.
  std::vector<std::pair<std::string, std::string>> TextMap(std::string_view name);
  // A reader of the map at `name`, or of an empty one.
  MapReader Child(std::string_view name);

  // A key that is known but refused: reports `message` when it is there. True when it was.
  bool Refuse(std::string_view name, std::string message, std::string fix);
  // Declares names as known without reading them.
  void Know(std::string_view name) { known_.emplace_back(name); }

  std::string PathOf(std::string_view name) const;
  // Of the value when it is there, else of the map.
  SourcePlace PlaceOf(std::string_view name) const;
  SourcePlace KeyPlaceOf(std::string_view name) const;
  void Add(std::string_view name, std::string message, std::string fix = {}) {
    findings_->Add(PlaceOf(name), PathOf(name), std::move(message), std::move(fix));
  }
  void Missing(std::string_view name, std::string fix = {});

  // Keys that were not asked for, in order.
  std::vector<std::string> Unread() const;
  // Names that are known in another section ("sink.options"): a key of theirs is reported with where it belongs.
  void KnownElsewhere(std::string_view section, std::vector<std::string> names);
  // Reports every unread key with the nearest known one.
  void Finish();

  const std::vector<std::string>& known() const { return known_; }  // names asked for so far

  const YamlNode& node() const { return *node_; }
  const SourcePlace& place() const { return place_; }
  const std::string& path() const { return path_; }
  Findings& findings() { return *findings_; }
  KeyStyle style() const { return style_; }

 private:
  MapReader(const MapReader& parent, std::string path);  // of an empty map that is not written

  size_t IndexOf(std::string_view name) const;  // npos when absent
  const std::string* Scalar(std::string_view name);

  const YamlNode* node_;
  SourcePlace place_;  // of the map, or of what would hold it
  std::string path_;
  Findings* findings_;
  KeyStyle style_;
  std::string Advice(std::string_view unknown_key) const;

  std::vector<std::string> known_;
  std::string other_section_;
  std::vector<std::string> other_known_;
};

}  // namespace nilus
