// Reading tables of a lakehouse.
#pragma once

#include <memory>

#include "nilus/connector/connector.h"

namespace nilus::lakehouse {

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context);

}  // namespace nilus::lakehouse
