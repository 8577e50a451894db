// What becomes of values that the destination's own column cannot hold as they are (spec 03, "Types"), the same in
// every sink: texts in the column's variant, NULL, or an error, as WriteRequest::misfits says. A sink knows which
// values these are; keys among them are always an error, since rows would no longer be told apart.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"
#include "nilus/data/record_batch.h"

namespace nilus {

struct FittedColumn {
  Column column;                  // NULL where a value did not fit
  std::optional<Column> misfits;  // their texts, NULL elsewhere. Nothing: all values fit
  int64_t misfit_count = 0;
  std::string type = {};  // the destination's own, for messages
};

std::optional<RefusedValues> RefusedOf(FittedColumn fitted);

// A column of a batch as the destination takes it.
using FitFunction = std::function<FittedColumn(const Field& field, const Column& column)>;

// The batch with what does not fit in variant columns. `counts` takes up how many values that were, by column.
Result<RecordBatch> FitBatch(const RecordBatch& batch, const WriteRequest& request, int identifier_limit,
                             const FitFunction& fit, std::map<std::string, int64_t>* counts);

// The error of values that do not fit, where there is one: they are of a key, or may not go to a variant column.
Status CheckMisfits(const WriteRequest& request, const std::string& column, std::string_view type, int64_t count);

// The name of the column that such texts go to.
std::string TextVariant(const std::string& column, int identifier_limit);

// Somebody has made a column of a variant's name that cannot take its texts.
Error VariantTypeError(const TableName& table, const std::string& column, const std::string& type);

}  // namespace nilus
