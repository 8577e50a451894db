// One captured table on its way to its destination: from changes in the source's terms to a batch as the sink loads it.
//
//   values' modes (value_modes.h) → masks → names and types (rows/normalizer.h) → the change's own columns → row ids
//
// flatten    the table's columns and _op, _deleted, _source_ts, _ts, _lsn, _tx_id, _seq; under append also _unchanged,
//            from the first value on that the log leaves out (texts of column names joined by ',')
// changelog  the key's columns and operation, before, after, source (json), ts_ms
//
// Under schema_contract discard_row a row that does not fit is a dead letter (rows/dead_letters.h), and is not at the
// destination: merge removes what is there of it, append leaves the change out. Deletes need no more than the key.
//
// An update that changes the key is the removal of the old row and the arrival of the new one: under merge by the
// sink's contract (sink.h, kMovedColumn), under append as a `d` and a `c` of one _seq.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nilus/cdc/job.h"
#include "nilus/cdc/lines.h"
#include "nilus/connector/sink.h"
#include "nilus/rows/masker.h"
#include "nilus/rows/normalizer.h"
#include "nilus/rows/row_ids.h"

namespace nilus {

// One thread at a time.
class TableTarget {
 public:
  // By the destination's name of a masked column: numbers that the mask `sequential` has given so far.
  using Numbers = std::map<std::string, std::shared_ptr<MaskSequence>>;

  // `destination`: the table as it is; nothing: it is made. `database`: as the changelog names it. kInvalidInput for
  // columns that would meet one of Nilus's, and under merge for a table without a key.
  static Result<std::unique_ptr<TableTarget>> Create(const CdcJob& job, CapturedTable table, TableName name,
                                                     std::optional<Schema> destination, Numbers numbers = {},
                                                     std::string database = {});

  const CapturedTable& table() const { return table_; }
  // The log shows the table in a new shape.
  void SetTable(CapturedTable table);
  // All columns of table() are the destination's, also those that no row has brought yet.
  Status TakeColumns();
  const TableName& name() const { return name_; }

  // A load's request for the table as it is known so far, but for its load_id and stop.
  WriteRequest Request() const;
  // An empty batch: nothing of it is to be loaded.
  Result<RecordBatch> FromChanges(const ChangeBatch& batch, const std::string& load_id);
  // Rows as the source has them at `at`.
  Result<RecordBatch> FromSnapshot(const RecordBatch& rows, const LogPosition& at, const std::string& load_id);
  // Of all batches since the last call: rows that do not fit, as rows of LetterRequest's table. Nothing: there were
  // none.
  std::optional<RecordBatch> TakeLetters() { return std::exchange(letters_, {}); }
  const TableName& letter_name() const { return letter_name_; }
  WriteRequest LetterRequest() const;
  // merge: one row that says that everything goes. append: the same as a change, `t`.
  Result<RecordBatch> Truncation(const LogPosition& at, const std::string& load_id);

  // merge: the destination's rows lack a column of the key: rows that come by it would not find them.
  bool lacks_key() const { return lacks_key_; }
  // merge: a column of the key has texts, and the destination's type of it is none that takes any: numbers became texts
  // or uuids, or a hint says text now. Where some do not fit, the table has to be made anew. False of a table that
  // somebody made for us.
  bool HasOtherKeyType() const;
  // The next load makes the table anew.
  void ReplaceTable() { is_replaced_ = true; }
  void Committed() { is_replaced_ = false; }
  // The destination has the table, with what was loaded: a load relies on it.
  void SetThere(bool is_there) { is_there_ = is_there; }
  bool is_there() const { return is_there_; }
  // merge: why the destination need not have every row that changes are about; empty: it has to.
  const std::string& lacks_rows_as() const { return lacks_rows_as_; }
  // Columns (the source's names) that came up after rows were loaded, which may have values in them at the source and
  // have none at the destination: each is told once.
  std::vector<std::string> TakeUnfilled() { return std::exchange(unfilled_, {}); }
  // What is there is replaced: nothing is said of it any more.
  void ForgetOldRows();

  const Numbers& numbers() const { return masking_->sequences(); }
  // Values kept in variant columns or dropped by the contract so far, as the normalizer counts them.
  const Normalizer& normalizer() const { return *normalizer_; }
  std::vector<std::string> unused_hints() const { return shape_->unused_hints(); }
  // What was added to or made of the table since the last call: for the report.
  std::vector<Field> TakeNewColumns();

 private:
  TableTarget(const CdcJob& job, CapturedTable table, TableName name) : job_(&job), name_(std::move(name)) {
    TakeTable(std::move(table));
  }
  void TakeTable(CapturedTable table);
  Status Prepare(std::optional<Schema> destination, Numbers numbers);
  bool IsHinted(const std::string& column) const;
  Result<ChangeBatch> WithModes(ChangeBatch batch) const;
  Result<RecordBatch> Rows(const ChangeBatch& batch, const std::string& load_id);
  Result<RecordBatch> Flatten(const ChangeBatch& batch, ChangeLines lines, const std::string& load_id);
  Result<RecordBatch> Changelog(const ChangeBatch& batch, const ChangeLines& lines, const std::string& load_id);
  // Names and types. Lines that do not fit are kept out, and come to their keys; `left`: those of them that are no rows
  // of the log of changes.
  Result<RecordBatch> Normalized(const ChangeBatch& batch, const RecordBatch& rows, const std::string& load_id,
                                 ChangeLines* lines, std::vector<int32_t>* left);
  void AddLetters(const ChangeBatch& batch, const RecordBatch& rows, const std::vector<DeadRow>& dead,
                  const std::string& load_id);
  RecordBatch Named(const RecordBatch& rows, const std::string& load_id);
  void NameFor(const std::string& load_id);
  std::vector<std::string> KeyNames() const;  // at the destination
  void CompareWith(const Schema& destination);
  void AddMergeColumns(const ChangeBatch& batch, const ChangeLines& lines, Schema* schema,
                       std::vector<Column>* columns) const;

  const CdcJob* job_;
  CapturedTable table_;            // its columns as they land, by the values' modes
  std::vector<PinnedType> hints_;  // of columns that modes would change
  TableName name_;
  std::string database_;
  std::shared_ptr<const Masking> masking_;
  std::unique_ptr<Masker> masker_;
  std::unique_ptr<TableShape> shape_;
  std::unique_ptr<Normalizer> normalizer_;
  TableName letter_name_;
  std::optional<RecordBatch> letters_;
  std::optional<RowNamer> letter_namer_;
  std::optional<RowNamer> namer_;
  std::string namer_load_;
  std::set<std::string> reported_columns_;
  bool lacks_key_ = false;
  bool is_ours_ = false;  // the destination has no table that was not loaded by Nilus before
  bool is_replaced_ = false;
  bool is_there_ = false;
  std::string lacks_rows_as_;
  std::vector<std::string> unfilled_;
};

}  // namespace nilus
