#include "nilus/connectors/files/glob.h"

#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "nilus/connectors/files/posix.h"

namespace nilus::files {
namespace {

constexpr std::string_view kMeta = "*?[{";
constexpr std::string_view kReserved = "_nilus";  // our own folders inside a sink's: never data

// Bytes of the character at the front of `text`, at least 1.
size_t CharacterSize(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && size < 4 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

// Index behind the `}` that closes the `{` at `open`, with the places of its own commas; 0 when there is none.
size_t FindBraceEnd(std::string_view pattern, size_t open, std::vector<size_t>* commas) {
  int depth = 0;
  for (size_t i = open; i < pattern.size(); ++i) {
    char c = pattern[i];
    if (c == '\\') {
      ++i;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}') {
      if (--depth == 0) return commas->empty() ? 0 : i + 1;
    } else if (c == ',' && depth == 1) {
      commas->push_back(i);
    }
  }
  return 0;
}

Status Expand(std::string prefix, std::string_view rest, std::vector<std::string>* out) {
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
      continue;
    }
    if (rest[i] != '{') continue;
    std::vector<size_t> commas;
    size_t end = FindBraceEnd(rest, i, &commas);
    if (end == 0) continue;
    commas.push_back(end - 1);
    size_t start = i + 1;
    for (size_t comma : commas) {
      std::string alternative(rest.substr(start, comma - start));
      std::string tail = alternative + std::string(rest.substr(end));  // alternatives may hold braces themselves
      NILUS_TRY(Expand(prefix + std::string(rest.substr(0, i)), tail, out));
      start = comma + 1;
    }
    return {};
  }
  if (out->size() >= kMostAlternatives) {
    return FailWithFix(ErrorKind::kInvalidInput, "use * in place of some braces",
                       "the pattern stands for more than {} alternatives", kMostAlternatives);
  }
  out->push_back(prefix + std::string(rest));
  return {};
}

// Does the class that begins at pattern[0] == '[' hold `character`? Sets its length; 0 when it is never closed.
bool MatchesClass(std::string_view pattern, std::string_view character, size_t* length) {
  size_t i = 1;
  bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    std::string_view low = pattern.substr(i, CharacterSize(pattern.substr(i)));
    i += low.size();
    std::string_view high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      high = pattern.substr(i + 1, CharacterSize(pattern.substr(i + 1)));
      i += 1 + high.size();
    }
    found = found || (low <= character && character <= high);  // UTF-8 sorts as its code points do
  }
  *length = i < pattern.size() ? i + 1 : 0;
  return found != negated;
}

bool HasMeta(std::string_view segment) { return segment.find_first_of("*?[\\") != std::string_view::npos; }

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    bool repeats = part == "**" && !parts.empty() && parts.back() == "**";  // says the same, in many more steps
    if (slash != 0 && part != "." && !repeats) parts.push_back(part);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

bool IsRealDirectory(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool IsRegular(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

class Walker {
 public:
  explicit Walker(std::vector<std::string>* found) : found_(found) {}

  Status Walk(const std::string& folder, std::span<const std::string_view> segments, int depth) {
    std::string_view segment = segments.front();
    bool is_last = segments.size() == 1;
    if (segment == "**") return WalkAnyDepth(folder, segments, depth);
    if (!HasMeta(segment)) {
      std::string path = JoinPath(folder, segment);
      if (is_last) return Add(path);
      return IsDirectory(path) ? Walk(path, segments.subspan(1), depth) : Status();
    }
    NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
    for (const std::string& name : names) {
      if (name.starts_with(kReserved) || !MatchesName(segment, name)) continue;
      std::string path = JoinPath(folder, name);
      if (is_last) {
        NILUS_TRY(Add(path));
      } else if (IsDirectory(path)) {
        NILUS_TRY(Walk(path, segments.subspan(1), depth));
      }
    }
    return {};
  }

 private:
  // `**` is any number of folders, none included; at the end of a pattern it is every file below.
  Status WalkAnyDepth(const std::string& folder, std::span<const std::string_view> segments, int depth) {
    constexpr std::string_view kAnyName[] = {"*"};
    std::span<const std::string_view> rest = segments.size() == 1 ? std::span(kAnyName) : segments.subspan(1);
    NILUS_TRY(Walk(folder, rest, depth));
    if (depth >= kDeepestFolder) {
      return FailWithFix(ErrorKind::kInvalidInput, "name the folders that are wanted",
                         "{} is more than {} folders below the pattern's **", folder, kDeepestFolder);
    }
    NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
    for (const std::string& name : names) {
      std::string path = JoinPath(folder, name);
      if (name.starts_with('.') || name.starts_with(kReserved) || !IsRealDirectory(path)) continue;
      NILUS_TRY(WalkAnyDepth(path, segments, depth + 1));
    }
    return {};
  }

  Status Add(const std::string& path) {
    if (!IsRegular(path)) return {};
    if (found_->size() >= kMostMatches) {
      return FailWithFix(ErrorKind::kInvalidInput, "use a narrower pattern", "the pattern matches more than {} files",
                         kMostMatches);
    }
    found_->push_back(path);
    return {};
  }

  std::vector<std::string>* found_;
};

}  // namespace

bool HasGlob(std::string_view text) { return text.find_first_of(kMeta) != std::string_view::npos; }

Result<std::vector<std::string>> ExpandBraces(std::string_view pattern) {
  std::vector<std::string> expanded;
  constexpr size_t kLongestPattern = 64 * 1024;
  constexpr int kMostBraces = 64;
  if (pattern.size() > kLongestPattern || std::count(pattern.begin(), pattern.end(), '{') > kMostBraces) {
    return FailWithFix(ErrorKind::kInvalidInput, "shorten it",
                       "the pattern is longer than {} bytes or has more than {} braces", kLongestPattern, kMostBraces);
  }
  NILUS_TRY(Expand("", pattern, &expanded));
  return expanded;
}

bool MatchesName(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.') && !pattern.starts_with("\\.")) return false;
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;  // behind the last `*`, and where its match would be extended
  size_t star_name = 0;
  while (n < name.size()) {
    std::string_view character = name.substr(n, CharacterSize(name.substr(n)));
    bool matched = false;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = ++p;
        star_name = n;
        continue;
      }
      size_t length = 0;
      if (pattern[p] == '?') {
        matched = true;
        p += 1;
      } else if (bool in_class = pattern[p] == '[' && MatchesClass(pattern.substr(p), character, &length);
                 length != 0) {
        matched = in_class;
        p += length;
      } else {
        if (pattern[p] == '\\' && p + 1 < pattern.size()) ++p;
        matched = pattern[p] == name[n];
        character = character.substr(0, 1);
        ++p;
      }
    }
    if (matched) {
      n += character.size();
      continue;
    }
    if (star == std::string_view::npos) return false;
    p = star;
    n = ++star_name;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::vector<std::string>> ListMatches(const std::string& base, std::string_view pattern) {
  NILUS_ASSIGN(std::vector<std::string> alternatives, ExpandBraces(pattern));
  std::vector<std::string> found;
  for (const std::string& alternative : alternatives) {
    std::vector<std::string_view> segments = SplitPath(alternative);
    // Everything before the first wildcard must be there: a wrong folder is an error, not "no files".
    std::string folder = base;
    size_t fixed = 0;
    while (fixed + 1 < segments.size() && !HasMeta(segments[fixed])) folder = JoinPath(folder, segments[fixed++]);
    if (segments.empty()) continue;
    if (!IsDirectory(folder)) {
      if (alternatives.size() > 1) continue;
      return FailWithFix(ErrorKind::kNotFound, "check the path", "the folder {} does not exist", folder);
    }
    NILUS_TRY(Walker(&found).Walk(folder, std::span(segments).subspan(fixed), 0));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace nilus::files
