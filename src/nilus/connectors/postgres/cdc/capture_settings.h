// What the properties of a capture mean for PostgreSQL (spec 05, Debezium's names), and which tables and columns are
// captured. No I/O.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"
#include "nilus/connector/name_patterns.h"
#include "nilus/connectors/postgres/cdc/output_plugin.h"

namespace nilus::postgres {

struct CaptureSettings {
  enum class Autocreate { kAllTables, kDisabled, kFiltered };

  static Result<CaptureSettings> Read(const CaptureRequest& request);

  bool Captures(std::string_view schema, std::string_view table) const;
  bool CapturesColumn(std::string_view schema, std::string_view table, std::string_view column) const;
  bool IsSignalTable(std::string_view schema, std::string_view table) const;

  NamePatterns include_databases, exclude_databases;
  NamePatterns include_schemas, exclude_schemas, include_tables, exclude_tables, include_columns, exclude_columns;
  std::string signal_table;  // schema.table; empty: none
  const OutputPlugin* plugin = DefaultPlugin();
  std::string slot;
  std::string publication;
  // Debezium's default is all_tables, which only a superuser may and which adds a burden to tables that nobody wants
  // (their updates fail when they have no replica identity). Tables one by one capture the same.
  Autocreate autocreate = Autocreate::kFiltered;
  bool owns_publication = false;     // it has the name that derives from the pipeline
  bool is_failover = false;          // slot.failover
  bool streams_in_progress = false;  // slot.stream.params: streaming=on
  bool is_two_phase = false;         // two_phase=on; a slot that was made so stays so
  bool replaces_lost = false;        // snapshot.mode when_needed, always: what is lost is read anew
  bool needs_keys = false;
  bool needs_deletes = true;
  std::chrono::milliseconds heartbeat{0};
  std::string heartbeat_query;
};

}  // namespace nilus::postgres
