// Makes a column of a batch into what a column of the destination takes, before anything is sent: converts between
// types without loss, and takes out the values that the destination refuses or could not keep as they are. Those become
// texts for the variant column (spec 03), so neither a row nor a value is lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "nilus/base/result.h"
#include "nilus/connector/misfits.h"
#include "nilus/connectors/postgres/target_table.h"
#include "nilus/data/record_batch.h"

namespace nilus::postgres {

// How values of a source type go into a destination column.
struct LoadColumn {
  std::string name;
  Type type;  // what the encoder is given
  CopyForm form = CopyForm::kText;
  bool is_json_text = false;
  bool is_bounded = false;  // kDecimal: no more digits than `type` has
  int64_t time_unit = 1;
  std::string sql_type;     // of the destination column
  bool needs_cast = false;  // travels as text; the server casts to sql_type before the rows go into the table
  CastCheck cast_check = CastCheck::kNone;
  std::string unlimited_type;
  std::shared_ptr<const std::set<std::string, std::less<>>> labels;  // kText: no other value. Null: any
};
LoadColumn PlanColumn(const Type& source, const TargetColumn& target);

// Texts of misfits: canonical (data/scalar.h), but lower hex for text that holds NUL or is not UTF-8.
FittedColumn FitColumn(const Column& column, const LoadColumn& to);

// The encoder can read values of this type where the plan wants its own (text and json are the same bytes, both
// timestamps the same microseconds; a decimal keeps its own scale).
bool HasLayoutOf(const Type& type, const LoadColumn& plan);

}  // namespace nilus::postgres
