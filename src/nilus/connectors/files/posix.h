// The few system calls that reading and publishing files needs, as Results. Nothing here follows a symbolic link when
// it writes or removes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/file_descriptor.h"
#include "nilus/base/result.h"

namespace nilus::files {

// What tells one content of a file from another without reading it.
struct FileStamp {
  int64_t size = 0;
  int64_t mtime_ns = 0;
  uint64_t inode = 0;
  uint64_t device = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

Result<FileStamp> StampOf(const std::string& path);  // follows links; kInvalidInput when it is no regular file
Result<FileStamp> StampOf(const FileDescriptor& file, const std::string& path);
bool Exists(const std::string& path);       // links are not followed: a dangling one exists
bool IsDirectory(const std::string& path);  // links are followed
// kInvalidInput when the path is a symbolic link. One that is absent is fine.
Status RefuseLink(const std::string& path);

Result<FileDescriptor> OpenForReading(const std::string& path);
Result<FileDescriptor> CreateNew(const std::string& path, unsigned mode = 0666);  // O_EXCL; mode less the umask
// The whole file; kData when it is larger than `max_bytes`.
Result<std::string> ReadWhole(const std::string& path, int64_t max_bytes);

Status SyncFileAt(const std::string& path);
Status SyncDirectory(const std::string& path);

// Creates what is missing of the path; durable when it returns. Others may meanwhile remove folders that are empty.
Status MakeDirectories(const std::string& path);
Status Rename(const std::string& from, const std::string& to);
// Swaps two existing paths in one step (renameat2 RENAME_EXCHANGE). kUnsupported where the file system cannot.
Status Exchange(const std::string& a, const std::string& b);
Status RemoveFile(const std::string& path);            // absent is fine
Status RemoveEmptyDirectory(const std::string& path);  // one that is absent or not empty is fine
// Removes a folder and all below it; absent is fine.
Status RemoveTree(const std::string& path);
// Names in a folder without "." and "..", sorted by bytes.
Result<std::vector<std::string>> ListDirectory(const std::string& path);

std::string JoinPath(std::string_view folder, std::string_view name);
std::string ParentOf(std::string_view path);
std::string_view NameOf(std::string_view path);

}  // namespace nilus::files
