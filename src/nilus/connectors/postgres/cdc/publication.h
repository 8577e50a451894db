// The publication that says which tables' changes the plugin pgoutput sends.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/cdc/capture_tables.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

struct Publication {
  bool exists = false;
  bool has_all_tables = false;
  bool via_partition_root = false;
  std::vector<std::string> unpublished;  // of insert, update, delete, truncate
  // Its tables by "schema"."table", with the columns it sends where the server tells (PostgreSQL 15).
  std::map<std::string, std::optional<std::vector<std::string>>> tables;
};

Result<Publication> ReadPublication(Connection& connection, const std::string& name, const std::stop_token& stop);

// Makes the publication, or adds tables to it, as far as the settings allow, and checks that it sends what is needed of
// the captured tables. Every failure names the statement that mends it. `notices` gets what was done.
Result<Publication> PreparePublication(Connection& connection, const CaptureSettings& settings,
                                       const std::vector<FoundTable>& tables, Publication known,
                                       std::vector<std::string>* notices, const std::stop_token& stop);

}  // namespace nilus::postgres
