// Rows of the signal table (signal.data.collection: columns id, type, data), as Debezium has them: `execute-snapshot`
// with data {"data-collections": ["public.orders"], "type": "incremental" | "blocking"}.
#pragma once

#include <string>
#include <vector>

#include "nilus/connector/change_source.h"

namespace nilus {

struct Signal {
  std::string id;
  std::vector<std::string> tables;  // schema.table, or expressions
  bool anew = false;                // blocking: the table is read in one step, in place of what is there
  std::string problem;              // not empty: it cannot be followed, and why
};

// A snapshot is asked for by a table's name, schema.table, or by a regular expression that matches it (of somebody's:
// it may be none).
bool NamesTable(const std::string& asked, const std::string& table);

// Of the rows that were inserted. Safe for hostile values.
std::vector<Signal> ReadSignals(const ChangeBatch& batch);

}  // namespace nilus
