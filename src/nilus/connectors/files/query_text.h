// The text of a `query:` source: placeholders become parameters, as DuckDB's lexer would see them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/source.h"
#include "nilus/duck/connection.h"

namespace nilus::files {

struct BoundQuery {
  std::string sql;
  std::vector<duck::TextValue> params;
};

// `:interval_start` and `:interval_end` outside quotes and comments become CAST($n AS TIMESTAMPTZ) with the request's
// values. kInvalidInput when one is named but not given, when the text is empty, or when it holds several statements.
Result<BoundQuery> BindQuery(std::string_view query, const ReadRequest& request);

}  // namespace nilus::files
