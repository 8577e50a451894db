// Which values a query asks a table's columns for, as DuckDB's optimizer finds out: it is shown the query over tables
// without rows, and its plan tells what it would push into each scan. So a file is left out only where DuckDB itself
// would not look at its rows, whatever the query's form (aliases, subqueries, BETWEEN, LIKE 'a%', date_trunc, joins).
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/duck/connection.h"
#include "nilus/lake/scan_filter.h"
#include "nilus/lake/schema.h"

namespace nilus::lakehouse {

// A condition that every row has to meet which the scan is to give: the column is one of `literals` (operator "IN"), or
// compares with the only one.
struct ScanCondition {
  int32_t field_id = 0;
  std::string comparison;             // = < <= > >= IN
  std::vector<std::string> literals;  // SQL, as DuckDB writes it: 5000, 'it''s', '2024-03-15'::DATE

  friend bool operator==(const ScanCondition&, const ScanCondition&) = default;
};

// From an EXPLAIN (FORMAT JSON) over StandIns: by a stand-in's name, the conditions that all its scans have in common.
// What is not understood is left out: OR, IS NULL, casts. Pure.
std::map<std::string, std::vector<ScanCondition>> ScanConditions(std::string_view plan_json);
// Of one scan's filters, a line for each.
std::vector<ScanCondition> ParseFilters(std::string_view filters);

// Views without rows that look like tables. One thread at a time; the connection outlives them.
class StandIns {
 public:
  explicit StandIns(duck::Connection& connection) : connection_(connection) {}
  // `view` is SQL, and is to be replaced by the real one afterwards: Filters leaves it without its table.
  Status Add(const std::string& view, const lake::IcebergSchema& schema);
  // For each of the views, in the order of Add, the filters that rows of its table have to pass. The connection is in a
  // transaction afterwards, so that now() stays what it was for them. No filters (and no transaction) when the query
  // cannot be planned: its error comes when it is run.
  Result<std::vector<lake::RangeFilters>> Filters(const std::string& sql, const std::stop_token& stop);

 private:
  Result<lake::RangeFilters> Resolve(const lake::IcebergSchema& schema, const std::vector<ScanCondition>& conditions,
                                     const std::stop_token& stop);

  duck::Connection& connection_;
  std::vector<lake::IcebergSchema> schemas_;
};

}  // namespace nilus::lakehouse
