#include "nilus/base/private_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

namespace nilus {
namespace {

constexpr std::string_view kLockName = "/nilus.lock";

// The locked file; -1 when another holds it, or when it is no longer in its folder.
int TakeLock(const std::string& folder, int flags) {
  int lock = open((folder + std::string(kLockName)).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (lock < 0) return -1;
  struct stat info {};
  if (flock(lock, LOCK_EX | LOCK_NB) == 0 && fstat(lock, &info) == 0 && info.st_nlink > 0) return lock;
  close(lock);
  errno = EWOULDBLOCK;
  return -1;
}

// The lock goes last: whoever is killed on the way leaves a folder with its lock, or an empty one.
void RemoveFolder(const std::string& path) {
  std::error_code ignored;
  std::filesystem::directory_iterator entry(path, ignored);
  for (; !ignored && entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
    std::error_code unremoved;
    if (!entry->path().string().ends_with(kLockName)) std::filesystem::remove_all(entry->path(), unremoved);
  }
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

std::string TemporaryParent() {
  const char* parent = std::getenv("TMPDIR");
  return parent != nullptr && *parent != '\0' ? parent : "/tmp";
}

Result<PrivateFolder> PrivateFolder::Make(const std::string& parent, std::string_view prefix) {
  constexpr int kAttempts = 3;  // a sweep may come between making a folder and locking it
  int code = 0;
  std::string path;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    path = parent + "/" + std::string(prefix) + "XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {  // mode 0700
      code = errno;
      break;
    }
    PrivateFolder folder;
    folder.path_ = path;
    folder.lock_ = TakeLock(path, O_CREAT);
    if (folder.lock_ >= 0) return folder;
    code = errno;
  }
  return FailWithFix(code == ENOSPC ? ErrorKind::kExhausted : ErrorKind::kInvalidInput,
                     "point TMPDIR to a folder that can be written", "cannot make the temporary folder {}: {}", path,
                     std::strerror(code));
}

PrivateFolder& PrivateFolder::operator=(PrivateFolder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

PrivateFolder::~PrivateFolder() {
  if (!path_.empty()) RemoveFolder(path_);
  if (lock_ >= 0) close(lock_);
}

void SweepPrivateFolders(const std::string& parent, std::string_view prefix) {
  std::error_code error;
  std::filesystem::directory_iterator entry(parent, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path().string();
    struct stat info {};
    if (!entry->path().filename().string().starts_with(prefix)) continue;
    if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid()) continue;
    int lock = TakeLock(path, 0);
    if (lock < 0) {
      // Without the file: its maker was killed, or is just making it and will take another one.
      if (errno == ENOENT) rmdir(path.c_str());  // only when it is empty
      continue;
    }
    RemoveFolder(path);
    close(lock);
  }
}

Result<PrivateFolder> MakeTemporaryFolder(std::string_view prefix) {
  static std::mutex mutex;
  static std::set<std::pair<std::string, std::string>> swept;
  const std::string parent = TemporaryParent();
  bool is_first = false;
  {
    std::lock_guard lock(mutex);
    is_first = swept.emplace(parent, prefix).second;
  }
  if (is_first) SweepPrivateFolders(parent, prefix);
  return PrivateFolder::Make(parent, prefix);
}

}  // namespace nilus
