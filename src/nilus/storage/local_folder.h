// Keys as paths below one folder of the local disk. No symbolic link below the root is followed, so that no key leads
// out of it, whoever else writes there. Internal to storage/.
#pragma once

#include <sys/stat.h>

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/base/file_descriptor.h"
#include "nilus/storage/object_store.h"

namespace nilus::storage {

// The key "a/b/c" as the folder "a/b" and the name "c".
std::pair<std::string_view, std::string_view> SplitKey(std::string_view key);

// What a folder holds. Other things than files and folders (links, sockets, names that are no key) are left out.
struct FolderEntry {
  std::string name;
  bool is_folder = false;
};

class LocalFolder {
 public:
  explicit LocalFolder(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string PathOf(std::string_view key) const;

  // An open folder below the root. kNotFound when it is absent, also when a file stands in its place.
  Result<FileDescriptor> Open(std::string_view folder) const;
  // The same, making what is missing, durably. Folders whose names are known to be on the disk are not synced again.
  Result<FileDescriptor> Make(std::string_view folder);
  // A regular file for reading. kNotFound when it is absent, also when a folder stands in its place.
  Result<FileDescriptor> OpenFile(std::string_view key) const;

  // That OpenFile would find one there now. Folders on the way are looked at once.
  Status CheckFile(std::string_view key);

  // Sorted so that the keys below come in the order of their bytes: a folder counts as its name with '/'.
  Result<std::vector<FolderEntry>> Entries(std::string_view folder) const;
  // True when any object is somewhere below.
  Result<bool> HoldsObject(std::string_view folder) const;

 private:
  Result<FileDescriptor> OpenRoot() const;
  // `parent` is the folder up to `path` without its last part `name`.
  Result<FileDescriptor> Step(const FileDescriptor& parent, std::string_view path, const std::string& name) const;
  Status MakeStep(const FileDescriptor& parent, std::string_view path, const std::string& name);

  std::string root_;  // absolute, without '/' at its end (but "/" itself)
  std::mutex mutex_;
  std::set<std::string, std::less<>> durable_;  // folders whose entries in their parents were synced
  std::set<std::string, std::less<>> checked_;  // folders that CheckFile found to be such
};

ObjectInfo InfoOf(std::string_view key, const struct stat& info);

}  // namespace nilus::storage
