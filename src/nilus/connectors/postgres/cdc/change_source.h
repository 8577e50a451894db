// PostgreSQL's log as a ChangeSource.
#pragma once

#include <memory>

#include "nilus/connector/connector.h"

namespace nilus::postgres {

Result<std::unique_ptr<ChangeSource>> OpenPostgresChanges(const Address& address, const OpenContext& context);

}  // namespace nilus::postgres
