// From a ReadRequest to SQL. Pure text, no I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/source.h"
#include "nilus/duck/connection.h"

namespace nilus::duckdb {

// What is read: a table or view, or a query.
struct Relation {
  std::string schema;  // of a table
  std::string table;   // empty: a query
  std::string sql;     // quoted name, or the query with its placeholders numbered
  std::vector<duck::TextValue> params;

  bool is_query() const { return table.empty(); }
  std::string From() const;       // what stands behind FROM
  std::string SelectAll() const;  // the statement whose columns and rows are the relation's
};

// "table", "schema.table", with "double quotes" around parts that hold a dot; or "query:SELECT …" with :interval_start
// and :interval_end. `catalog` is the database's own name. kInvalidInput when it is neither, or when an interval is
// named that the request does not give.
Result<Relation> ParseRelation(const ReadRequest& request, std::string_view catalog);

struct Statement {
  std::string sql;
  std::vector<duck::TextValue> params;
};

// The rows of the request. `schema` is the relation's, `columns` those of it that are read.
Result<Statement> MakeSelect(const Relation& relation, const Schema& schema, const Schema& columns,
                             const ReadRequest& request);
// One value: the highest key, infinity and NaN left out.
Result<Statement> MakeSelectMax(const Relation& relation, const Field& key);
// The field of that name; kInvalidInput with the nearest name otherwise. Names match exactly, else without regard to
// case.
Result<Field> FindColumn(const Schema& schema, std::string_view name, std::string_view table);
// `schema` without the request's exclude_columns.
Result<Schema> WithoutExcluded(const Schema& schema, const ReadRequest& request);

}  // namespace nilus::duckdb
