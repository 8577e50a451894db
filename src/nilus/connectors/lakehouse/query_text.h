// The user's SQL over tables of a catalog: which tables it names, and in which state (FOR VERSION AS OF 123 | 'branch',
// FOR TIMESTAMP AS OF '…'; SYSTEM_VERSION and SYSTEM_TIME mean the same). Pure text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/lakehouse/selection.h"

namespace nilus::lakehouse {

// A table of the query in a state of its own.
struct TravelledTable {
  std::string view;  // name that stands in the query instead
  Selection selection;
};

// A name of two or more parts where a table may stand; it may also be a column (behind a comma).
struct NamedTable {
  Selection selection;
  bool is_certain = false;  // behind FROM or JOIN
};

struct QueryText {
  std::string sql;  // without AS OF clauses; :interval_start and :interval_end are the timestamps themselves
  std::vector<TravelledTable> travelled;
  std::vector<NamedTable> named;  // without those; each once
};

// kInvalidInput: an AS OF without a table or a value, an interval that this run does not have, an empty query.
Result<QueryText> ParseQueryText(std::string_view sql, const std::optional<std::string>& interval_start,
                                 const std::optional<std::string>& interval_end);

}  // namespace nilus::lakehouse
