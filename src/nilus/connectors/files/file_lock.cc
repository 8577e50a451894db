#include "nilus/connectors/files/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nilus/base/retry.h"

namespace nilus::files {

Result<std::optional<FileLock>> FileLock::TryAcquire(const std::string& path) {
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return ErrnoFailure(errno, "lock " + path);
  FileDescriptor file(fd);
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return std::nullopt;
    return ErrnoFailure(errno, "lock " + path);
  }
  return FileLock(std::move(file));
}

Result<FileLock> FileLock::Acquire(const std::string& path, std::chrono::milliseconds wait, std::stop_token stop) {
  constexpr std::chrono::milliseconds kPause{50};
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (true) {
    NILUS_ASSIGN(std::optional<FileLock> lock, TryAcquire(path));
    if (lock) return *std::move(lock);
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return FailWithFix(ErrorKind::kConflict, "wait for the other run to end, then run again",
                         "another run of this pipeline writes to the same folder (it holds {})", path);
    }
    if (!SleepUnlessStopped(std::min(kPause, left), stop))
      return Fail(ErrorKind::kCancelled, "stopped while waiting for {}", path);
  }
}

Status FileLock::ReplaceText(std::string_view text, const std::string& path) const {
  if (ftruncate(file_.get(), 0) != 0 || lseek(file_.get(), 0, SEEK_SET) != 0)
    return ErrnoFailure(errno, "write " + path);
  NILUS_TRY(WriteAll(file_, text, path));
  return SyncFile(file_, path);
}

}  // namespace nilus::files
