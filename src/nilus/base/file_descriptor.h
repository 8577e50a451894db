// An open file of the operating system, and errno as an Error.
#pragma once

#include <string_view>

#include "nilus/base/result.h"

namespace nilus {

// The kind says what the caller does next: rights → kAuth, absent → kNotFound, full disk or failing device →
// kExhausted, bad names → kInvalidInput. `doing` is "write /data/x.parquet".
[[nodiscard]] Failure ErrnoFailure(int error, std::string_view doing);

// An open file, closed when destroyed.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { Close(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

// All of `bytes` at the file's position.
Status WriteAll(const FileDescriptor& file, std::string_view bytes, std::string_view path);
// fsync. An error is final: the kernel may have dropped the pages, so nobody syncs the same bytes a second time.
Status SyncFile(const FileDescriptor& file, std::string_view path);

}  // namespace nilus
