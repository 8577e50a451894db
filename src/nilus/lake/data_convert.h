// Batches of a load in the layout that a table's data files have: each column in its field's type, without loss.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

// One thread at a time.
class BatchConverter {
 public:
  // `table` names the table in messages.
  BatchConverter(IcebergSchema schema, std::string table) : schema_(std::move(schema)), table_(std::move(table)) {}

  // The batch's columns under their names and in their order, with the types of the schema's fields of those names.
  // kData names a column whose values could be lost on the way; kInternal: a column that the schema lacks.
  Result<RecordBatch> Convert(const RecordBatch& batch);

 private:
  Status Prepare(const SchemaPtr& from);

  IcebergSchema schema_;
  std::string table_;
  SchemaPtr from_;  // of the last batch, and what becomes of it
  SchemaPtr to_;
};

// True when Convert takes a column of one type to the other.
bool CanConvert(const Type& from, const Type& to);

}  // namespace nilus::lake
