// From an address to the catalog that it stands for.
#pragma once

#include <memory>

#include "nilus/base/address.h"
#include "nilus/connector/connector.h"
#include "nilus/connectors/lakehouse/session.h"

namespace nilus::lakehouse {

// Every address that lake/open_catalog.h knows, with the connector's options.
Result<std::shared_ptr<const Session>> OpenSession(const Address& address, const OpenContext& context);

}  // namespace nilus::lakehouse
