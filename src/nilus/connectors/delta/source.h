// The Delta connector's source.
#pragma once

#include <memory>

#include "nilus/connector/connector.h"

namespace nilus::delta_source {

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context);

}  // namespace nilus::delta_source
