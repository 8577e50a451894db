// Which files a pipeline has loaded: the position of "new files only". Persisted by sinks as JSON:
//   {"files":[{"path":"/data/a.csv","size":12,"mtime_ns":1700000000000000000}, …]}   sorted by path, one entry a path
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/files/input_files.h"
#include "nilus/data/position.h"

namespace nilus::files {

struct LoadedFile {
  std::string path;
  int64_t size = 0;
  int64_t mtime_ns = 0;
  friend bool operator==(const LoadedFile&, const LoadedFile&) = default;
};

// An empty position has no files. kData when the text is nothing that FormatFilePosition wrote; keys of others are let
// be.
Result<std::vector<LoadedFile>> ParseFilePosition(const Position& position);
// Deterministic: the same files give the same text.
Position FormatFilePosition(std::vector<LoadedFile> files);

enum class ChangedFiles { kError, kReread, kSkip };

// What of `files` is not in `loaded` yet. A file that is, with another size or time, is treated as `changed` says.
Result<std::vector<InputFile>> SelectNewFiles(const std::vector<InputFile>& files,
                                              const std::vector<LoadedFile>& loaded, ChangedFiles changed);
// `loaded` with `read` added. Files that are gone stay known: one that comes back is not loaded twice.
std::vector<LoadedFile> MergeLoadedFiles(const std::vector<LoadedFile>& loaded, const std::vector<InputFile>& read);

}  // namespace nilus::files
