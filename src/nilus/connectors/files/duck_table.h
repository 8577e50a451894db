// What DuckDB reads for us: Parquet files, and SQL over a folder of files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/connector.h"
#include "nilus/connectors/files/input_files.h"
#include "nilus/connectors/files/query_text.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/query_reader.h"

namespace nilus::files {

// A SELECT and the files behind it, which must not change until it has been read.
struct DuckSelect {
  std::string sql;
  std::vector<duck::TextValue> params;
  std::vector<InputFile> files;
};

// An in-memory DuckDB within the memory of the context. Queries keep the order of rows only where `keeps_order`.
Result<std::shared_ptr<duck::Database>> OpenMemoryDatabase(const OpenContext& context, bool keeps_order);

// SELECT * over all rows of Parquet files: columns united by name.
DuckSelect SelectParquet(std::vector<InputFile> files);

// A range over a column and the type that the column has now, which its bounds are compared as.
struct DuckKey {
  KeyRange range;
  Type type;
};

// `inner` narrowed to some columns, a range and a limit. `columns` empty: all.
DuckSelect Narrowed(const DuckSelect& inner, const std::vector<std::string>& columns, const std::optional<DuckKey>& key,
                    const std::optional<int64_t>& limit);
// SELECT max(key) over the range: the highest that is no infinity and no NaN.
DuckSelect SelectHighest(const DuckSelect& inner, DuckKey key);

// Makes the tables that `query` names out of what the address offers, then shuts the database off from all other
// files. Parquet becomes views, CSV and JSON are loaded with the types of README.md. The result's `files` are those
// used.
struct TextLimits {
  size_t largest_row;  // as for InferTextTable, both
  int threads;
};
Result<DuckSelect> PrepareQuery(duck::Connection& connection, const std::string& path, const FormatOptions& options,
                                const BoundQuery& query, TextLimits limits, std::stop_token stop);

// Reads the select on a connection of its own.
Result<std::unique_ptr<Reader>> OpenDuckReader(std::shared_ptr<duck::Database> database, DuckSelect select,
                                               const duck::QueryReaderOptions& options, std::stop_token stop);

}  // namespace nilus::files
