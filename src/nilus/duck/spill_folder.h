// Where DuckDB spills: a folder of this process's own, gone at its end or, when it was killed, at the next start of
// another.
#pragma once

#include <string>
#include <utility>

#include "nilus/base/result.h"

namespace nilus::duck {

// A folder nilus-spill-XXXXXX (mode 0700), which this process marks as in use by a lock on a file inside it. Removed
// with all it holds when destroyed. Not thread-safe.
class SpillFolder {
 public:
  static Result<SpillFolder> Make(const std::string& parent);
  SpillFolder() = default;
  SpillFolder(SpillFolder&& other) noexcept { *this = std::move(other); }
  SpillFolder& operator=(SpillFolder&& other) noexcept;
  ~SpillFolder();

  const std::string& path() const { return path_; }

 private:
  std::string path_;  // empty: none
  int lock_ = -1;     // the kernel lets go of it however the process ends
};

// TMPDIR, or /tmp.
std::string SpillParent();

// Removes the spill folders in `parent` that are this user's and that no process uses any more. What cannot be looked
// at or removed stays: there is no error.
void SweepSpillFolders(const std::string& parent);

}  // namespace nilus::duck
