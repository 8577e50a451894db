// Batches of a load in the layout that a table's data files have: each column in its field's type, without loss.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/lake/literal.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

// One thread at a time.
class BatchConverter {
 public:
  // `table` names the table in messages.
  BatchConverter(IcebergSchema schema, std::string table, bool with_defaults = false)
      : schema_(std::move(schema)), table_(std::move(table)), with_defaults_(with_defaults) {}

  // The batch's columns under their names and in their order, with the types of the schema's fields of those names.
  // Behind them, where `with_defaults`: columns that the batch leaves out and that have a default, with the one for
  // writers (NULL: there is none). A file without them would read as older rows do.
  // kData names a column whose values could be lost on the way; kInternal: a column that the schema lacks. kUnsupported
  // names one with a default of a type that Nilus does not write.
  Result<RecordBatch> Convert(const RecordBatch& batch);

 private:
  Status Prepare(const SchemaPtr& from);

  Status AddDefaults(const Schema& from, Schema* to);

  IcebergSchema schema_;
  std::string table_;
  bool with_defaults_;
  SchemaPtr from_;  // of the last batch, and what becomes of it
  SchemaPtr to_;
  struct Default {
    IcebergType type;
    Literal value;
  };
  std::vector<Default> defaults_;  // of to_'s last columns
};

// True when Convert takes a column of one type to the other.
bool CanConvert(const Type& from, const Type& to);

}  // namespace nilus::lake
