// One pipeline's runs into one folder, one at a time: an flock that ends with the process, however it ends.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "nilus/base/result.h"
#include "nilus/connectors/files/posix.h"

namespace nilus::files {

class FileLock {
 public:
  // Waits up to `wait` for another holder, then kConflict. The file is created when it is missing.
  static Result<FileLock> Acquire(const std::string& path, std::chrono::milliseconds wait, std::stop_token stop);
  // Nothing: somebody else holds it.
  static Result<std::optional<FileLock>> TryAcquire(const std::string& path);

 private:
  explicit FileLock(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;  // closing it releases the lock
};

}  // namespace nilus::files
