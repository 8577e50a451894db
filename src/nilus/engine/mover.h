// The pipeline of one attempt: reader threads, each with a normalizer, fill a queue bounded in bytes, and one thread
// writes what comes out. The first error stops everything; all threads have ended when Run returns.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/bounded_queue.h"
#include "nilus/base/result.h"
#include "nilus/connector/source.h"
#include "nilus/engine/dead_letter_office.h"
#include "nilus/engine/incremental.h"
#include "nilus/engine/load_tables.h"
#include "nilus/engine/phase_meter.h"
#include "nilus/engine/reader_gate.h"
#include "nilus/rows/masker.h"
#include "nilus/rows/normalizer.h"
#include "nilus/rows/row_ids.h"

namespace nilus {

class NestedLoad;
class NestedStage;

struct MoveRequest {
  Source* source = nullptr;
  const std::vector<Split>* splits = nullptr;
  int readers = 1;  // at most, as the writer needs them; 1: splits are read in their order
  int64_t queue_bytes = 0;
  int64_t largest_batch = 0;               // bytes; a larger one (a huge value) is refused. 0: none is
  std::shared_ptr<const Masking> masking;  // not null
  TableShape* shape = nullptr;             // of the masked rows
  Incremental* incremental = nullptr;      // null: every row is new
  std::optional<int64_t> row_limit;        // with a limit, readers is 1
  std::optional<int64_t> page_limit;
  std::shared_ptr<RowNames> names;  // of the main table's rows
  std::optional<DeadLetterOffice> dead_letters;
  NestedLoad* nested = nullptr;  // null: no nesting
  std::string load_id;
  LoadTables* tables = nullptr;
  PhaseMeter* extract = nullptr;
  PhaseMeter* normalize = nullptr;
  PhaseMeter* load = nullptr;
  std::stop_source stop;  // of the attempt: its sink and source were opened with it
};

struct MoveFailure {
  Error error;
  std::string phase;  // "extract", "normalize", "load"
};

class Mover {
 public:
  explicit Mover(MoveRequest request) : request_(std::move(request)), queue_(request_.queue_bytes) {}

  // Moves all rows. Call once.
  void Run();

  // Afterwards:
  const std::optional<MoveFailure>& failure() const { return failure_; }
  bool was_cut() const { return done_; }  // by a limit: there may be more rows
  int64_t rows_in() const { return rows_in_; }
  int64_t rows_filtered() const {
    return rows_filtered_;
  }  // read, and not wanted: outside the range, or loaded already
  // By the load's table, and the two columns, or the one.
  using VariantPlace = std::pair<int, Normalizer::ColumnPair>;
  using DiscardPlace = std::pair<int, std::string>;
  const std::map<VariantPlace, int64_t>& variant_values() const { return variant_values_; }
  const std::map<DiscardPlace, int64_t>& discarded_values() const { return discarded_values_; }
  const std::set<std::string>& columns_seen() const { return columns_seen_; }  // the source's names
  const std::set<std::string>& nested_masks_found() const { return nested_masks_found_; }

 private:
  struct TableBatch {
    int table = 0;  // index into the load's tables
    RecordBatch rows;
  };
  struct Stage;  // one reader's own
  void Read(bool is_first);
  Status ReadSplit(const Split& split, Stage* stage);
  Status PassOn(RecordBatch batch, Stage* stage);
  Status PassOnNested(const RecordBatch& batch, const RecordBatch& normalized, Stage* stage);
  void PushLetters(const RecordBatch& batch, const std::vector<DeadRow>& dead, Stage* stage);
  void AddCounts(const Stage& stage);
  void Push(int table, RecordBatch batch);
  Result<RecordBatch> TakeWanted(RecordBatch batch, Stage* stage);
  void Load();
  template <typename Body>
  void Guard(std::string_view phase, Body body);
  void Fail(std::string_view phase, Error error);
  void FailOutOfMemory(std::string_view phase) noexcept;
  bool IsDone() const { return done_.load(std::memory_order_relaxed); }

  MoveRequest request_;
  BoundedQueue<TableBatch> queue_;
  ReaderGate gate_;
  std::atomic<size_t> next_split_{0};
  std::atomic<int> open_readers_{0};
  std::atomic<bool> done_{false};  // a limit was reached: no more rows are wanted
  std::atomic<int64_t> rows_in_{0};
  std::atomic<int64_t> rows_filtered_{0};
  int64_t rows_taken_ = 0;  // with a limit; by the one reader
  int64_t pages_taken_ = 0;
  std::mutex mutex_;
  std::optional<MoveFailure> failure_;  // guarded by mutex_, as is what follows, while threads run
  std::map<VariantPlace, int64_t> variant_values_;
  std::map<DiscardPlace, int64_t> discarded_values_;
  std::set<std::string> columns_seen_;
  std::set<std::string> nested_masks_found_;
};

}  // namespace nilus
