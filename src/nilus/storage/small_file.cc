#include "nilus/storage/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "nilus/base/file_descriptor.h"

namespace nilus::storage {

Result<std::string> ReadSmallFile(const std::string& path) {
  constexpr size_t kMostBytes = 1 << 20;
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return ErrnoFailure(errno, "read " + path);
  std::string bytes;
  char block[16 << 10];
  while (true) {
    const ssize_t got = read(file.get(), block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoFailure(errno, "read " + path);
    if (got == 0) return bytes;
    bytes.append(block, static_cast<size_t>(got));
    if (bytes.size() > kMostBytes)
      return Fail(ErrorKind::kInvalidInput, "{} is larger than any file with credentials", path);
  }
}

}  // namespace nilus::storage
