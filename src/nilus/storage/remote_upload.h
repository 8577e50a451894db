// One file on its way up in parts. Internal to storage/.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/file_descriptor.h"
#include "nilus/storage/remote_calls.h"

namespace nilus::storage {

// Writes `size` bytes of the file as `object`, its metadata carrying `marker`. When it fails, the parts are removed as
// far as the store answers.
Status UploadInParts(const RemoteCalls& calls, std::string_view object, std::string_view marker,
                     const FileDescriptor& file, int64_t size, const std::stop_token& stop);

// Exactly `length` bytes of the file; kData when it ends before.
Result<std::string> ReadPart(const FileDescriptor& file, int64_t offset, int64_t length);

}  // namespace nilus::storage
