// The publication that says which tables' changes the plugin pgoutput sends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
  // By the same names CapturedTable::sender: the number of the entry by which the table is in the publication; one that
  // was taken out and put back has another one.
  std::map<std::string, uint64_t> senders;
  // Tables by the same names of which it sends only the rows that a filter lets through (PostgreSQL 15), as a statement
  // names them that puts them in: with their columns, where it sends only some.
  std::map<std::string, std::string> filtered;

  uint64_t SenderOf(const std::string& table) const;
};

Result<Publication> ReadPublication(Connection& connection, const std::string& name, const std::stop_token& stop);

// kUnsupported for captured tables that the publication sends only some rows of, with the statement that mends it.
Status CheckFilters(const CaptureSettings& settings, const Publication& publication,
                    const std::vector<FoundTable>& tables);

// Makes the publication, or adds tables to it, as far as the settings allow, and checks that it sends what is needed of
// the captured tables. Every failure names the statement that mends it. `notices` gets what was done.
Result<Publication> PreparePublication(Connection& connection, const CaptureSettings& settings,
                                       const std::vector<FoundTable>& tables, Publication known,
                                       std::vector<std::string>* notices, const std::stop_token& stop);

// What PreparePublication would do: the statement that makes the publication, or adds tables to it; empty: it is as it
// has to be. Errors are those of CheckFilters and PreparePublication, of the rights as far as the catalog tells them
// before.
Result<std::string> ForeseePublication(Connection& connection, const CaptureSettings& settings,
                                       const std::vector<FoundTable>& tables, const Publication& known,
                                       const std::stop_token& stop);

// The tables, schema.table, whose rows are loaded and that the publication does not send, or did not for a while. kData
// for one that is not to be read anew, with the way out. Before PreparePublication.
Result<std::set<std::string>> FindGaps(const CaptureSettings& settings, const Publication& publication,
                                       const std::vector<FoundTable>& tables, const CommittedLog& committed);

}  // namespace nilus::postgres
