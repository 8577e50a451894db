// From the source's batches to the destination's: names, and types widened to those of an existing table. Works on
// whole columns; a batch that needs nothing but new names costs nothing.
//
// Types of columns: an existing destination's column keeps its type; else the described source's; else the first batch
// that brings the column decides. Values that come in another type are cast where nothing is lost, and refused
// otherwise (evolution into variant columns, hints, masks and nesting will stand here as well: spec 03).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/rows/naming.h"

namespace nilus {

struct NormalizerOptions {
  NamingStyle naming = NamingStyle::kDefault;
  int identifier_limit = 0;           // bytes; 0: none
  std::vector<std::string> exclude;   // source columns that do not pass (source or normalized names)
  std::optional<Schema> destination;  // the table as it is; nothing: it is made anew
  std::string table;                  // for messages
};

// What is known of a table's columns: shared by all threads of a run, so that they agree. Thread-safe.
class TableShape {
 public:
  // Names and types of a described source; an empty schema leaves both to the batches. kInvalidInput for names that
  // collide, kData for types that the existing column cannot take.
  static Result<std::unique_ptr<TableShape>> Create(const Schema& source, NormalizerOptions options);

  // The destination's schema so far, in the source's order: what a writer is opened with.
  Schema schema() const;
  // The destination's field of a source column that is new to the shape, or known. Nothing: it is excluded.
  Result<std::optional<Field>> Resolve(const Field& source);
  // The destination's name of a source column, whether known or not.
  std::string NameOf(std::string_view source_name) const;
  const std::string& table() const { return options_.table; }

 private:
  explicit TableShape(NormalizerOptions options) : options_(std::move(options)) {}
  Result<std::optional<Field>> ResolveLocked(const Field& source);

  const NormalizerOptions options_;
  mutable std::mutex mutex_;
  Schema schema_;                                                   // guarded by mutex_, as are the rest
  std::map<std::string, std::string, std::less<>> source_by_name_;  // destination name → source name
  std::map<std::string, Field, std::less<>> fields_;                // source name → destination field
};

// One thread's view of a TableShape. Not thread-safe.
class Normalizer {
 public:
  explicit Normalizer(TableShape& shape) : shape_(&shape) {}

  Result<RecordBatch> Normalize(const RecordBatch& batch);
  // Values that went to variant columns so far, by the destination's name of the column they belong to.
  const std::map<std::string, int64_t>& variant_values() const { return variant_values_; }

 private:
  Status Prepare(const SchemaPtr& schema);

  TableShape* shape_;
  SchemaPtr prepared_for_;    // the last batch's schema
  SchemaPtr output_;          // null: columns pass as they are under other names
  std::vector<int> indexes_;  // output column → batch column
  std::map<std::string, int64_t> variant_values_;
};

}  // namespace nilus
