#include "nilus/storage/local_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "nilus/base/log.h"
#include "nilus/storage/local_store.h"

namespace nilus::storage {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Failure RefusedLink(const std::string& path) {
  return FailWithFix(ErrorKind::kInvalidInput, "name the folder it points to as the store's root",
                     "{} is a symbolic link: none is followed below the root of a store", path);
}

// Makes the chain of folders down to an absolute path, each entry synced.
Status MakeRoot(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return Fail(ErrorKind::kInvalidInput, "{} is no folder", path);
  }
  if (errno != ENOENT) return ErrnoFailure(errno, "open " + path);
  NILUS_TRY(MakeRoot(parent));
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return ErrnoFailure(errno, "create the folder " + path);
  const FileDescriptor folder(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return ErrnoFailure(errno, "open " + parent);
  return SyncFile(folder, parent);
}

}  // namespace

std::pair<std::string_view, std::string_view> SplitKey(std::string_view key) {
  const size_t slash = key.rfind('/');
  if (slash == std::string_view::npos) return {std::string_view(), key};
  return {key.substr(0, slash), key.substr(slash + 1)};
}

ObjectInfo InfoOf(std::string_view key, const struct stat& info) {
  const int64_t mtime_ns = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
  return ObjectInfo{.key = std::string(key),
                    .size = info.st_size,
                    .etag = fmt::format("{:x}-{:x}-{:x}", mtime_ns, info.st_size, info.st_ino),
                    .modified = WallTime(std::chrono::microseconds(mtime_ns / 1000))};
}

std::string LocalFolder::PathOf(std::string_view key) const {
  if (key.empty()) return root_;
  return root_ == "/" ? fmt::format("/{}", key) : fmt::format("{}/{}", root_, key);
}

Result<FileDescriptor> LocalFolder::OpenRoot() const {
  FileDescriptor root(open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));  // the root itself may be a link
  if (!root.is_open()) return ErrnoFailure(errno, "open " + root_);
  return root;
}

Result<FileDescriptor> LocalFolder::Step(const FileDescriptor& parent, std::string_view path,
                                         const std::string& name) const {
  FileDescriptor next(openat(parent.get(), name.c_str(), kFolderFlags));
  if (next.is_open()) return next;
  const int error = errno;
  struct stat info {};
  const bool is_there = fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (is_there && S_ISLNK(info.st_mode)) return RefusedLink(PathOf(path));
  if (is_there && !S_ISDIR(info.st_mode)) return ErrnoFailure(ENOENT, "open " + PathOf(path));
  return ErrnoFailure(error, "open " + PathOf(path));
}

Result<FileDescriptor> LocalFolder::Open(std::string_view folder) const {
  NILUS_ASSIGN(FileDescriptor at, OpenRoot());
  for (size_t start = 0; start < folder.size();) {
    const size_t end = std::min(folder.find('/', start), folder.size());
    NILUS_ASSIGN(at, Step(at, folder.substr(0, end), std::string(folder.substr(start, end - start))));
    start = end + 1;
  }
  return at;
}

Status LocalFolder::MakeStep(const FileDescriptor& parent, std::string_view path, const std::string& name) {
  {
    std::lock_guard lock(mutex_);
    if (durable_.contains(path)) return {};
  }
  if (mkdirat(parent.get(), name.c_str(), 0777) != 0 && errno != EEXIST)
    return ErrnoFailure(errno, "create the folder " + PathOf(path));
  NILUS_TRY(SyncFile(parent, PathOf(path)));  // also when it exists: whoever made it may have died before
  std::lock_guard lock(mutex_);
  durable_.emplace(path);
  return {};
}

Result<FileDescriptor> LocalFolder::Make(std::string_view folder) {
  NILUS_TRY(MakeRoot(root_));
  NILUS_ASSIGN(FileDescriptor at, OpenRoot());
  for (size_t start = 0; start < folder.size();) {
    const size_t end = std::min(folder.find('/', start), folder.size());
    const std::string_view path = folder.substr(0, end);
    const std::string name(folder.substr(start, end - start));
    NILUS_TRY(MakeStep(at, path, name));
    auto next = Step(at, path, name);
    if (!next && next.error().kind == ErrorKind::kNotFound) {
      struct stat info {};
      if (fstatat(at.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
        return Fail(ErrorKind::kInvalidInput, "{} is a file, where a folder is needed", PathOf(path));
      std::lock_guard lock(mutex_);  // somebody removed what we knew to be there
      durable_.erase(durable_.lower_bound(path), durable_.end());
      return Fail(ErrorKind::kTransient, "the folder {} was removed while it was in use", PathOf(path));
    }
    NILUS_ASSIGN(at, std::move(next));
    start = end + 1;
  }
  return at;
}

Result<FileDescriptor> LocalFolder::OpenFile(std::string_view key) const {
  const auto [folder, name] = SplitKey(key);
  NILUS_ASSIGN(FileDescriptor parent, Open(folder));
  // A FIFO must not block the open.
  FileDescriptor file(openat(parent.get(), std::string(name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open() && errno == ELOOP) return RefusedLink(PathOf(key));
  if (!file.is_open()) return ErrnoFailure(errno, "read " + PathOf(key));
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return ErrnoFailure(errno, "read " + PathOf(key));
  if (S_ISDIR(info.st_mode)) return ErrnoFailure(ENOENT, "read " + PathOf(key));
  if (!S_ISREG(info.st_mode)) return Fail(ErrorKind::kInvalidInput, "{} is no regular file", PathOf(key));
  return file;
}

Status LocalFolder::CheckFile(std::string_view key) {
  const std::string_view folder = SplitKey(key).first;
  bool is_checked = folder.empty();
  if (!is_checked) {
    std::lock_guard lock(mutex_);
    is_checked = checked_.contains(folder);
  }
  if (!is_checked) {
    NILUS_TRY(Open(folder));
    std::lock_guard lock(mutex_);
    checked_.emplace(folder);
  }
  const std::string path = PathOf(key);
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return ErrnoFailure(errno == ENOTDIR ? ENOENT : errno, "read " + path);
  if (S_ISLNK(info.st_mode)) return RefusedLink(path);
  if (S_ISDIR(info.st_mode)) return ErrnoFailure(ENOENT, "read " + path);
  if (!S_ISREG(info.st_mode)) return Fail(ErrorKind::kInvalidInput, "{} is no regular file", path);
  return {};
}

Result<std::vector<FolderEntry>> LocalFolder::Entries(std::string_view folder) const {
  NILUS_ASSIGN(FileDescriptor file, Open(folder));
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(dup(file.get())), closedir);
  if (stream == nullptr) return ErrnoFailure(errno, "list " + PathOf(folder));
  std::vector<FolderEntry> entries;
  for (errno = 0; const dirent* entry = readdir(stream.get()); errno = 0) {
    std::string name = entry->d_name;
    if (name == "." || name == ".." || (folder.empty() && name == kLocalTemporaryFolder)) continue;
    struct stat info {};
    if (fstatat(file.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;  // just removed
    if (!CheckKey(name) || !(S_ISDIR(info.st_mode) || S_ISREG(info.st_mode))) {
      LogWarning("{} holds an entry that is neither a file nor a folder with a usable name; it is left alone",
                 PathOf(folder));
      continue;
    }
    entries.push_back({std::move(name), S_ISDIR(info.st_mode)});
  }
  if (errno != 0) return ErrnoFailure(errno, "list " + PathOf(folder));
  auto sort_key = [](const FolderEntry& entry) { return entry.is_folder ? entry.name + "/" : entry.name; };
  std::sort(entries.begin(), entries.end(),
            [&](const FolderEntry& a, const FolderEntry& b) { return sort_key(a) < sort_key(b); });
  return entries;
}

Result<bool> LocalFolder::HoldsObject(std::string_view folder) const {
  auto entries = Entries(folder);
  if (!entries && entries.error().kind == ErrorKind::kNotFound) return false;
  if (!entries) return Failure(entries.error());
  if (std::any_of(entries->begin(), entries->end(), [](const FolderEntry& entry) { return !entry.is_folder; }))
    return true;
  for (const FolderEntry& entry : *entries) {
    NILUS_ASSIGN(bool holds, HoldsObject(fmt::format("{}{}{}", folder, folder.empty() ? "" : "/", entry.name)));
    if (holds) return true;
  }
  return false;
}

}  // namespace nilus::storage
