// Rows that a query leaves out by their place in a file: a condition of SQL which looks each row up in a set, vector by
// vector. It costs a fraction of an anti join with the same rows, and leaves what DuckDB pushes into its scan alone.
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/duck/database.h"

namespace nilus::duck {

// Positions in one file. Asked by several threads at once.
class RowSet {
 public:
  virtual ~RowSet() = default;
  // absent[i]: positions[i] is not in the set. Cheapest for ascending positions, as a scan has them.
  virtual void FindAbsent(std::span<const int64_t> positions, bool* absent) const = 0;
};
using RowSetPtr = std::shared_ptr<const RowSet>;

// The sets that statements of one database may name, by number. Thread-safe.
class RowSetRegistry {
 public:
  // They get numbers in a row; the first one's.
  int64_t Add(std::vector<RowSetPtr> sets);
  void Remove(int64_t first);
  RowSetPtr Find(int64_t number) const;  // null: there is none

 private:
  mutable std::mutex mutex_;
  int64_t next_ = 0;
  std::map<int64_t, std::vector<RowSetPtr>> sets_;  // by the first one's number
};

// Registers the function behind RowFilter::Condition. `registry` outlives the database.
Status RegisterRowFilterFunction(duckdb_database database, RowSetRegistry* registry);

// Sets that statements name for as long as it lives. Movable.
class RowFilter {
 public:
  RowFilter(std::shared_ptr<Database> database, std::vector<RowSetPtr> sets);
  ~RowFilter();
  RowFilter(RowFilter&& other) noexcept { *this = std::move(other); }
  RowFilter& operator=(RowFilter&& other) noexcept;

  // True for rows that are not in their set. Both are expressions of type BIGINT: the set's index, and the position.
  std::string Condition(std::string_view set, std::string_view position) const;

 private:
  std::shared_ptr<Database> database_;  // null: moved from
  int64_t first_ = 0;
};

}  // namespace nilus::duck
