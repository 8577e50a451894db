// Bounds of a snapshot's chunks: texts of keys to SQL and back. No I/O.
#pragma once

#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/table_layout.h"
#include "nilus/data/record_batch.h"

namespace nilus::postgres {

// One column of a key by which a table can be cut.
struct KeyColumn {
  std::string name;
  PgType pg_type;
  Type type;
};

// The key's columns, when the source orders each of them as CompareScalars does: whole numbers, dates, instants, uuids;
// texts where `has_byte_order` says so of the column. Else nothing: the table is one chunk.
std::vector<KeyColumn> CuttableKey(const TableLayout& layout, const std::vector<std::string>& columns_in_byte_order);

// "(t.\"a\", t.\"b\") > ('1'::pg_catalog.int8, …)". kInvalidInput: the bound is no JSON array of as many texts.
Result<std::string> BoundCondition(const std::vector<KeyColumn>& key, const std::string& bound,
                                   const std::string& comparison);

// A row of the key's columns as a bound.
std::string BoundOf(const RecordBatch& keys, int64_t row);

}  // namespace nilus::postgres
