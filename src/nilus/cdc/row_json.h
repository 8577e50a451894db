// Rows as JSON objects, as the changelog's `before` and `after` have them: numbers and booleans as JSON's own (with all
// digits), json columns as they are, everything else as its canonical text. Values that JSON has no number for (NaN,
// Infinity) are texts, bytes that are no UTF-8 are replaced by U+FFFD.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nilus/data/record_batch.h"

namespace nilus {

class RowJson {
 public:
  explicit RowJson(const RecordBatch& rows);  // which outlives it

  // `unchanged` of a ChangeBatch, by column of the rows; null: none.
  std::vector<const std::vector<uint8_t>*> LeftOut(const std::map<int, std::vector<uint8_t>>& unchanged) const;
  // Appends {"id":1,…}. Columns whose flag of `change` is set in `left_out` are not in it (-1: all are).
  void Append(int64_t row, int32_t change, const std::vector<const std::vector<uint8_t>*>& left_out,
              std::string* out) const;

 private:
  const RecordBatch* rows_;
  std::vector<std::string> names_;  // "\"id\":"
};

}  // namespace nilus
