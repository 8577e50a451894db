// A folder of this process alone for what must not outlive it: gone at its end or, when it was killed, at the next
// start of another.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "nilus/base/result.h"

namespace nilus {

// A folder <prefix>XXXXXX (mode 0700), which this process marks as in use by a lock on a file inside it. Removed with
// all it holds when destroyed. Not thread-safe.
class PrivateFolder {
 public:
  static Result<PrivateFolder> Make(const std::string& parent, std::string_view prefix);
  PrivateFolder() = default;
  PrivateFolder(PrivateFolder&& other) noexcept { *this = std::move(other); }
  PrivateFolder& operator=(PrivateFolder&& other) noexcept;
  ~PrivateFolder();

  const std::string& path() const { return path_; }

 private:
  std::string path_;  // empty: none
  int lock_ = -1;     // the kernel lets go of it however the process ends
};

// TMPDIR, or /tmp.
std::string TemporaryParent();

// Removes the folders of that prefix in `parent` that are this user's and that no process uses any more. What cannot be
// looked at or removed stays: there is no error.
void SweepPrivateFolders(const std::string& parent, std::string_view prefix);

// A private folder in TemporaryParent(). The first of a prefix that a process makes sweeps what killed ones left of it.
Result<PrivateFolder> MakeTemporaryFolder(std::string_view prefix);

}  // namespace nilus
