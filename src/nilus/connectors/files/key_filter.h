// The rows of a batch whose key lies in a range, and the highest key seen: what a database does by WHERE and max().
#pragma once

#include <optional>
#include <vector>

#include "nilus/connector/source.h"

namespace nilus::files {

class KeyFilter {
 public:
  // kNotFound when the schema has no such column; kData when a bound is no value of its type.
  static Result<KeyFilter> Make(const KeyRange& range, const Schema& schema);

  RecordBatch Filter(const RecordBatch& batch) const;

 private:
  int index_ = 0;
  bool with_nulls_ = true;
  bool upper_inclusive_ = true;
  std::optional<Column> lower_;  // one row each
  std::optional<Column> upper_;
};

// Keeps the highest value, NaN and infinities left out, of one column over many batches.
class HighestKey {
 public:
  void Observe(const Column& column);
  std::optional<Scalar> value() const { return value_; }

 private:
  std::optional<Scalar> value_;
  Column cell_;  // value_ as one row
};

}  // namespace nilus::files
