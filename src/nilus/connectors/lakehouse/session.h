// What the tables of a load share.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "nilus/connector/connector.h"
#include "nilus/duck/connection.h"
#include "nilus/lake/catalog.h"
#include "nilus/lake/upkeep.h"

namespace nilus::lakehouse {

class KeyFinders;  // key_finder.h

// DuckDB's memory for the files that loads of changes have open while their rows arrive: a table without room keeps its
// rows in temporary tables until its end, which spill. One thread at a time.
struct WritingRoom {
  int64_t limit_bytes = 0;
  int64_t used_bytes = 0;
};

struct Session {
  lake::CatalogPtr catalog;
  std::shared_ptr<duck::Database> database;   // in memory: writes files, looks keys up
  std::shared_ptr<KeyFinders> key_finders;    // of loads of changes: one sink's
  std::shared_ptr<WritingRoom> writing_room;  // of loads of changes
  int64_t change_row_group_bytes = 8 << 20;   // of files with changes
  int threads = 2;
  int format_version = 2;      // of new tables
  std::string metadata_codec;  // of table metadata: "gzip", "none"; empty: as each table has it
  std::string collection;      // schema of tables that are named without one; empty: none
  lake::UpkeepPolicy upkeep;
  int64_t file_bytes = 0;  // a data file ends at about so many bytes of rows in memory

  // A connection whose statements run on all threads: writers of files set DuckDB to one.
  Result<duck::Connection> Connect() const;
};

lake::TableIdentifier IdentifierOf(const TableName& table);

}  // namespace nilus::lakehouse
