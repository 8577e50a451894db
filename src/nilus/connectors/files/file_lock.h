// What only one may do at a time: an flock that ends with the process, however it ends.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/connectors/files/posix.h"

namespace nilus::files {

class FileLock {
 public:
  // One pipeline's runs into one folder. Waits up to `wait` for another holder, then kConflict. The file is created
  // when it is missing.
  static Result<FileLock> Acquire(const std::string& path, std::chrono::milliseconds wait, std::stop_token stop);
  // Nothing: somebody else holds it.
  static Result<std::optional<FileLock>> TryAcquire(const std::string& path);

  // Durable, but not atomic: a crash may leave part of the text, or none. `path` is for messages.
  Status ReplaceText(std::string_view text, const std::string& path) const;

 private:
  explicit FileLock(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;  // closing it releases the lock
};

}  // namespace nilus::files
