// What the server's catalog says of tables and queries. Every name in these queries is qualified, every value bound.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/connection.h"
#include "nilus/connectors/postgres/sql_text.h"
#include "nilus/connectors/postgres/types.h"

namespace nilus::postgres {

struct CatalogColumn {
  std::string name;
  PgType type;
  bool not_null = false;
  int primary_key_position = 0;  // 1, 2, …; 0: not in the primary key
  int number = 0;                // pg_attribute.attnum, or the place in what was asked, from 1
};

struct Relation {
  TableRef ref;
  uint32_t oid = 0;
  char kind = 'r';              // pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign
  bool is_heap = false;         // has blocks that ctid ranges can divide
  bool is_row_secured = false;  // row-level security hides rows from this role
  int64_t blocks = 0;           // of the main fork, now
  int64_t block_bytes = 8192;
  double estimated_rows = -1;  // of the last ANALYZE; below 0: unknown
};

// kNotFound with the nearest existing name.
Result<Relation> FindRelation(Connection& connection, const TableRef& ref, const std::stop_token& stop);
// Columns in order, without dropped ones; empty when the relation has gone. Key and NOT NULL are told only where they
// hold for all that SELECT reads: not for the parent of inheriting tables.
Result<std::vector<CatalogColumn>> ReadColumns(Connection& connection, uint32_t relation, const std::stop_token& stop);
// What types these are (by OID and typmod), in order and without names; those that the catalog does not know are left
// out: `number` tells the others apart.
Result<std::vector<CatalogColumn>> ReadTypes(Connection& connection,
                                             const std::vector<std::pair<uint32_t, int32_t>>& types_and_typmods,
                                             const std::stop_token& stop);
// The columns of a query's result, without running it.
Result<std::vector<CatalogColumn>> DescribeQuery(Connection& connection, const std::string& query,
                                                 const std::stop_token& stop);

// A partition that holds rows itself, found through all levels.
struct Partition {
  Relation relation;
  bool is_readable = false;  // this role may SELECT from it directly
};
Result<std::vector<Partition>> ReadPartitions(Connection& connection, uint32_t relation, const std::stop_token& stop);

}  // namespace nilus::postgres
