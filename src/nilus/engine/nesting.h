// Nesting in a run (spec 03, `max_table_nesting`): the json columns of the rows taken apart into columns and child
// tables, which are committed with the main table in one step.
//
//   survey: every split is read once to see what the json columns hold → the tables and their columns
//   rows:   every split is read once more (same snapshot): normalizer → row ids → unnest → each table's own normalizer
//
// A child row belongs to a root row by `_nilus_root_id`. Where rows of the main table are replaced or removed (merge,
// delete+insert), the sink takes the old children of those rows out (WriteRequest::root).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/engine/attempt.h"
#include "nilus/engine/load_tables.h"
#include "nilus/rows/row_ids.h"
#include "nilus/rows/unnest.h"

namespace nilus {

// One table of a nested load.
struct NestedTable {
  TableName name;
  std::string path;                   // for people: "orders.items[]"
  std::optional<Schema> there;        // the table as it was, where the load keeps it
  std::unique_ptr<TableShape> shape;  // null: known from earlier loads, and this one has no rows for it
  WriteRequest request;
};

// The tables of a nested load. Immutable once made but for the shapes, which are thread-safe.
class NestedLoad {
 public:
  // Reads all splits. `prepared.shape` gives the rows' names; it must not know the destination.
  static Result<std::unique_ptr<NestedLoad>> Survey(const BatchJob& job, Preparation* prepared,
                                                    const std::string& load_id, int readers,
                                                    const std::stop_token& stop);

  // The main table first; then those of the plan, in its order; then those that only earlier loads had rows for.
  std::vector<NestedTable>& tables() { return tables_; }
  const std::shared_ptr<const UnnestPlan>& plan() const { return plan_; }
  // Rows of the main table are numbered in their order, and child rows say to which of them they belong: two of them
  // may have one id, and only the later one's children stay.
  bool numbers_roots() const { return numbers_roots_; }
  // The child tables' names, for the checkpoint.
  std::vector<std::string> children() const;

 private:
  NestedLoad() = default;
  Status AddTables(const BatchJob& job, Preparation* prepared, const std::string& load_id);

  std::shared_ptr<const UnnestPlan> plan_;
  std::vector<NestedTable> tables_;
  bool numbers_roots_ = false;
};

// One thread's way from named rows of the main table to the batches of all tables. Not thread-safe.
class NestedStage {
 public:
  NestedStage(NestedLoad& load, std::string load_id);

  using Emit = std::function<Status(int table, RecordBatch batch)>;  // `table`: index into the load's tables
  Status Process(const RecordBatch& batch, const Emit& emit);
  const std::vector<Normalizer>& normalizers() const { return normalizers_; }  // by table

 private:
  Status ProcessSlice(const RecordBatch& slice, const Emit& emit);
  RecordBatch WithLoad(RecordBatch rows, const Column* root_numbers);

  NestedLoad* load_;
  Unnester unnester_;
  std::vector<Normalizer> normalizers_;
  RepeatedText load_ids_;
  int64_t next_root_ = 0;
};

}  // namespace nilus
