// On which side of a snapshot's bound a change lies: changes of rows that are not read yet are left out.
#pragma once

#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/cdc/changes.h"

namespace nilus {

// SnapshotChunk::up_to, set up to be compared with.
class KeyBound {
 public:
  // kInvalidInput: not one text a column of the key, or not of its type.
  static Result<KeyBound> Parse(const std::string& up_to, const std::vector<std::string>& key, const Schema& columns);
  // The row's key is at or below the bound. A NULL in it (nobody's key) is not.
  Result<bool> Holds(const RecordBatch& rows, int64_t row) const;

 private:
  std::vector<std::string> key_;
  std::vector<Column> values_;  // of one row each
};

// What of a batch is about rows at or below the bound. `restarts`: a row came below the bound by a change of its key,
// and the log does not know all of its values: the table has to be read from its beginning.
Result<ChangeBatch> KeepBelow(const KeyBound& bound, const ChangeBatch& batch, bool* restarts);

}  // namespace nilus
