// A file with credentials, read as a whole.
#pragma once

#include <string>

#include "nilus/base/result.h"

namespace nilus::storage {

// At most 1 MiB; kInvalidInput above.
Result<std::string> ReadSmallFile(const std::string& path);

}  // namespace nilus::storage
