#include "nilus/base/file_descriptor.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace nilus {

Failure ErrnoFailure(int error, std::string_view doing) {
  std::string reason = std::generic_category().message(error);
  switch (error) {
    case EACCES:
    case EPERM:
      return FailWithFix(ErrorKind::kAuth, "give this user the right, or choose another path", "cannot {}: {}", doing,
                         reason);
    case EROFS:
      return FailWithFix(ErrorKind::kAuth, "choose a path that can be written", "cannot {}: {}", doing, reason);
    case ENOENT:
      return FailWithFix(ErrorKind::kNotFound, "check the path", "cannot {}: {}", doing, reason);
    case ENOSPC:
    case EDQUOT:
      return FailWithFix(ErrorKind::kExhausted, "free space there, then run again", "cannot {}: {}", doing, reason);
    case EIO:
      return FailWithFix(ErrorKind::kExhausted, "check the device, then run again", "cannot {}: {}", doing, reason);
    case EFBIG:
    case ENOMEM:
      return Fail(ErrorKind::kExhausted, "cannot {}: {}", doing, reason);
    case EMFILE:
    case ENFILE:
      return FailWithFix(ErrorKind::kExhausted, "raise the limit of open files (ulimit -n)", "cannot {}: {}", doing,
                         reason);
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EEXIST:
    case ENAMETOOLONG:
    case EINVAL:
      return FailWithFix(ErrorKind::kInvalidInput, "check the path", "cannot {}: {}", doing, reason);
    case EINTR:
    case EAGAIN:
    case ESTALE:
    case ETIMEDOUT:
      return Fail(ErrorKind::kTransient, "cannot {}: {}", doing, reason);
    default:
      return Fail(ErrorKind::kExhausted, "cannot {}: {}", doing, reason);
  }
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void FileDescriptor::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Status WriteAll(const FileDescriptor& file, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return ErrnoFailure(errno, fmt::format("write {}", path));
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status SyncFile(const FileDescriptor& file, std::string_view path) {
  if (fsync(file.get()) != 0) return ErrnoFailure(errno, fmt::format("make {} durable", path));
  return {};
}

}  // namespace nilus
