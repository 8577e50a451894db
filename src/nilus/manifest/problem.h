// What is wrong with a manifest, as a value: every problem of every file is collected and shown in one go, each with
// its place, its path and what to write instead. A notice is the same shape for what is accepted but worth knowing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nilus {

// Where a value was written. Lines and columns count from 1; 0 where there is none (a flag, a whole file).
struct SourcePlace {
  std::string file;  // as the user named it; "--set spec.x=1" or "--dest-table" for values that came from a flag
  int line = 0;
  int column = 0;

  std::string ToString() const;  // "a.yaml:12:5", "a.yaml", "--dest-table"
};

struct Problem {
  SourcePlace place;
  std::string path;     // "spec.source.options.mask.email"; empty for the whole document
  std::string message;  // what is wrong; never a secret
  std::string fix;      // what to write instead; may be empty

  // "a.yaml:12:5: spec.source.options.mask: message. Fix: fix", redacted.
  std::string ToString() const;
};

using Problems = std::vector<Problem>;

// In order of file (as first met), line and column; doubles removed.
void SortProblems(Problems& problems);

// One problem a line, ended by a newline; empty text for none.
std::string RenderProblems(const Problems& problems);

// A JSON array of {file, line, column, path, message, fix}, redacted; line and column are absent when unknown.
std::string RenderProblemsJson(const Problems& problems);

// The candidate with the smallest edit distance to `name`, when that is close enough to be what was meant; else empty.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace nilus
