// The table that the parts of a load of changes go into, one part after the other (change_fold.h), for sinks that do it
// with SQL: which statements come when, whatever runs them. Pure, no I/O but what `look` does.
//
//   MakeReady → run → Apply → run, for each part
#pragma once

#include <functional>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/change_fold.h"
#include "nilus/connector/sql_strategy.h"

namespace nilus {

class ChangeTarget {
 public:
  // Before each part: the first makes the table, or mends the one that `look` finds; later ones add the columns that
  // came meanwhile. `look` is asked once: tables of the same commit may have changed it by then.
  Result<std::vector<SqlStep>> MakeReady(const LoadSql& sql, bool full_refresh,
                                         const std::function<Result<TargetState>()>& look);
  // Staged rows of the part into the table, which is ready.
  std::vector<SqlStep> Apply(const LoadSql& sql, const FoldedChanges& part);
  // No row stands in the table that a part could meet.
  bool is_fresh() const { return is_fresh_; }
  KeyIndex key_index() const { return key_index_; }

 private:
  Schema columns_;
  bool is_ready_ = false;
  bool is_fresh_ = false;
  KeyIndex key_index_ = KeyIndex::kNone;
};

}  // namespace nilus
