#include "nilus/manifest/map_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <unordered_set>

#include "nilus/base/option_spec.h"

namespace nilus {
namespace {

constexpr size_t kNowhere = std::string::npos;
constexpr size_t kMostUnknownKeys = 100;  // reported one by one; the rest are counted

std::string Fold(std::string_view name, KeyStyle style) {
  std::string folded(name);
  if (style == KeyStyle::kFolded) std::replace(folded.begin(), folded.end(), '-', '_');
  return folded;
}

const YamlNode& EmptyMap() {
  static const YamlNode* empty = new YamlNode(YamlNode::Map({}));
  return *empty;
}

}  // namespace

std::string Shown(std::string_view value) {
  constexpr size_t kLongest = 80;
  if (value.size() <= kLongest) return "'" + std::string(value) + "'";
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;  // not inside a UTF-8 character
  return "'" + std::string(value.substr(0, end)) + "…'";
}

MapReader::MapReader(const YamlNode& node, std::string path, Findings& findings, KeyStyle style)
    : node_(&node), place_(node.place), path_(std::move(path)), findings_(&findings), style_(style) {
  if (node.kind != YamlKind::kMap) {
    if (node.kind != YamlKind::kNull) {
      findings.Add(node.place, path_, "a map is expected here, but this is " + std::string(YamlKindName(node.kind)),
                   "write key: value lines below it");
    }
    node_ = &EmptyMap();
  }
  if (style_ == KeyStyle::kFolded) {  // 'a-b' and 'a_b' are one key
    std::map<std::string, size_t> seen;
    for (size_t i = 0; i < node_->entries.size(); ++i) {
      const std::string& key = node_->entries[i].key;
      if (!seen.emplace(Fold(key, style_), i).second) {
        findings.Add(node_->entries[i].key_place, PathOf(key), "the key stands twice, once with '-' and once with '_'",
                     "keep one of them");
      }
    }
  }
}

MapReader::MapReader(const MapReader& parent, std::string path)
    : node_(&EmptyMap()),
      place_(parent.place_),
      path_(std::move(path)),
      findings_(parent.findings_),
      style_(parent.style_) {}

size_t MapReader::IndexOf(std::string_view name) const {
  for (size_t i = 0; i < node_->entries.size(); ++i) {
    const std::string& key = node_->entries[i].key;
    if (key == name || (style_ == KeyStyle::kFolded && Fold(key, style_) == Fold(name, style_))) return i;
  }
  return kNowhere;
}

const YamlNode* MapReader::Take(std::string_view name) {
  Know(name);
  size_t index = IndexOf(name);
  if (index == kNowhere || node_->entries[index].value.kind == YamlKind::kNull) return nullptr;
  return &node_->entries[index].value;
}

bool MapReader::Has(std::string_view name) const { return IndexOf(name) != kNowhere; }

std::string MapReader::PathOf(std::string_view name) const {
  size_t index = IndexOf(name);
  std::string_view written = index == kNowhere ? name : std::string_view(node_->entries[index].key);
  return path_.empty() ? std::string(written) : path_ + "." + std::string(written);
}

SourcePlace MapReader::PlaceOf(std::string_view name) const {
  size_t index = IndexOf(name);
  return index == kNowhere ? place_ : node_->entries[index].value.place;
}

SourcePlace MapReader::KeyPlaceOf(std::string_view name) const {
  size_t index = IndexOf(name);
  return index == kNowhere ? place_ : node_->entries[index].key_place;
}

void MapReader::Missing(std::string_view name, std::string fix) {
  // A misspelt key is reported as unknown with this name as the fix; once is enough.
  std::vector<std::string> unread = Unread();
  for (size_t i = 0; i < std::min(unread.size(), kMostUnknownKeys); ++i) {
    if (!NearestName(unread[i], std::span(&name, 1)).empty()) return;
  }
  std::string key = path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  size_t index = IndexOf(name);
  findings_->Add(index == kNowhere ? place_ : node_->entries[index].key_place, std::move(key), "this key is required",
                 std::move(fix));
}

const std::string* MapReader::Scalar(std::string_view name) {
  const YamlNode* value = Take(name);
  if (value == nullptr) return nullptr;
  if (value->kind != YamlKind::kScalar) {
    Add(name, "a single value is expected here, but this is " + std::string(YamlKindName(value->kind)));
    return nullptr;
  }
  return &value->text;
}

std::optional<std::string> MapReader::Text(std::string_view name) {
  const std::string* text = Scalar(name);
  return text == nullptr ? std::nullopt : std::optional<std::string>(*text);
}

std::string MapReader::TextOr(std::string_view name, std::string fallback) {
  return Text(name).value_or(std::move(fallback));
}

std::optional<int64_t> MapReader::Integer(std::string_view name, int64_t min, int64_t max) {
  const std::string* text = Scalar(name);
  if (text == nullptr) return std::nullopt;
  auto value = ParseInteger(*text);
  if (!value) {
    Add(name, Shown(*text) + " is not a whole number");
  } else if (*value < min || *value > max) {
    std::string range = max == std::numeric_limits<int64_t>::max()
                            ? "at least " + std::to_string(min)
                            : "from " + std::to_string(min) + " to " + std::to_string(max);
    Add(name, *text + " is out of range", "write a number " + range);
    value.reset();
  }
  return value;
}

std::optional<double> MapReader::Number(std::string_view name, double min) {
  const std::string* text = Scalar(name);
  if (text == nullptr) return std::nullopt;
  bool plain = !text->empty() && text->find_first_not_of("0123456789.") == std::string::npos;
  char* end = nullptr;
  double value = plain ? std::strtod(text->c_str(), &end) : 0;
  if (!plain || *end != '\0' || !std::isfinite(value)) {
    Add(name, Shown(*text) + " is not a number");
    return std::nullopt;
  }
  if (value < min) {
    Add(name, *text + " is out of range", "write a larger number");
    return std::nullopt;
  }
  return value;
}

std::optional<bool> MapReader::Boolean(std::string_view name) {
  const std::string* text = Scalar(name);
  if (text == nullptr) return std::nullopt;
  auto value = ParseBoolean(*text);
  if (!value) Add(name, Shown(*text) + " is not true or false", "write true or false");
  return value;
}

std::optional<size_t> MapReader::Choice(std::string_view name, std::initializer_list<std::string_view> choices) {
  const std::string* text = Scalar(name);
  if (text == nullptr) return std::nullopt;
  std::string all;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices.begin()[i] == *text) return i;
    all += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + std::string(choices.begin()[i]);
  }
  std::string_view nearest = NearestName(*text, std::span(choices.begin(), choices.size()));
  Add(name, Shown(*text) + " is not known here",
      nearest.empty() || choices.size() == 1 ? "write " + all
                                             : "write " + std::string(nearest) + " (known: " + all + ")");
  return std::nullopt;
}

std::vector<std::string> MapReader::TextList(std::string_view name, bool split_commas) {
  const YamlNode* value = Take(name);
  if (value == nullptr) return {};
  if (value->kind == YamlKind::kScalar) {
    return split_commas ? SplitCommaList(value->text) : std::vector<std::string>{value->text};
  }
  if (value->kind != YamlKind::kSequence) {
    Add(name, "a list is expected here, but this is " + std::string(YamlKindName(value->kind)), "write [a, b]");
    return {};
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < value->items.size(); ++i) {
    const YamlNode& item = value->items[i];
    if (item.kind == YamlKind::kScalar) {
      texts.push_back(item.text);
    } else {
      findings_->Add(item.place, PathOf(name) + "[" + std::to_string(i) + "]",
                     "a single value is expected here, but this is " + std::string(YamlKindName(item.kind)));
    }
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> MapReader::TextMap(std::string_view name) {
  const YamlNode* value = Take(name);
  std::vector<std::pair<std::string, std::string>> texts;
  if (value == nullptr) return texts;
  MapReader child(*value, PathOf(name), *findings_);
  for (const auto& [key, key_place, entry] : child.node().entries) {
    if (entry.kind == YamlKind::kScalar || entry.kind == YamlKind::kNull) {
      texts.emplace_back(key, entry.text);
    } else {
      findings_->Add(entry.place, child.path() + "." + key,
                     "a single value is expected here, but this is " + std::string(YamlKindName(entry.kind)));
    }
  }
  return texts;
}

MapReader MapReader::Child(std::string_view name) {
  const YamlNode* value = Take(name);
  if (value != nullptr) return MapReader(*value, PathOf(name), *findings_, style_);
  return MapReader(*this, PathOf(name));
}

bool MapReader::Refuse(std::string_view name, std::string message, std::string fix) {
  size_t index = IndexOf(name);
  if (index == kNowhere) return false;
  Know(name);
  findings_->Add(node_->entries[index].key_place, PathOf(name), std::move(message), std::move(fix));
  return true;
}

std::vector<std::string> MapReader::Unread() const {
  std::unordered_set<std::string> known;
  for (const std::string& name : known_) known.insert(Fold(name, style_));
  std::vector<std::string> unread;
  for (const auto& entry : node_->entries) {
    if (!known.contains(Fold(entry.key, style_))) unread.push_back(entry.key);
  }
  return unread;
}

void MapReader::Finish() {
  std::vector<std::string> unread = Unread();
  if (unread.size() > kMostUnknownKeys) {
    findings_->Add(KeyPlaceOf(unread[kMostUnknownKeys]), path_,
                   std::to_string(unread.size() - kMostUnknownKeys) + " more keys are not known here");
    unread.resize(kMostUnknownKeys);
  }
  for (const std::string& key : unread) {
    findings_->Add(KeyPlaceOf(key), PathOf(key).substr(0, 300), "the key is not known here", Advice(key));
  }
}

void MapReader::KnownElsewhere(std::string_view section, std::vector<std::string> names) {
  other_section_ = section;
  other_known_ = std::move(names);
}

std::string MapReader::Advice(std::string_view unknown_key) const {
  constexpr size_t kMostListed = 60;
  std::string folded = Fold(unknown_key, KeyStyle::kFolded);
  if (std::find(other_known_.begin(), other_known_.end(), folded) != other_known_.end())
    return "it belongs under " + other_section_;
  std::vector<std::string_view> known;  // in the order asked for, each once
  for (const std::string& name : known_) {
    if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
  }
  std::string_view nearest = NearestName(unknown_key, known);
  if (!nearest.empty()) return "write " + std::string(nearest);
  if (known.empty() || known.size() > kMostListed) return "";
  std::string list = "known here: ";
  for (size_t i = 0; i < known.size(); ++i) list += (i == 0 ? "" : ", ") + std::string(known[i]);
  return list;
}

}  // namespace nilus
