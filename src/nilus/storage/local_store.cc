#include "nilus/storage/local_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <mutex>

#include "nilus/base/fault.h"
#include "nilus/base/retry.h"
#include "nilus/storage/local_folder.h"

namespace nilus::storage {
namespace {

constexpr size_t kMostFolderEntries = 100'000;
constexpr std::chrono::milliseconds kLockPoll{2};
constexpr std::string_view kPutPrefix = "put-";

Failure Cancelled() { return Fail(ErrorKind::kCancelled, "a stop was requested"); }

// Removes the file at its end unless it was taken away by then.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  void Release() { path_.clear(); }

 private:
  std::string path_;
};

// Reads exactly bytes.size() bytes at `offset`; false when the file ends before.
Result<bool> ReadFully(const FileDescriptor& file, std::string& bytes, int64_t offset, std::string_view path) {
  for (size_t filled = 0; filled < bytes.size();) {
    const ssize_t got = pread(file.get(), bytes.data() + filled, bytes.size() - filled,
                              static_cast<off_t>(offset + static_cast<int64_t>(filled)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoFailure(errno, fmt::format("read {}", path));
    if (got == 0) return false;
    filled += static_cast<size_t>(got);
  }
  return true;
}

Status CopyBytes(const FileDescriptor& from, const FileDescriptor& to, int64_t size, const std::string& from_path,
                 const std::string& to_path, const std::stop_token& stop) {
  constexpr int64_t kBlockBytes = 1 << 20;
  std::string block;
  for (int64_t done = 0; done < size; done += static_cast<int64_t>(block.size())) {
    if (stop.stop_requested()) return Cancelled();
    block.resize(static_cast<size_t>(std::min(kBlockBytes, size - done)));
    NILUS_ASSIGN(bool whole, ReadFully(from, block, done, from_path));
    if (!whole) return Fail(ErrorKind::kData, "{} became shorter while it was read", from_path);
    NILUS_TRY(WriteAll(to, block, to_path));
  }
  return {};
}

// Held over the check and the rename of a conditional put (exclusive), and over any other change (shared).
Result<FileDescriptor> LockRoot(const std::string& root, bool exclusive, const std::stop_token& stop) {
  FileDescriptor lock(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.is_open()) return ErrnoFailure(errno, "open " + root);
  while (flock(lock.get(), (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return FailWithFix(ErrorKind::kUnsupported, "use a local file system, or a catalog that keeps the table's state",
                         "the file system of {} cannot lock it", root);
    }
    if (!SleepUnlessStopped(kLockPoll, stop)) return Cancelled();
  }
  return lock;
}

class LocalStore final : public ObjectStore {
 public:
  explicit LocalStore(std::string root) : folder_(std::move(root)) {}

  ~LocalStore() override {
    if (!temporary_.path().empty()) {
      temporary_ = PrivateFolder();
      rmdir(folder_.PathOf(kLocalTemporaryFolder).c_str());  // stays while another store uses it
    }
  }

  Result<std::string> Get(std::string_view key, std::stop_token /*stop*/) override {
    NILUS_TRY(Check(key));
    NILUS_ASSIGN(FileDescriptor file, folder_.OpenFile(key));
    NILUS_ASSIGN(struct stat info, StatOf(file, key));
    if (info.st_size > kLargestGetBytes) {
      return Fail(ErrorKind::kExhausted, "{} has {} bytes, more than the {} that are read as a whole",
                  folder_.PathOf(key), info.st_size, kLargestGetBytes);
    }
    return Read(file, key, 0, info.st_size);
  }

  Result<std::string> GetRange(std::string_view key, int64_t offset, int64_t length,
                               std::stop_token /*stop*/) override {
    NILUS_TRY(Check(key));
    NILUS_ASSIGN(FileDescriptor file, folder_.OpenFile(key));
    NILUS_ASSIGN(struct stat info, StatOf(file, key));
    if (offset < 0 || length < 0 || offset > info.st_size || length > info.st_size - offset) {
      return Fail(ErrorKind::kData, "{} has {} bytes, not the {} from {} on that were asked for", folder_.PathOf(key),
                  info.st_size, length, offset);
    }
    return Read(file, key, offset, length);
  }

  Result<std::optional<ObjectInfo>> Head(std::string_view key, std::stop_token /*stop*/) override {
    NILUS_TRY(Check(key));
    return Look(key);
  }

  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes, const PutCondition& condition,
                         std::stop_token stop) override {
    NILUS_TRY(Check(key));
    NILUS_ASSIGN(std::string path, NewTemporaryPath());
    NILUS_FAULT_POINT("store.local.create");
    TemporaryFile temporary(path);
    NILUS_ASSIGN(FileDescriptor file, WriteNew(path, bytes));
    return Publish(key, file, temporary, condition, stop);
  }

  Status PutHint(std::string_view key, std::string_view bytes, std::stop_token stop) override {
    NILUS_TRY(Check(key));
    NILUS_ASSIGN(std::string path, NewTemporaryPath());
    TemporaryFile temporary(path);
    NILUS_TRY(WriteNew(path, bytes));
    const auto [folder, name] = SplitKey(key);
    NILUS_ASSIGN(FileDescriptor parent, folder_.Make(folder));
    NILUS_ASSIGN(FileDescriptor lock, LockRoot(folder_.root(), false, stop));
    NILUS_FAULT_POINT("store.local.rename_hint");
    return MoveTo(parent, key, std::string(name), temporary, PutCondition::Always());
  }

  Result<ObjectInfo> PutFile(std::string_view key, const std::string& local_path, std::stop_token stop) override {
    NILUS_TRY(Check(key));
    FileDescriptor file(open(local_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.is_open()) return ErrnoFailure(errno, "read " + local_path);
    struct stat info {};
    struct stat root {};
    if (fstat(file.get(), &info) != 0) return ErrnoFailure(errno, "read " + local_path);
    if (!S_ISREG(info.st_mode)) return Fail(ErrorKind::kInvalidInput, "{} is no regular file", local_path);
    NILUS_ASSIGN(std::string path, NewTemporaryPath());
    if (stat(folder_.root().c_str(), &root) == 0 && root.st_dev == info.st_dev && info.st_nlink == 1) {
      NILUS_FAULT_POINT("store.local.move");
      TemporaryFile moved(local_path);
      return Publish(key, file, moved, PutCondition::Always(), stop);
    }
    NILUS_FAULT_POINT("store.local.create");
    TemporaryFile temporary(path);
    NILUS_ASSIGN(FileDescriptor copy, WriteNew(path, {}));
    NILUS_TRY(CopyBytes(file, copy, info.st_size, local_path, path, stop));
    return Publish(key, copy, temporary, PutCondition::Always(), stop);
  }

  Status Download(std::string_view key, const std::string& local_path, std::stop_token stop) override {
    NILUS_TRY(Check(key));
    NILUS_ASSIGN(FileDescriptor file, folder_.OpenFile(key));
    NILUS_ASSIGN(struct stat info, StatOf(file, key));
    FileDescriptor copy(open(local_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!copy.is_open()) return ErrnoFailure(errno, "write " + local_path);
    TemporaryFile partial(local_path);
    NILUS_TRY(CopyBytes(file, copy, info.st_size, folder_.PathOf(key), local_path, stop));
    partial.Release();
    return {};
  }

  Status MakeDurable(std::string_view key, std::stop_token /*stop*/) override {
    NILUS_TRY(Check(key));
    NILUS_ASSIGN(FileDescriptor file, folder_.OpenFile(key));
    NILUS_TRY(SyncFile(file, folder_.PathOf(key)));
    std::string_view folder = SplitKey(key).first;
    while (true) {
      NILUS_ASSIGN(FileDescriptor parent, folder_.Open(folder));
      NILUS_TRY(SyncFile(parent, folder_.PathOf(folder)));
      if (folder.empty()) return {};
      folder = SplitKey(folder).first;
    }
  }

  Status Delete(std::span<const std::string> keys, std::stop_token stop) override {
    for (const std::string& key : keys) {
      NILUS_TRY(Check(key));
      if (stop.stop_requested()) return Cancelled();
      NILUS_FAULT_POINT("store.local.delete");
      const auto [folder, name] = SplitKey(key);
      auto parent = folder_.Open(folder);
      if (!parent && parent.error().kind == ErrorKind::kNotFound) continue;
      if (!parent) return Failure(parent.error());
      NILUS_ASSIGN(FileDescriptor lock, LockRoot(folder_.root(), false, stop));
      if (unlinkat(parent->get(), std::string(name).c_str(), 0) != 0 && errno != ENOENT && errno != EISDIR)
        return ErrnoFailure(errno, "remove " + folder_.PathOf(key));
    }
    return {};
  }

  Status List(std::string_view prefix, const ListCallback& callback, std::stop_token stop) override {
    NILUS_TRY(CheckPrefix(prefix));
    const auto [folder, start] = SplitKey(prefix);
    return ListBelow(std::string(folder), start, callback, stop);
  }

  Result<FolderListing> ListFolder(std::string_view folder, std::stop_token stop) override {
    if (!folder.empty()) NILUS_TRY(Check(folder));
    FolderListing listing;
    auto entries = folder_.Entries(folder);
    if (!entries && entries.error().kind == ErrorKind::kNotFound) return listing;
    if (!entries) return Failure(entries.error());
    if (entries->size() > kMostFolderEntries) {
      return Fail(ErrorKind::kExhausted, "{} has more than {} entries", folder_.PathOf(folder), kMostFolderEntries);
    }
    for (const FolderEntry& entry : *entries) {
      if (stop.stop_requested()) return Cancelled();
      const std::string key = Below(folder, entry.name);
      if (entry.is_folder) {
        NILUS_ASSIGN(bool holds, folder_.HoldsObject(key));
        if (holds) listing.folders.push_back(entry.name);
      } else {
        NILUS_ASSIGN(auto info, Look(key));
        if (info) listing.objects.push_back(std::move(*info));
      }
    }
    std::sort(listing.folders.begin(), listing.folders.end());
    return listing;
  }

  std::string Url(std::string_view key) const override { return "file://" + folder_.PathOf(key); }

  Result<std::string> KeyOf(std::string_view url) const override {
    std::string_view path = url;
    if (path.starts_with("file://")) {
      path.remove_prefix(7);
      if (path.starts_with("localhost/")) path.remove_prefix(9);
    } else if (path.starts_with("file:")) {
      path.remove_prefix(5);
    }
    auto key = Relative(path, folder_.root());
    if (!key && path.starts_with('/')) {  // the root, or the way to the file, may be written with links
      std::error_code error;
      const auto real = std::filesystem::weakly_canonical(std::filesystem::path(path), error);
      const auto real_root = std::filesystem::weakly_canonical(folder_.root(), error);
      if (!error) key = Relative(real.string(), real_root.string());
    }
    if (!key || !Check(*key)) {
      return Fail(ErrorKind::kInvalidInput, "'{}' does not lie in the folder {}", url, folder_.root());
    }
    return *std::move(key);
  }

  std::optional<std::string> LocalPath(std::string_view key) const override { return folder_.PathOf(key); }

  Result<std::optional<std::string>> PathToOpen(std::string_view key) override {
    NILUS_TRY(Check(key));
    NILUS_TRY(folder_.CheckFile(key));
    return folder_.PathOf(key);
  }

  Result<PrivateFolder> MakeScratch() override {
    NILUS_ASSIGN(std::string parent, TemporaryParentFolder());
    return PrivateFolder::Make(parent, kScratchPrefix);
  }

 private:
  static Status Check(std::string_view key) {
    NILUS_TRY(CheckKey(key));
    if (key.substr(0, key.find('/')) != kLocalTemporaryFolder) return {};
    return Fail(ErrorKind::kInvalidInput, "'{}' lies in the store's folder for temporary files", key);
  }

  static std::string Below(std::string_view folder, std::string_view name) {
    return folder.empty() ? std::string(name) : fmt::format("{}/{}", folder, name);
  }

  static std::optional<std::string> Relative(std::string_view path, std::string_view root) {
    if (!path.starts_with(root)) return std::nullopt;
    path.remove_prefix(root.size());
    if (root == "/") return std::string(path);
    if (!path.starts_with('/')) return std::nullopt;
    return std::string(path.substr(1));
  }

  Result<struct stat> StatOf(const FileDescriptor& file, std::string_view key) const {
    struct stat info {};
    if (fstat(file.get(), &info) != 0) return ErrnoFailure(errno, "read " + folder_.PathOf(key));
    return info;
  }

  Result<std::string> Read(const FileDescriptor& file, std::string_view key, int64_t offset, int64_t length) const {
    std::string bytes(static_cast<size_t>(length), '\0');
    NILUS_ASSIGN(bool whole, ReadFully(file, bytes, offset, folder_.PathOf(key)));
    if (!whole) return Fail(ErrorKind::kData, "{} became shorter while it was read", folder_.PathOf(key));
    return bytes;
  }

  Result<std::optional<ObjectInfo>> Look(std::string_view key) const {
    auto file = folder_.OpenFile(key);
    if (!file && file.error().kind == ErrorKind::kNotFound) return std::nullopt;
    if (!file) return Failure(file.error());
    NILUS_ASSIGN(struct stat info, StatOf(*file, key));
    return InfoOf(key, info);
  }

  static Result<FileDescriptor> WriteNew(const std::string& path, std::string_view bytes) {
    FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!file.is_open()) return ErrnoFailure(errno, "write " + path);
    NILUS_TRY(WriteAll(file, bytes, path));
    return file;
  }

  // <root>/.nilus-tmp, made when it is missing.
  Result<std::string> TemporaryParentFolder() {
    const std::string path = folder_.PathOf(kLocalTemporaryFolder);
    NILUS_ASSIGN(FileDescriptor root, folder_.Make({}));
    if (mkdirat(root.get(), std::string(kLocalTemporaryFolder).c_str(), 0777) != 0 && errno != EEXIST)
      return ErrnoFailure(errno, "create the folder " + path);
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
      return Fail(ErrorKind::kInvalidInput, "{} must be a folder: it holds temporary files", path);
    return path;
  }

  Result<std::string> NewTemporaryPath() {
    constexpr int kAttempts = 5;  // another store may remove the empty parent in between
    std::lock_guard lock(mutex_);
    for (int attempt = 1; temporary_.path().empty(); ++attempt) {
      NILUS_ASSIGN(std::string parent, TemporaryParentFolder());
      SweepPrivateFolders(parent, kPutPrefix);
      SweepPrivateFolders(parent, kScratchPrefix);
      auto made = PrivateFolder::Make(parent, kPutPrefix);
      if (!made && attempt == kAttempts) return Failure(made.error());
      if (made) temporary_ = *std::move(made);
    }
    return fmt::format("{}/{}", temporary_.path(), ++temporary_count_);
  }

  // Syncs `file`, which lies at temporary.path(), and gives it the key's name.
  Result<ObjectInfo> Publish(std::string_view key, const FileDescriptor& file, TemporaryFile& temporary,
                             const PutCondition& condition, const std::stop_token& stop) {
    // The kernel's own times step by milliseconds: with them, two versions might look alike (InfoOf's etag).
    timespec times[2] = {};
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[1] = times[0];
    if (futimens(file.get(), times) != 0) return ErrnoFailure(errno, "write " + temporary.path());
    NILUS_TRY(SyncFile(file, temporary.path()));
    NILUS_ASSIGN(struct stat info, StatOf(file, key));
    NILUS_FAULT_POINT("store.local.synced");
    const auto [folder, name] = SplitKey(key);
    NILUS_ASSIGN(FileDescriptor parent, folder_.Make(folder));
    {
      const bool is_match = condition.kind == PutCondition::Kind::kIfMatch;
      NILUS_ASSIGN(FileDescriptor lock, LockRoot(folder_.root(), is_match, stop));
      if (is_match) NILUS_TRY(CheckMatch(key, condition.etag));
      NILUS_FAULT_POINT("store.local.rename");
      NILUS_TRY(MoveTo(parent, key, std::string(name), temporary, condition));
    }
    Status synced = SyncPublished(parent, folder);
    if (!synced) {
      return Fail(ErrorKind::kUnknownOutcome, "{} is there, but may not outlive a power loss: {}", folder_.PathOf(key),
                  synced.error().message);
    }
    NILUS_FAULT_ACK("store.local.put");
    return InfoOf(key, info);
  }

  // Everybody sees the object by now: that this fails does not mean that it was not written.
  Status SyncPublished(const FileDescriptor& parent, std::string_view folder) const {
    NILUS_FAULT_POINT("store.local.renamed");
    return SyncFile(parent, folder_.PathOf(folder));
  }

  Status CheckMatch(std::string_view key, std::string_view etag) const {
    NILUS_ASSIGN(auto info, Look(key));
    if (info && info->etag == etag) return {};
    return Fail(ErrorKind::kConflict, "{} {}", folder_.PathOf(key),
                info ? "was replaced by another writer" : "was removed by another writer");
  }

  Status MoveTo(const FileDescriptor& parent, std::string_view key, const std::string& name, TemporaryFile& temporary,
                const PutCondition& condition) const {
    const bool if_absent = condition.kind == PutCondition::Kind::kIfAbsent;
    int failed =
        renameat2(AT_FDCWD, temporary.path().c_str(), parent.get(), name.c_str(), if_absent ? RENAME_NOREPLACE : 0);
    if (failed != 0 && if_absent && (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP)) {
      failed = linkat(AT_FDCWD, temporary.path().c_str(), parent.get(), name.c_str(), 0);
      if (failed == 0) return {};  // the other name goes with `temporary`
    }
    if (failed != 0 && errno == EEXIST) return Fail(ErrorKind::kConflict, "{} exists already", folder_.PathOf(key));
    if (failed != 0 && errno == EISDIR)
      return Fail(ErrorKind::kInvalidInput, "{} is a folder, where a file is to be written", folder_.PathOf(key));
    if (failed != 0) return ErrnoFailure(errno, "write " + folder_.PathOf(key));
    temporary.Release();
    return {};
  }

  Status ListBelow(const std::string& folder, std::string_view start, const ListCallback& callback,
                   const std::stop_token& stop) {
    auto entries = folder_.Entries(folder);
    if (!entries && entries.error().kind == ErrorKind::kNotFound) return {};
    if (!entries) return Failure(entries.error());
    for (const FolderEntry& entry : *entries) {
      if (stop.stop_requested()) return Cancelled();
      if (!entry.name.starts_with(start)) continue;
      const std::string key = Below(folder, entry.name);
      if (entry.is_folder) {
        NILUS_TRY(ListBelow(key, {}, callback, stop));
        continue;
      }
      NILUS_ASSIGN(auto info, Look(key));
      if (info) NILUS_TRY(callback(*info));  // nothing: removed since
    }
    return {};
  }

  LocalFolder folder_;
  std::mutex mutex_;
  PrivateFolder temporary_;  // made by the first write
  int64_t temporary_count_ = 0;
};

}  // namespace

Result<std::shared_ptr<ObjectStore>> OpenLocalStore(std::string_view root) {
  if (root.empty() || root.find('\0') != std::string_view::npos)
    return Fail(ErrorKind::kInvalidInput, "the folder of a local store has no name");
  std::error_code error;
  std::string path = std::filesystem::absolute(std::filesystem::path(root), error).lexically_normal().string();
  if (error) return Fail(ErrorKind::kInvalidInput, "the folder {} cannot be used: {}", root, error.message());
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return std::make_shared<LocalStore>(std::move(path));
}

}  // namespace nilus::storage
