// What a log says of its tables, and who tells how their rows become rows of captured tables (catalog_layouts.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/table_layout.h"

namespace nilus::postgres {

// A value of a row. `bytes` points into the message, or into what was made of it.
struct TupleValue {
  enum Kind : char {
    kNull = 'n',
    kUnchanged = 'u',
    kText = 't',
    kBinary = 'b',
    kNullOrNan = '?',  // the plugin writes NULL, NaN and the infinities alike (wal2json.h)
  };
  Kind kind = kNull;
  std::string_view bytes;
};

struct RelationColumn {
  bool is_key = false;  // part of the replica identity; all columns under REPLICA IDENTITY FULL
  std::string_view name;
  uint32_t type = 0;  // pg_type.oid of the column, which may be a domain; 0: not known any more
  int32_t typmod = -1;
  bool is_left_out = false;  // it is never captured: a generated column, where the plugin sends those too
};

// A table as the log describes it at a point, in the order of its rows' values.
struct LogRelation {
  uint32_t relation = 0;  // pg_class.oid; 0: not known any more
  std::string_view schema;
  std::string_view name;
  char identity = 'd';  // pg_class.relreplident: d default, n nothing, f full, i index
  std::vector<RelationColumn> columns;
};

// A column as plugins tell it that write names in place of descriptions: wal2json the type's OID, test_decoding its
// name as format_type has it. Whichever is not told is empty, unless the catalog has a column that fits.
struct NamedColumn {
  std::string name;
  std::string type;
  uint32_t type_oid = 0;
  bool can_be_external = true;  // of a type whose values may be left out when they did not change
};
struct NamedRelation {
  std::string schema;
  std::string name;
  std::vector<NamedColumn> columns;
};

using LayoutPtr = std::shared_ptr<const TableLayout>;

class LayoutSource {
 public:
  struct Answer {
    LayoutPtr layout;      // null: the relation is not captured, or its changes are left out
    bool is_news = false;  // its shape is not the one that was known: for the schema history
    // What the stream does not tell: to be passed on whatever the layout is.
    std::vector<SchemaEvent> lacks;
  };
  virtual ~LayoutSource() = default;
  // Of a description that was not seen like this before.
  virtual Result<Answer> LayoutOf(const LogRelation& relation) = 0;

  // The same for plugins that write names. The layout has the relation's columns in its order.
  virtual bool Captures(std::string_view schema, std::string_view name) const = 0;
  virtual Result<Answer> LayoutOf(const NamedRelation& relation) = 0;
  // The columns that the catalog has now, which may be ahead of the log; none: the table is gone.
  virtual Result<std::vector<NamedColumn>> ColumnsNow(const std::string& schema, const std::string& name) = 0;
};

}  // namespace nilus::postgres
