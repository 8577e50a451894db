// From the source's batches to the destination's: names, types, and what becomes of values that are of another type
// than their column (spec 03, "Evolution"). Works on whole columns; a batch that needs nothing but new names costs
// nothing. What comes out for a row depends on that row and the table's shape alone, not on how rows were batched.
//
//   value becomes one of the column's type without loss   → it does (coerce.h)
//   it does not, and the contract is
//     evolve         → <column>__v_<family of its type>, or <column>__v_text where that column is of another type; NULL
//                      in the column itself
//     freeze         → the run ends
//     discard_row    → the row is a dead letter
//     discard_value  → NULL, counted
//
// The same goes for what the source itself could not give its column's type (its variant columns), and discard_row for
// what the destination's column refuses beyond its type (data/refused.h). But where the column is a text here, and was
// none there, the texts of its variant are its own.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/rows/table_shape.h"

namespace nilus {

struct DeadRow {
  int64_t row = 0;     // of the batch that was normalized
  std::string column;  // the source's name of the one that made it dead; of several, the first
  std::string reason;
};

struct NormalizedBatch {
  RecordBatch rows;           // of the destination, without the dead ones
  std::vector<DeadRow> dead;  // by ascending row
};

// One thread's view of a TableShape. Not thread-safe.
class Normalizer {
 public:
  using ColumnPair = std::pair<std::string, std::string>;  // a column and its variant column, by destination's names

  explicit Normalizer(TableShape& shape) : shape_(&shape) {}

  Result<NormalizedBatch> Normalize(const RecordBatch& batch);
  // Values that went to variant columns so far.
  const std::map<ColumnPair, int64_t>& variant_values() const { return variant_values_; }
  // Values that became NULL under discard_value, by the destination's name of their column.
  const std::map<std::string, int64_t>& discarded_values() const { return discarded_values_; }

 private:
  struct Lane {
    int index;        // into the batch
    ColumnPlan plan;  // of a variant column of the source: of the column that it belongs to
    std::string source_name;
    bool is_variant = false;
    int base = -1;  // of a variant: which of the plain columns takes its texts
  };
  struct Work;  // on one batch
  Status Prepare(const SchemaPtr& schema);
  Status SetRefusedAside(const Lane& lane, Work* work);
  void PrepareVariant(const Schema& schema, int index);
  Status Take(const Lane& lane, const Column& column, Work* work);
  Status TakeAsJson(const Lane& lane, const Column& column, Work* work);
  Status MisfitOfSource(const Lane& lane, const Column& values, Work* work);
  Status Misfit(const Lane& lane, const Column& values, std::string reason, Work* work);
  Status KeepInVariant(const std::string& column, const Column& values, Work* work);
  Status AddVariant(const Field& field, Column values, Work* work);
  Status MergeVariants(Work* work) const;
  SchemaPtr OutputSchema(const Work& work);

  TableShape* shape_;
  SchemaPtr prepared_for_;  // the last batch's schema
  std::vector<Lane> lanes_;
  SchemaPtr plain_;     // what comes out without variant columns
  SchemaPtr extended_;  // the last one that had some
  std::map<ColumnPair, int64_t> variant_values_;
  std::map<std::string, int64_t> discarded_values_;
};

}  // namespace nilus
