// The result of a query as batches, streamed: DuckDB works ahead only as far as its own small result buffer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/duck/connection.h"

namespace nilus::duck {

struct QueryReaderOptions {
  int64_t page_rows = 50'000;     // a batch ends at this many rows …
  int64_t batch_bytes = 4 << 20;  // … or about this many bytes, whichever comes first; one row always fits
  bool keep_narrow = false;       // smallint, integer, float stay as they are instead of widening (full_with_precision)
};

// The columns that a query gives, by our types, without running it; kInvalidInput when two names are the same, or
// differ only in case. DuckDB's other types become, without loss:
//   (U)TINYINT, SMALLINT, USMALLINT, INTEGER, UINTEGER → bigint (smallint/integer where keep_narrow and they fit)
//   UBIGINT → decimal(20,0); HUGEINT, UHUGEINT → decimal(38,0), values with more digits in the variant column; BIGNUM →
//   text TIMESTAMP_S, _MS, _NS → timestamp_ntz (nanoseconds that would lose digits: variant column) DATE, TIMESTAMP(TZ)
//   infinity → variant column LIST, ARRAY, STRUCT, MAP, UNION → json; JSON → json; BLOB → binary UUID, ENUM, INTERVAL,
//   BIT, TIMETZ and all others → text
Result<Schema> DescribeQuery(Connection& connection, const std::string& sql, TextParams params = {},
                             bool keep_narrow = false);

// One thread at a time. Uses its connection alone until destroyed; destroying it ends the query.
class QueryReader {
 public:
  // `connection` outlives the reader. Names of columns come from the query.
  static Result<std::unique_ptr<QueryReader>> Open(Connection& connection, const std::string& sql, TextParams params,
                                                   const QueryReaderOptions& options, std::stop_token stop);
  ~QueryReader();

  // Without variant columns: those appear in a batch's own schema when a value needs one.
  const SchemaPtr& schema() const { return schema_; }
  // Not empty; nothing at the end.
  Result<std::optional<RecordBatch>> Next(std::stop_token stop);

 private:
  struct State;
  explicit QueryReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  SchemaPtr schema_;
};

}  // namespace nilus::duck
