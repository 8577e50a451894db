// Reads a SQLite file. One read transaction from Plan to the end of its only split: SQLite offers no snapshot that
// several connections could share, so there is nothing to read in parallel.
#pragma once

#include <memory>

#include "nilus/connector/connector.h"

namespace nilus::sqlite {

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context);

}  // namespace nilus::sqlite
