// The SQL that a read becomes. Pure text: no server needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/source.h"
#include "nilus/connectors/postgres/catalog.h"
#include "nilus/connectors/postgres/copy_decoder.h"

namespace nilus::postgres {

// One column that is read.
struct SelectColumn {
  std::string name;       // as the source calls it
  std::string reference;  // t."name", or t."c3" in a query, whose names may repeat
  PgType pg_type;
  Mapping mapping;
  bool not_null = false;

  std::string Expression() const { return mapping.select_before + reference + mapping.select_after; }
};

struct Selection {
  std::string from;                   // "schema"."table" AS t, or (query) AS t(c1, c2, …)
  std::vector<SelectColumn> columns;  // those that are read
  std::vector<SelectColumn> all;      // and those that are excluded: an incremental key may be among them
  std::vector<std::string> primary_key;

  Schema ToSchema() const;
  std::vector<CopyDecoder::Column> DecoderColumns() const;
};

// Columns in the catalog's order without the excluded ones. kInvalidInput for an unknown name, or when nothing is left.
Result<Selection> SelectFromTable(const TableRef& ref, const std::vector<CatalogColumn>& columns,
                                  const ReadRequest& request);
Result<Selection> SelectFromQuery(const std::string& query, const std::vector<CatalogColumn>& columns,
                                  const ReadRequest& request);

// How an incremental key is compared: natively, or as text by bytes (COLLATE "C").
struct Key {
  std::string expression;
  std::string cast;  // "::pg_catalog.int8": puts a literal into the key's type
  // Infinity and NaN are no cursor values. Those of other types than floats are kept as misfits beside a NULL key, so
  // they go with the NULLs; those of floats meet the engine, which refuses them.
  std::string finite_condition;  // empty, or what leaves those at the upper end (floats: both) out: no upper bound
  std::string misfit_condition;  // empty, or what finds them, by ranges that an index can serve
  Type type;
  Wire wire = Wire::kText;
};
// kNotFound for an unknown column, kUnsupported for a type without a usable order (bool, json, binary).
Result<Key> FindKey(const Selection& selection, const std::string& column);

// "key >= '…' AND key < '…'" with "OR key IS NULL" as the range says; empty when it lets everything through.
std::string RangeCondition(const Key& key, const KeyRange& range);

// COPY (SELECT … FROM … WHERE …) TO STDOUT in binary; conditions that are empty are left out.
std::string CopyStatement(const Selection& selection, const std::string& from, const std::string& condition,
                          const std::string& more_conditions, const std::optional<int64_t>& limit,
                          const std::string& order_by);
// The same for the highest finite key: of the whole relation, or of the first `limit` rows by key within the range.
std::string CopyMaximum(const Selection& selection, const Key& key, const std::string& condition,
                        const std::optional<int64_t>& limit);

// Block ranges that together hold every row, also of blocks added later: "t.ctid >= '(0,0)'::pg_catalog.tid AND …".
struct RowRange {
  std::string description;  // "blocks 0-4096"
  std::string condition;
};
std::vector<RowRange> BlockRanges(int64_t blocks, int64_t blocks_each);
// Ranges of an integer column between its lowest and highest value, about equally wide; the outer ones are open.
std::vector<RowRange> IntegerRanges(const std::string& reference, int64_t lowest, int64_t highest, int count);

}  // namespace nilus::postgres
