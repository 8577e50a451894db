#include "nilus/delta/log_listing.h"

#include <algorithm>

#include "nilus/base/option_spec.h"

namespace nilus::delta {
namespace {

constexpr size_t kVersionDigits = 20;
constexpr size_t kPartDigits = 10;

std::optional<int64_t> Digits(std::string_view text, size_t count) {
  if (text.size() != count || !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  return ParseInteger(text);
}

std::vector<std::string_view> SplitDots(std::string_view name) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t dot = name.find('.');
    parts.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<int64_t> CommitVersion(std::string_view name) {
  const auto parts = SplitDots(name);
  return parts.size() == 2 && parts[1] == "json" ? Digits(parts[0], kVersionDigits) : std::nullopt;
}

void LogListing::Add(const storage::ObjectInfo& file) {
  const std::string_view name = std::string_view(file.key).substr(file.key.rfind('/') + 1);
  if (auto version = CommitVersion(name)) {
    commits_[*version] = {.key = file.key, .modified = file.modified};
    return;
  }
  const auto parts = SplitDots(name);
  const auto version = Digits(parts[0], kVersionDigits);
  if (!version || parts.size() < 3 || parts[1] != "checkpoint") return;
  Parts& checkpoint = checkpoints_[*version];
  const bool is_json = parts.back() == "json";
  if (!is_json && parts.back() != "parquet") return;
  if (parts.size() == 5) {  // V.checkpoint.PART.PARTS.parquet
    const auto part = Digits(parts[2], kPartDigits);
    const auto count = Digits(parts[3], kPartDigits);
    if (part && count && *part >= 1 && *part <= *count) checkpoint.keys[{*count, *part}] = file.key;
  } else if (parts.size() == 4 || !is_json) {  // V.checkpoint.UUID.parquet|json, V.checkpoint.parquet
    checkpoint.whole = Checkpoint{.version = *version, .keys = {file.key}, .is_json = is_json};
  }
}

std::optional<int64_t> LogListing::latest() const {
  std::optional<int64_t> version;
  if (!commits_.empty()) version = commits_.rbegin()->first;
  if (auto checkpoint = CheckpointUpTo(INT64_MAX)) version = std::max(version.value_or(0), checkpoint->version);
  return version;
}

std::optional<Checkpoint> LogListing::CheckpointUpTo(int64_t version) const {
  for (auto at = checkpoints_.upper_bound(version); at != checkpoints_.begin();) {
    --at;
    const Parts& parts = at->second;
    if (parts.whole) return parts.whole;
    std::map<int64_t, std::vector<std::string>> by_count;
    for (const auto& [number, key] : parts.keys) by_count[number.first].push_back(key);
    for (const auto& [count, keys] : by_count) {
      if (static_cast<int64_t>(keys.size()) == count) return Checkpoint{.version = at->first, .keys = keys};
    }
  }
  return std::nullopt;
}

}  // namespace nilus::delta
