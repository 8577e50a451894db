// A destination table as the catalog shows it: its columns with the form in which COPY may send them, and what would be
// lost if the table were dropped and another one took its name. Works on PostgreSQL 10 and later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/postgres/connection.h"
#include "nilus/connectors/postgres/copy_encoder.h"
#include "nilus/data/schema.h"

namespace nilus::postgres {

// Types whose cast from text changes some values without a word: how to find those. The others refuse what they cannot
// hold; that they may spell it otherwise (inet, ranges, …) is no change.
enum class CastCheck : uint8_t {
  kNone,
  kLimits,      // a limit in the declaration rounds and cuts: interval(0), bit(3), varchar(3)[]
  kTextLimits,  // the same of an extension's type, which may have no operator to compare by
  kText,        // name, "char", oid, …: cut and wrapped
  kMoney,       // rounded
};

struct TargetColumn {
  std::string name;
  std::string sql_type;  // as ALTER TABLE … TYPE takes it: "character varying(20)", "public.mood"
  // The type of the values that COPY can send into the column, in this form. Where we know no binary form of the
  // column's type (inet, int4[], …) it is kText, and the server has to cast (needs_cast).
  Type type;
  CopyForm form = CopyForm::kText;
  bool needs_cast = false;
  CastCheck cast_check = CastCheck::kNone;
  std::string unlimited_type;  // sql_type's base without the limits of its declaration
  // Of a domain with a CHECK, which only the server can judge. Loads cast such a column too.
  bool has_checks = false;
  std::shared_ptr<const std::set<std::string, std::less<>>> labels;  // of an enum
  bool is_json_text = false;                                         // the type json: any JSON text, kept as it is
  bool is_bounded = false;  // kDecimal: numeric(p,s), else numeric without limits
  int64_t time_unit = 1;    // times and timestamps: microseconds of the finest step, 1000 for timestamp(3)
  bool not_null = false;
  bool is_generated = false;  // GENERATED ALWAYS AS (…): cannot be written
  bool is_always_identity = false;
};

struct TargetTable {
  uint32_t oid = 0;
  char kind = 'r';                    // pg_class.relkind
  bool row_security_applies = false;  // to us
  std::string own_index;              // the name of the one that loads of changes make (sql_strategy.h)
  std::vector<TargetColumn> columns;

  const TargetColumn* Find(std::string_view name) const;
  Schema ToSchema() const;  // needs_cast columns show as text
};

// Nothing: there is no such table. kUnsupported for views, sequences and the like, kAuth for row security that would
// hide rows from us.
Result<std::optional<TargetTable>> FindTable(Connection* connection, const TableName& name,
                                             const std::stop_token& stop);

// What hangs on the table that DROP and CREATE would lose: "a view or rule", "an index", "grants". Empty: nothing. An
// index of our own is made again with the table.
Result<std::vector<std::string>> FindAttachments(Connection* connection, const TargetTable& table,
                                                 const std::stop_token& stop);

// The best index that finds rows of the table by these columns: the first of its own, in any order. kUnique: one that
// INSERT … ON CONFLICT takes, and nothing of the table makes that do other than UPDATE and INSERT would: heirs, rules,
// partitions, triggers, checks (which the new row has to pass before the old one is found), deferrable constraints.
Result<KeyIndex> FindKeyIndex(Connection* connection, const TargetTable& table, const std::vector<std::string>& key,
                              const std::stop_token& stop);

// The column is of a plain type that ALTER COLUMN … TYPE widens to this one, and nothing refuses that.
Result<bool> CanWidenColumn(Connection* connection, const TargetTable& table, const Field& to,
                            const std::stop_token& stop);

// The column that we would create for a field.
TargetColumn CreatedColumn(const Field& field);

}  // namespace nilus::postgres
