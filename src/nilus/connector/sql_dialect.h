// What the SQL of write strategies needs to know of a database. Each SQL sink has one static SqlDialect; sql_strategy.h
// and sql_state.h build every statement from it, and never ask which database it is.
//
// Assumed of every dialect: "double quotes" around identifiers, 'single quotes' with nothing but '' special in text,
// window functions, UPDATE … FROM, INSERT … ON CONFLICT DO NOTHING, parameters written $1, $2, … (they first appear in
// that order in every statement made here, which is what SQLite numbers them by), DDL inside transactions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"
#include "nilus/data/scalar.h"

namespace nilus {

struct SqlDialect {
  std::string_view name;                // for messages: "PostgreSQL"
  int identifier_limit = 0;             // longest identifier in bytes; 0: none
  int column_limit = 0;                 // columns of a table; 0: none
  bool case_insensitive_names = false;  // "A" and "a" are one column

  bool has_schemas = true;  // CREATE SCHEMA IF NOT EXISTS is made for the target's and the state's schema
  // The database that all schemas are in, written before them: where a schema's name alone may be taken for a
  // database's.
  std::string catalog = {};

  std::string_view distinct = "IS DISTINCT FROM";  // NULL-safe <>

  // Staging of all strategies but replace (whose staging becomes the target): "CREATE TEMPORARY TABLE" makes tables
  // that are named without a schema.
  bool temporary_staging = true;
  std::string_view staging_suffix = "";  // behind the column list of a temporary table: " ON COMMIT DROP"

  // The same of loads of changes, whose staging then outlives the load (the sink sees to that). Empty: staging_suffix,
  // and the table is made for each load.
  std::string_view changes_staging_suffix = "";

  // replace by DROP TABLE target + ALTER TABLE staging RENAME TO target works inside the transaction.
  bool can_swap = true;

  // Matching rows by several key columns: (a, b) IN (SELECT a, b FROM …) where the system answers that with one hash or
  // index; a correlated EXISTS where its planner makes a join of it.
  bool keys_by_row_in = false;

  // Loads of changes: rows that are there are updated, and the others inserted. Else they are deleted and inserted
  // anew.
  bool updates_in_place = false;

  // Of a row that INSERT … ON CONFLICT … DO UPDATE … RETURNING gives: whether it is new. Such a statement takes a load
  // of changes into a table that has a unique index on its key, and targets that are created for changes get one.
  // Empty: two statements, whatever the index.
  std::string_view is_inserted_row = "";

  // Behind a key column where keys are compared: " COLLATE BINARY" where the target's own column may compare texts by
  // looser rules, by which one key would take another's row.
  std::string_view key_collation = "";

  // An index on the key columns comes with a target that is created for merge or scd2; for batches, not a unique one.
  bool index_keys = false;

  // Quoted name of a table as statements use it; null: "catalog"."schema"."name", without the parts that are empty.
  // Parts were checked by CheckIdentifier.
  std::string (*table_name)(const TableName& table) = nullptr;
  // What ALTER TABLE … RENAME TO takes for `table`; null: "name".
  std::string (*rename_target)(const TableName& table) = nullptr;

  // The type as CREATE TABLE spells it.
  std::string (*type_name)(const Type& type) = nullptr;

  // What makes a column of `table` (both quoted) of the type `type_name`, with the values that it has; null: ALTER
  // TABLE … ALTER COLUMN … TYPE ….
  std::vector<std::string> (*widen_column)(std::string_view table, std::string_view column,
                                           std::string_view type_name) = nullptr;

  // A literal of the scalar's type: '2024-03-15T10:20:30Z'::timestamptz. Quotes whatever the text holds (QuoteText).
  std::string (*literal)(const Scalar& value) = nullptr;

  // An expression over a column (already quoted and qualified) or literal that sorts and compares as values do
  // (data/scalar.h): text by bytes. null: the expression as it is.
  std::string (*order_key)(std::string_view expression, const Type& type) = nullptr;

  // An expression of which the NULL-safe comparison tells whether two values are the same; for types without an
  // equality operator. null: the column as it is.
  std::string (*equality_key)(std::string_view expression, const Type& type) = nullptr;
};

// kInvalidInput: empty, holds NUL, is not UTF-8, or is longer than the dialect's limit. `what` names it: "column".
Status CheckIdentifier(const SqlDialect& dialect, std::string_view what, std::string_view name);

// `name` in double quotes, embedded ones doubled. A NUL cannot be quoted: call CheckIdentifier before.
std::string QuoteIdentifier(std::string_view name);
// `text` in single quotes, embedded ones doubled.
std::string QuoteText(std::string_view text);

// The quoted, qualified name (through dialect.table_name).
std::string QuoteTable(const SqlDialect& dialect, const TableName& table);

// The quoted, qualified name of a schema.
std::string QuoteSchema(const SqlDialect& dialect, std::string_view schema);

// "_nilus_<purpose>_" and 16 hex digits of a hash over the load id and the table's full name: the same for the same
// load, at most 30 bytes. purpose is a short word ("stage").
std::string DerivedName(std::string_view purpose, std::string_view load_id, const TableName& table);

}  // namespace nilus
