// What is missing from a stream without a word of the log: changes of tables that the publication does not send any
// more, or of those that have lost their replica identity where the plugin knows no publication. Looked for from time
// to time (heartbeat.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/sql_text.h"

namespace nilus::postgres {

struct WatchedTable {
  TableRef ref;
  uint64_t id = 0;  // its number when the stream began
};

struct LostTable {
  std::string name;       // schema.table
  bool is_other = false;  // another table has its name now
};

// Selects the LostTable among these that is there and of which not all changes come (any more); no row: they all do.
std::string LostTableQuery(const CaptureSettings& settings, const std::vector<WatchedTable>& tables);

// Why the stream of such a table ends. kTransient: a new start mends it.
Error LostTableError(const CaptureSettings& settings, const LostTable& lost);

}  // namespace nilus::postgres
