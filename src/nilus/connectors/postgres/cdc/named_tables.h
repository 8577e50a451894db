// Rows whose values come with their columns' names, into rows of a table with a fixed order of columns: what the
// plugins test_decoding and wal2json need where pgoutput sends descriptions of its own. No I/O; one thread.
//
// The log tells only what it has: of an old row the key's columns, of a new one in wal2json not the large values that
// did not change. What a row leaves out is taken from the catalog, which may be ahead of the log; see README.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/change_builder.h"
#include "nilus/connectors/postgres/cdc/layout_source.h"

namespace nilus::postgres {

struct NamedValue {
  std::string_view name;
  std::string_view type;  // empty, or the type's OID is 0: the plugin tells the other
  uint32_t type_oid = 0;
  TupleValue value;
};

// A change as told. Meant to be used again and again.
struct NamedChange {
  enum class NewRow : uint8_t { kWhole, kAllButUnchanged };  // what an update's new row tells
  ChangeOp op = ChangeOp::kCreate;
  std::string_view schema;
  std::string_view table;
  NewRow told = NewRow::kWhole;
  bool has_old = false;
  std::vector<NamedValue> old_row;  // of deletes and updates: the identity's columns, or those that are not NULL
  std::vector<NamedValue> new_row;
  void Clear();
};

class NamedTables {
 public:
  NamedTables(LayoutSource* layouts, ChangeBuilder* builder) : layouts_(layouts), builder_(builder) {}

  // A row's change. kData: a delete without an old row, columns that come twice.
  Status Row(const NamedChange& change, uint64_t lsn);
  Status Truncate(std::string_view schema, std::string_view table, uint64_t lsn);

 private:
  struct Table {
    bool is_captured = false;
    NamedRelation relation;  // no columns: not known yet
    LayoutPtr layout;
    Lack lacks = Lack::kNothing;  // why it has no layout
    std::string told_key;         // names of an old row that are not the layout's key, for which the catalog was asked
  };
  bool IsKeyNews(Table& table, const NamedChange& change);
  Table& Find(std::string_view schema, std::string_view table);
  Status Describe(Table& table, const NamedChange& change);
  Status Take(Table& table, std::vector<NamedColumn> columns);

  LayoutSource* const layouts_;
  ChangeBuilder* const builder_;
  std::map<std::pair<std::string, std::string>, Table, std::less<>> tables_;
  Table* last_ = nullptr;  // most changes are of the table of the one before
  std::vector<TupleValue> old_row_;
  std::vector<TupleValue> new_row_;
};

}  // namespace nilus::postgres
