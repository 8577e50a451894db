// Incremental extraction of one attempt (spec 04): which range is read, which of the rows read are new, and where the
// cursor stands afterwards.
//
// - Range: from the committed cursor, inclusive, up to the highest key when the run began (or below interval_end).
//   `replace` always reads everything. What a source did not push down is filtered here.
// - Boundary rows: rows at the cursor's value that the destination has already are dropped, each as often as it was
//   loaded: under append by primary key, else by the whole row; under merge unchanged ones only. delete+insert and scd2
//   drop none: the first deletes the range it reads, the second ignores rows that did not change.
// - NULL keys: an error, left out, or loaded once each, by incremental_key_nulls.
// - A run with interval_start is a backfill: it drops no boundary rows, and moves the cursor only onwards and only when
//   its interval joins what was read before (no gap between the cursor and interval_start). A run with interval_end
//   alone is a run like any other that ends earlier.
// - With sql_limit or yield_limit the cursor may stop early only where rows came in order of the key. delete+insert and
//   scd2 refuse to be cut off.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/source.h"
#include "nilus/engine/checkpoint.h"
#include "nilus/engine/job.h"
#include "nilus/engine/key_column.h"
#include "nilus/engine/masking.h"

namespace nilus {

inline constexpr std::string_view kMaskedKeyShown = "(masked)";

class Incremental {
 public:
  // Decides the range. `schema` is the source's, or empty when only the values will tell. `committed` is what the sink
  // has; the caller passes an empty one for full_refresh. kInvalidInput when state and manifest do not fit together.
  static Result<std::unique_ptr<Incremental>> Create(const BatchJob& job, Checkpoint committed, const Schema& schema);

  const KeyRange& range() const { return range_; }
  // Not empty: all that an append would read is loaded already, and why that ends the run.
  const std::string& repeated() const { return repeated_; }
  // Rows the source may be limited to so that row_limit new ones are among them: the boundary rows come on top.
  std::optional<int64_t> source_limit() const { return source_limit_; }
  // After Plan: the upper bound found in the snapshot.
  void SetUpper(const std::optional<Scalar>& upper);

  // The keys of a batch as the source gave it. kData: it has none.
  Result<Column> KeysOf(const RecordBatch& batch) const;
  // The new rows of a batch, which may be masked since its keys were taken. Thread-safe; with a limit, batches come
  // from one thread and in order.
  Result<RecordBatch> Take(const RecordBatch& batch, const Column& keys);
  // Enough: row_limit rows were taken.
  bool is_full() const;
  // The reading ended early, by page_limit.
  void SetTruncated();

  // After the last batch: the position to commit. Warnings are appended. kData or kUnsupported when the cursor cannot
  // move without losing or doubling rows later.
  Result<Checkpoint> Finish(Position source_end, std::vector<std::string>* warnings);
  // What tables written by delete+insert have to let go of at the destination, where the key's column is `dest_column`:
  // the range that was read as a whole, rows that are loaded already with it. Nothing: there is no such. After Finish.
  std::optional<KeyRange> ReplacedInterval(const std::string& dest_column) const;

  int64_t boundary_rows_dropped() const;
  int64_t null_keys_dropped() const;
  std::string CursorBefore() const { return committed_.cursor ? Shown(committed_.cursor->value.text) : std::string(); }
  // A value of the key as people may see it.
  std::string Shown(const std::string& text) const { return is_masked_ ? std::string(kMaskedKeyShown) : text; }

 private:
  struct Bounds {  // one-row columns of the key's type; nothing: open
    Type type;
    std::optional<Column> lower;
    std::optional<Column> upper;
  };
  explicit Incremental(const BatchJob& job) : job_(&job), is_masked_(MasksIncrementalKey(job)) {}

  Result<std::shared_ptr<const Bounds>> BoundsFor(const Type& type);
  Status TakeNulls(const RecordBatch& batch, const Column& keys, std::vector<uint8_t>* in_range,
                   std::vector<uint8_t>* keep);
  // What rows are hashed by, to be found among (or added to) those of `set`. kData when its columns are not what they
  // were.
  Result<RowHasher> HasherLike(const RowSet& set, const Schema& schema) const;
  // What rows are hashed by that go into the new `set`, or a set that will be joined with `joined` (null: with none).
  Result<RowHasher> HasherFor(const Schema& schema, const RowSet* joined, RowSet* set) const;
  Status DropLoaded(const RecordBatch& batch, const std::vector<uint8_t>& candidates, RowSet* loaded,
                    std::vector<uint8_t>* keep);
  void Limit(const Column& keys, std::vector<uint8_t>* in_range, std::vector<uint8_t>* keep);
  Status Observe(const RecordBatch& batch, const Column& keys, const std::vector<uint8_t>& in_range);
  bool IsTruncated() const;
  Result<bool> CanAdvance(std::vector<std::string>* warnings) const;
  Status SetCursor(Checkpoint* next) const;
  Status SetNulls(Checkpoint* next) const;
  Status Prepare(Checkpoint committed, const Schema& schema);
  Status GoOnFromCursor(const std::optional<Type>& type);
  Status CheckLoaded(const std::optional<Type>& type);
  Status AddLoadedTo(Checkpoint* next) const;
  void SetSourceLimit();

  const BatchJob* job_;
  const bool is_masked_;
  std::string key_;  // the source's name of the column
  Checkpoint committed_;
  KeyRange range_;
  std::string repeated_;
  bool has_start_ = false;     // interval_start was given
  bool may_truncate_ = false;  // row_limit or page_limit
  std::optional<int64_t> source_limit_;
  std::optional<Scalar> snapshot_upper_;
  bool drops_boundary_ = false;
  std::vector<std::string> record_by_;  // what the new boundary is hashed by; empty: the whole row

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const Bounds> bounds_;
  RowSet to_drop_;  // boundary rows not met yet
  RowSet nulls_to_drop_;
  RowSet new_nulls_;
  std::optional<Column> highest_;  // one row; nothing: no key seen
  RowSet at_highest_;
  bool overflow_ = false;  // more rows at the highest key than kMaxBoundaryRows
  bool nulls_overflow_ = false;
  std::optional<Column> last_key_;  // with a limit: of the last row in range
  bool in_order_ = true;
  bool truncated_ = false;
  int64_t taken_ = 0;
  int64_t seen_ = 0;  // rows in range, dropped ones included
  int64_t boundary_dropped_ = 0;
  int64_t nulls_dropped_ = 0;
};

}  // namespace nilus
