// Files as a source. Contract of Source in connector/source.h; what a source_table may say: input_files.h.
#pragma once

#include <memory>

#include "nilus/connector/connector.h"

namespace nilus::files {

Result<std::unique_ptr<Source>> OpenFilesSource(const Address& address, const OpenContext& context);

}  // namespace nilus::files
