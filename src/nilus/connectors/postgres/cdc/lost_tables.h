// What is missing from a stream without a word of the log: changes of tables that the publication does not send any
// more, or of those that have lost their replica identity where the plugin knows no publication. Looked for from time
// to time (heartbeat.h).
#pragma once

#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/sql_text.h"

namespace nilus::postgres {

// Selects a table ("schema.table") among these that is there and of which not all changes come (any more); no row: they
// all do.
std::string LostTableQuery(const CaptureSettings& settings, const std::vector<TableRef>& tables);

// Why the stream of such a table ends.
Error LostTableError(const CaptureSettings& settings, const std::string& table);

}  // namespace nilus::postgres
