// The columns that say of a row which change it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/cdc/lines.h"
#include "nilus/connector/change_source.h"

namespace nilus {

// flatten under append: names of columns whose values the log leaves out since they did not change (TOAST).
inline constexpr std::string_view kUnchangedMark = "_unchanged";

// A column's name at the destination is one that changes have.
bool IsChangeColumn(std::string_view name, bool changelog);
// The fields of those that every row has.
void AddChangeFields(bool changelog, Schema* schema);

// flatten: _op, _deleted, _source_ts, _ts, _lsn, _tx_id, _seq.
void AddChangeColumns(const ChangeBatch& batch, const ChangeLines& lines, Schema* schema, std::vector<Column>* columns);

struct ChangelogSource {  // what `source` says of every change
  std::string_view prefix;
  std::string_view database;
  const CapturedTable* table;
};
// changelog: operation, before, after, source, ts_ms. `rows`: the lines', masked; `old`: the batch's old rows, masked.
void AddChangelogColumns(const ChangelogSource& source, const ChangeBatch& batch, const ChangeLines& lines,
                         const RecordBatch& rows, const std::optional<RecordBatch>& old, Schema* schema,
                         std::vector<Column>* columns);

}  // namespace nilus
