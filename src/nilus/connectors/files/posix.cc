#include "nilus/connectors/files/posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

namespace nilus::files {
namespace {

FileStamp StampFrom(const struct stat& info) {
  return FileStamp{.size = info.st_size,
                   .mtime_ns = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec,
                   .inode = info.st_ino,
                   .device = info.st_dev};
}

Result<FileStamp> RegularStamp(const struct stat& info, const std::string& path) {
  if (S_ISREG(info.st_mode)) return StampFrom(info);
  return FailWithFix(ErrorKind::kInvalidInput, "name regular files, or a glob such as dir/*.csv",
                     "{} is no regular file", path);
}

}  // namespace

Result<FileStamp> StampOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return ErrnoFailure(errno, "read " + path);
  return RegularStamp(info, path);
}

Result<FileStamp> StampOf(const FileDescriptor& file, const std::string& path) {
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return ErrnoFailure(errno, "read " + path);
  return RegularStamp(info, path);
}

bool Exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Status RefuseLink(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) return {};
  return FailWithFix(ErrorKind::kInvalidInput, "name the folder it points to in the address",
                     "{} is a symbolic link: tables and state are not written through one", path);
}

Result<FileDescriptor> OpenForReading(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not block the open; StampOf refuses it
  if (fd < 0) return ErrnoFailure(errno, "read " + path);
  return FileDescriptor(fd);
}

Result<FileDescriptor> CreateNew(const std::string& path, unsigned mode) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return ErrnoFailure(errno, "write " + path);
  return FileDescriptor(fd);
}

Result<std::string> ReadWhole(const std::string& path, int64_t max_bytes) {
  NILUS_ASSIGN(FileDescriptor file, OpenForReading(path));
  NILUS_ASSIGN(FileStamp stamp, StampOf(file, path));
  if (stamp.size > max_bytes)
    return Fail(ErrorKind::kData, "{} has {} bytes, more than the {} it may have", path, stamp.size, max_bytes);
  std::string bytes(static_cast<size_t>(stamp.size), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    ssize_t got = read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoFailure(errno, "read " + path);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

Status SyncFileAt(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return ErrnoFailure(errno, "make " + path + " durable");
  return SyncFile(FileDescriptor(fd), path);
}

Status SyncDirectory(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (fd < 0) return ErrnoFailure(errno, "make " + path + " durable");
  return SyncFile(FileDescriptor(fd), path);
}

namespace {

struct MadeDirectory {
  int error = 0;  // ENOENT: the parent is not there, or the folder was removed meanwhile
  bool was_there = false;
};

MadeDirectory MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0777) == 0) return {};
  int error = errno;
  if (error != EEXIST || IsDirectory(path)) return {.error = error == EEXIST ? 0 : error, .was_there = true};
  return {.error = Exists(path) ? error : ENOENT};
}

// `path` and `missing` folders above it, all new, and one more, whose maker may have died before it was durable.
Status SyncNewDirectories(std::string path, size_t missing, bool last_was_there) {
  for (size_t i = 0; i <= missing; ++i) {
    std::string parent = ParentOf(path);
    Status synced = SyncDirectory(parent);
    // A parent that we may not read is not one of ours.
    bool is_foreign = i == missing && last_was_there && !synced && synced.error().kind == ErrorKind::kAuth;
    if (!synced && !is_foreign) return synced;
    path = std::move(parent);
  }
  return {};
}

}  // namespace

Status MakeDirectories(const std::string& path) {
  // Another run may remove a folder that it finds empty before we make what goes into it: then once more from the top.
  // Nothing slow stands between the two; syncing comes after, when no folder of the path is empty but the last.
  constexpr int kMostAttempts = 1000;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::vector<std::string> missing;  // innermost first
    std::string top = path;
    MadeDirectory made = MakeDirectory(top);
    while (made.error == ENOENT && ParentOf(top) != top) {
      missing.push_back(top);
      top = ParentOf(top);
      made = MakeDirectory(top);
    }
    if (made.error != 0) return ErrnoFailure(made.error, "create the folder " + top);
    bool last_was_there = made.was_there;
    for (auto folder = missing.rbegin(); folder != missing.rend() && made.error == 0; ++folder) {
      made = MakeDirectory(*folder);
      if (made.error != 0 && made.error != ENOENT) return ErrnoFailure(made.error, "create the folder " + *folder);
    }
    if (made.error == 0) return SyncNewDirectories(path, missing.size(), last_was_there);
  }
  return Fail(ErrorKind::kTransient, "cannot create the folder {}: what it lies in is removed again and again", path);
}

Status Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return ErrnoFailure(errno, "rename " + from + " to " + to);
  return {};
}

Status Exchange(const std::string& a, const std::string& b) {
  if (renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return {};
  if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) {
    return Fail(ErrorKind::kUnsupported, "the file system of {} cannot swap two folders in one step", b);
  }
  return ErrnoFailure(errno, "swap " + a + " and " + b);
}

Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoFailure(errno, "remove " + path);
  return {};
}

Status RemoveEmptyDirectory(const std::string& path) {
  if (rmdir(path.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
    return ErrnoFailure(errno, "remove " + path);
  return {};
}

Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);  // removes links, never what they point to
  if (error && error.value() != ENOENT) return ErrnoFailure(error.value(), "remove " + path);
  return {};
}

Result<std::vector<std::string>> ListDirectory(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
  if (folder == nullptr) return ErrnoFailure(errno, "list " + path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(folder.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return ErrnoFailure(errno, "list " + path);
  std::sort(names.begin(), names.end());
  return names;
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  if (name.empty()) return std::string(folder);
  return folder.ends_with('/') ? fmt::format("{}{}", folder, name) : fmt::format("{}/{}", folder, name);
}

std::string ParentOf(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string_view NameOf(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace nilus::files
