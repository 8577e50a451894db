// Folders of files as a sink. Contract of Sink in connector/sink.h; layout: sink_layout.h; protocol: publish.h.
#pragma once

#include <memory>

#include "nilus/connector/connector.h"

namespace nilus::files {

Result<std::unique_ptr<Sink>> OpenFilesSink(const Address& address, const OpenContext& context);

}  // namespace nilus::files
