// Nesting in a run (spec 03, `max_table_nesting`): the json columns of the rows taken apart into columns and child
// tables, which are committed with the main table in one step.
//
//   survey: every split is read once to see what the json columns hold → the tables and their columns
//   rows:   every split is read once more (same snapshot): normalizer → row ids → unnest → each table's own normalizer
//
// A child row belongs to a root row by `_nilus_root_id`. Where rows of the main table are replaced or removed (merge,
// delete+insert), the sink takes the old children of those rows out (WriteRequest::root). Under scd2 each version has
// its own children, and the main table a column with their hash (rows/children_hash.h), so that a change in a child row
// is a change of the row. A contract is about all tables: a table that would come into being beside one that is there
// counts as a new column, and under discard_row the whole root row, with all its children, is the dead letter.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/engine/attempt.h"
#include "nilus/engine/load_tables.h"
#include "nilus/rows/children_hash.h"
#include "nilus/rows/normalizer.h"
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
  // The contract takes no new columns, and this table would be one: it is not part of the load, nor are its rows.
  bool is_refused = false;
};

// What the tables are made from, all of it there before the rows are.
struct NestingInputs {
  Sink* sink = nullptr;
  const TableShape* shape = nullptr;                  // of the rows before they are taken apart
  const WriteRequest* write = nullptr;                // of the main table
  const std::vector<std::string>* known = nullptr;    // child tables that earlier loads made
  const std::vector<std::string>* brought = nullptr;  // columns of the main table that they brought; empty: not known
  std::string load_id;
};

// The tables of a nested load. Immutable once made but for the shapes, which are thread-safe.
class NestedLoad {
 public:
  static UnnestOptions OptionsOf(const BatchJob& job);
  // What the source's splits hold: reads all of them, or as many rows as the job's limit lets in. `prepared.shape`
  // gives the rows' names; it must not know the destination.
  static Result<NestingSurvey> Survey(const BatchJob& job, Preparation& prepared, int readers,
                                      const std::stop_token& stop);
  // kData: the contract is freeze, and an array would need a table that is not there.
  static Result<std::unique_ptr<NestedLoad>> Make(const BatchJob& job, const NestingSurvey& survey,
                                                  const NestingInputs& inputs);

  // The main table first; then those of the plan, in its order; then those that only earlier loads had rows for.
  std::vector<NestedTable>& tables() { return tables_; }
  const std::shared_ptr<const UnnestPlan>& plan() const { return plan_; }
  // Rows of the main table are numbered in their order, and child rows say to which of them they belong: two of them
  // may have one id, and only the later one's children stay.
  bool numbers_roots() const { return numbers_roots_; }
  // Rows of the main table come with a hash of their children.
  bool hashes_children() const { return hashes_children_; }
  // Indexes of tables(), without refused ones, in the order in which they are opened (WriteRequest::has_children).
  std::vector<int> OpenOrder() const;
  // The child tables' names, for the checkpoint: of this load, and those that it leaves as they are.
  std::vector<std::string> children() const;
  Contract contract() const { return contract_; }
  // Hints that no column has come for, of those that the rows had none for either.
  std::vector<std::string> UnusedHints(const std::vector<std::string>& unused) const;

 private:
  NestedLoad() = default;
  Status AddTable(const BatchJob& job, const UnnestTable& planned, const NestingInputs& inputs);
  Status AddKnownTables(const BatchJob& job, const NestingInputs& inputs);
  WriteRequest ChildRequest(const NestingInputs& inputs, const TableName& name) const;
  void AddRootNumber(Schema* schema) const;
  Status AddChildrenHash(const NestingInputs& inputs);

  std::shared_ptr<const UnnestPlan> plan_;
  std::vector<NestedTable> tables_;
  Contract contract_ = Contract::kEvolve;
  std::vector<std::string> untouched_;  // child tables that earlier loads made
  bool numbers_roots_ = false;
  bool hashes_children_ = false;
};

// One thread's way from named rows of the main table to the batches of all tables. Not thread-safe.
class NestedStage {
 public:
  NestedStage(NestedLoad& load, std::string load_id);

  using Emit = std::function<Status(int table, RecordBatch batch)>;  // `table`: index into the load's tables
  // The rows of the batch that are dead letters: nothing of them was emitted. Under discard_row a batch's rows are held
  // until all of it is known to be good; with hashes of children, those of the main table until the children are known.
  Result<std::vector<DeadRow>> Process(const RecordBatch& batch, const Emit& emit);
  const std::vector<Normalizer>& normalizers() const { return normalizers_; }  // by table
  // Values of arrays that have no table under discard_value, by their place.
  const std::map<std::string, int64_t>& discarded_values() const { return discarded_values_; }

 private:
  struct Pass;  // over one batch
  Status Unnest(Pass* pass, const RecordBatch& batch, const Emit& emit);
  Status Take(Pass* pass, int table, const RecordBatch& unnested, const Emit& emit);
  Status EmitHeld(Pass* pass, int64_t rows, const Emit& emit);
  RecordBatch WithLoad(RecordBatch rows, const Column* root_numbers);

  NestedLoad* load_;
  const bool discards_rows_;
  Unnester unnester_;
  std::vector<Normalizer> normalizers_;
  std::optional<ChildrenHasher> hasher_;
  RepeatedText load_ids_;
  int64_t next_root_ = 0;
  std::map<std::string, int64_t> discarded_values_;
};

}  // namespace nilus
