// Writing to a lakehouse: see README.md for what a load leaves behind at each step.
#pragma once

#include <memory>

#include "nilus/connector/connector.h"

namespace nilus::lakehouse {

Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext& context);

}  // namespace nilus::lakehouse
