// Changes of transactions, one after another, into columnar batches by table. No I/O; one thread.
//
// Positions: LogPosition.major of a change is the LSN of its transaction's commit record plus one, which is known when
// the transaction begins to arrive; `complete` is the LSN where that record ends, or one that a keepalive named. Both
// are the same to the server (it skips transactions whose commit record begins before the place asked for) and in
// order: record A < A + 1 <= end of A <= record B.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "nilus/connector/change_source.h"
#include "nilus/connectors/postgres/cdc/layout_source.h"

namespace nilus::postgres {

// A chunk whose batches may have columns that only the server can convert (ask_server.h). `unchanged` still counts the
// table's columns only, without variant columns between them.
struct BuiltChunk {
  ChangeChunk chunk;
  std::vector<LayoutPtr> layouts;  // of chunk.batches
};
ChangeChunk FinishChunk(BuiltChunk built);

class ChangeBuilder {
 public:
  bool is_inside() const { return is_inside_; }
  bool is_empty() const { return rows_ == 0 && schemas_.empty(); }
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }
  const LogPosition& complete() const { return complete_; }

  // Where the stream begins: nothing before it will come.
  void StartAt(const LogPosition& from) { complete_ = from; }
  // kData when the source goes backwards or opens a transaction inside another.
  Status Begin(uint64_t commit_lsn, int64_t committed_at, uint32_t xid);
  Status Commit(uint64_t commit_lsn, uint64_t end_lsn);
  // The source has nothing (more) to tell up to here. Inside a transaction it says nothing new.
  void Passed(uint64_t lsn);
  void Head(uint64_t lsn, int64_t time);

  // A change of the open transaction, at `lsn`. `new_row` and `old_row` have one value a column of the layout's
  // relation; old_kind as in PgoutputMessage; what an old row does not tell is kNull, or kUnchanged where
  // that must not be mistaken for a NULL. kData names table and column.
  Status Row(const LayoutPtr& layout, ChangeOp op, char old_kind, const std::vector<TupleValue>& old_row,
             const std::vector<TupleValue>& new_row, uint64_t lsn);
  Status Truncate(const LayoutPtr& layout, uint64_t lsn);
  // A change that is not captured: only its number in the transaction counts.
  void Skip() { ++sequence_; }
  void Schema(const CapturedTable& table) { Tell({.at = {}, .table = table}); }
  // Here in the log.
  void Tell(SchemaEvent event);

  // What has come so far.
  BuiltChunk Take();

 private:
  struct Open {  // batch of one layout
    explicit Open(LayoutPtr of) : layout(std::move(of)), rows(layout->schema) {}
    LayoutPtr layout;
    BatchBuilder rows;
    std::unique_ptr<BatchBuilder> old_rows;
    ChangeBatch changes;  // all but rows and old_rows
  };
  Open& BatchOf(const LayoutPtr& layout);
  Status AppendRow(const TableLayout& layout, const std::vector<TupleValue>& row, const std::vector<TupleValue>* behind,
                   Open* open, BatchBuilder* into);
  Status CheckTransaction() const;
  void FinishChange(Open& open, ChangeOp op, uint64_t lsn);

  std::vector<std::unique_ptr<Open>> open_;  // in order of their first change
  std::map<const TableLayout*, Open*> by_layout_;
  Open* last_ = nullptr;  // most changes are of the table of the one before
  std::vector<SchemaEvent> schemas_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  bool is_inside_ = false;
  LogPosition complete_;
  LogPosition head_;
  int64_t head_at_ = 0;
  // Of the open transaction
  uint64_t commit_lsn_ = 0;
  int64_t committed_at_ = 0;
  int64_t xid_ = 0;
  int64_t sequence_ = 0;
  bool has_rows_ = false;  // some of it were captured
};

}  // namespace nilus::postgres
