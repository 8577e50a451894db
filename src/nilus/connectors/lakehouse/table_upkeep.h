// Behind a load's commit: now and then its tables are compacted and their old snapshots expire (lake/upkeep.h).
#pragma once

#include <stop_token>

#include "nilus/connectors/lakehouse/session.h"
#include "nilus/lake/catalog.h"

namespace nilus::lakehouse {

// Does what is due in the table as its commit left it. The load is committed whatever comes of it: what fails is told
// in a warning, and is due again later.
void KeepUp(const Session& session, const lake::TablePtr& table, const std::stop_token& stop);

}  // namespace nilus::lakehouse
