// How rows of a relation, as the log brings them, become rows of a captured table: the same columns, types and values
// as a COPY of the table gives (types.h), so that snapshot and stream meet in one table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nilus/connector/change_source.h"
#include "nilus/connectors/postgres/catalog.h"
#include "nilus/connectors/postgres/column_values.h"

namespace nilus::postgres {

// What has to be done with a type's text (or binary) to have what the snapshot's SELECT makes of the value.
enum class LogForm : uint8_t {
  kDirect,   // as in binary COPY
  kText,     // ::text says the same as the type's output
  kInet,     // ::text adds the length of the mask
  kArray,    // to_json of an array whose elements this code knows
  kHexEwkb,  // PostGIS: the output is the EWKB in hex
  kServer,   // only the server knows: ask_server.h
};

// Elements of arrays, by how to_json writes them.
enum class JsonElement : uint8_t { kText, kNumber, kBool, kTimestamp, kTimestampTz, kJson };

struct LayoutColumn {
  int target = -1;  // in the table's columns; -1: not captured
  LogForm form = LogForm::kDirect;
  JsonElement element = JsonElement::kText;
  WireField field;
};

struct TableLayout {
  CapturedTable table;
  SchemaPtr schema;                    // the table's columns, but text where the server has to convert
  std::vector<LayoutColumn> columns;   // of the relation, in its order
  std::vector<CatalogColumn> catalog;  // the captured columns' types, in the table's order
  bool has_server_columns = false;
  // DescribeCaptured: generated columns that are not sent; those that the publication could have sent (PostgreSQL 18).
  std::vector<std::string> generated;
  std::vector<std::string> offered;
  bool is_binary_safe = true;  // every captured column's binary form is one that this code reads
};

// The captured columns are those of `columns` (the relation's, in its order) whose flag in `captured` is set.
TableLayout MakeLayout(CapturedTable table, const std::vector<CatalogColumn>& columns,
                       const std::vector<bool>& captured);

// The logical type of a captured column, and how its text becomes it.
struct LogMapping {
  Mapping mapping;
  LogForm form = LogForm::kDirect;
  JsonElement element = JsonElement::kText;
};
LogMapping MapLogType(const PgType& type);

// A value in text form into the column; false: it is no value of the type.
bool AppendLogText(const LayoutColumn& column, std::string_view text, BatchBuilder* builder);
// The same in binary form, for columns with kDirect.
bool AppendLogBinary(const LayoutColumn& column, std::string_view bytes, BatchBuilder* builder);

}  // namespace nilus::postgres
