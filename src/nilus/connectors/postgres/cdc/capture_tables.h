// The tables of a database that a capture is about, and what identifies their rows in the log.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/catalog.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/cdc/table_layout.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

struct FoundTable {
  uint32_t oid = 0;
  TableRef ref;
  char kind = 'r';      // pg_class.relkind: r table, p partitioned
  char identity = 'd';  // pg_class.relreplident
  bool is_partition = false;
  bool has_heirs = false;       // tables that inherit from it, which are tables of their own
  bool is_logged = true;        // false: UNLOGGED, which the log knows nothing of
  bool is_readable = true;      // this role may SELECT from it
  bool is_row_secured = false;  // and row-level security hides rows from it
  double estimated_rows = -1;
  std::vector<std::string> key;  // of the replica identity; under FULL of the primary key

  std::string Quoted() const { return QuoteName(ref.schema, ref.name); }
};

// Tables and partitioned tables that the settings capture, by name. Partitions are left out where their root is
// captured, when changes come under the root's name.
Result<std::vector<FoundTable>> FindCapturedTables(Connection& connection, const CaptureSettings& settings,
                                                   bool via_partition_root, const std::stop_token& stop);

// What identifies a row in the log, in the index's order: the primary key, or the columns of the replica identity's
// index. Empty: nothing does. A deferrable key does not: two rows may have one value of it inside a transaction, and
// PostgreSQL takes none for an identity.
Result<std::vector<std::string>> ReadLogKey(Connection& connection, uint32_t relation, char identity,
                                            const std::stop_token& stop);

// The relation has not been dropped by now.
Result<bool> IsThere(Connection& connection, uint32_t relation, const std::stop_token& stop);

// What a table's rows have that the log may not tell of.
struct ColumnTraits {
  std::set<std::string> names;  // of all columns
  std::set<std::string> generated;
  std::set<std::string> stored;  // of the generated ones
  // Rows from before the column may have values in it: it has a DEFAULT, or had one when it was added.
  std::set<std::string> filled;
};
Result<ColumnTraits> ReadColumnTraits(Connection& connection, uint32_t relation, const std::stop_token& stop);

// A table as it is now, with the columns that the log brings (`published`: those that the publication names, nothing:
// all that it can). The layout's `catalog` tells the columns' types.
Result<TableLayout> DescribeCaptured(Connection& connection, const FoundTable& table, const CaptureSettings& settings,
                                     const std::optional<std::vector<std::string>>& published,
                                     const std::stop_token& stop);

// Is the column captured? Those of the key always are.
bool IsCaptured(const CaptureSettings& settings, const TableRef& table, const std::vector<std::string>& key,
                const std::string& column);

// kAuth with the statement that mends it. `role` is the session's.
Status CheckReadable(const FoundTable& table, const std::string& role);

// Merging needs to know which row a change is about, and so do plugins that say nothing of it otherwise. kUnsupported
// with the statement that mends it.
Status CheckIdentity(const CaptureSettings& settings, const FoundTable& table);

}  // namespace nilus::postgres
