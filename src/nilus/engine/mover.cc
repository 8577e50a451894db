#include "nilus/engine/mover.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>

#include "nilus/base/memory_plan.h"
#include "nilus/engine/batch_size.h"
#include "nilus/engine/nesting.h"

namespace nilus {
namespace {

// Which phase this thread is in: an error belongs to it.
thread_local std::string_view current_phase;

}  // namespace

struct Mover::Stage {
  Masker masker;
  Normalizer normalizer;
  RowNamer namer;
  std::optional<DeadLetterWriter> letters;
  std::unique_ptr<NestedStage> nested;
  std::string split;  // that is being read
};

void Mover::Run() {
  const int readers = std::max(request_.readers, 1);
  open_readers_ = readers;
  std::vector<std::jthread> threads;  // joined when this function ends
  int started = 0;
  try {
    threads.reserve(static_cast<size_t>(readers) + 1);
    threads.emplace_back([this] { Load(); });
    for (; started < readers; ++started) threads.emplace_back([this, started] { Read(started == 0); });
  } catch (const std::bad_alloc&) {
    FailOutOfMemory("extract");
  } catch (const std::exception& error) {
    Fail("extract", Error{ErrorKind::kExhausted, fmt::format("no thread could be started: {}", error.what()), ""});
  }
  // Those that are missing close nothing: without this the writer's thread would wait for them for ever.
  if (started < readers) {
    request_.stop.request_stop();
    if ((open_readers_ -= readers - started) == 0) queue_.Close();
  }
}

// First error wins; those that follow are its echo.
void Mover::Fail(std::string_view phase, Error error) {
  {
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = MoveFailure{std::move(error), std::string(phase)};
  }
  request_.stop.request_stop();
}

// These texts are short enough to need no memory of their own.
void Mover::FailOutOfMemory(std::string_view phase) noexcept {
  Fail(phase, Error{ErrorKind::kExhausted, "memory ran out", {}});
}

template <typename Body>
void Mover::Guard(std::string_view phase, Body body) {
  current_phase = phase;
  try {
    if (Status status = body(); !status) Fail(current_phase, std::move(status).error());
  } catch (const std::bad_alloc&) {
    FailOutOfMemory(current_phase);
  } catch (const std::exception& error) {
    Fail(current_phase, Error{ErrorKind::kInternal, fmt::format("unexpected exception: {}", error.what()), ""});
  }
}

void Mover::Read(bool is_first) {
  Guard("extract", [this, is_first]() -> Status {
    if (!is_first && !gate_.Enter(request_.stop.get_token())) return {};
    Stage stage{.masker = Masker(request_.masking),
                .normalizer = Normalizer(*request_.shape),
                .namer = RowNamer(request_.names),
                .letters = std::nullopt,
                .nested = nullptr,
                .split = {}};
    if (request_.nested != nullptr) stage.nested = std::make_unique<NestedStage>(*request_.nested, request_.load_id);
    if (request_.dead_letters) stage.letters.emplace(*request_.dead_letters, *request_.shape);
    Status status;
    while (status && !IsDone() && !request_.stop.stop_requested()) {
      size_t index = next_split_++;
      if (index >= request_.splits->size()) break;
      status = ReadSplit((*request_.splits)[index], &stage);
    }
    AddCounts(stage);
    return status;
  });
  gate_.Close();  // no split is left for another, or everything stops
  if (--open_readers_ == 0) queue_.Close();
}

void Mover::AddCounts(const Stage& stage) {
  std::lock_guard lock(mutex_);
  columns_seen_.insert(stage.masker.columns_seen().begin(), stage.masker.columns_seen().end());
  nested_masks_found_.insert(stage.masker.nested_found().begin(), stage.masker.nested_found().end());
  auto add = [this](int table, const Normalizer& normalizer) {
    for (const auto& [columns, count] : normalizer.variant_values()) variant_values_[{table, columns}] += count;
    for (const auto& [column, count] : normalizer.discarded_values()) discarded_values_[{table, column}] += count;
  };
  if (stage.nested == nullptr) return add(0, stage.normalizer);
  // They see what the first one kept aside once more.
  for (size_t i = 0; i < stage.nested->normalizers().size(); ++i)
    add(static_cast<int>(i), stage.nested->normalizers()[i]);
  for (const auto& [place, count] : stage.nested->discarded_values()) discarded_values_[{0, place}] += count;
}

Status Mover::ReadSplit(const Split& split, Stage* stage) {
  std::stop_token stop = request_.stop.get_token();
  stage->split = split.description;
  std::unique_ptr<Reader> reader;
  {
    PhaseMeter::Section section(*request_.extract);
    NILUS_ASSIGN(reader, request_.source->Open(split));
  }
  while (!IsDone()) {
    std::optional<Batch> batch;
    {
      PhaseMeter::Section section(*request_.extract);
      NILUS_ASSIGN(batch, reader->Next(stop));
    }
    if (!batch) break;
    int64_t rows = batch->rows.num_rows();
    int64_t bytes = batch->rows.ByteSize();
    request_.extract->Count(rows, bytes);
    rows_in_ += rows;
    TableProgress& progress = request_.tables->progress(0);
    progress.rows_read += rows;
    progress.bytes_read += bytes;
    NILUS_TRY(CheckBatchSize(batch->rows, request_.largest_batch));
    current_phase = "normalize";
    NILUS_TRY(PassOn(WithoutRowIds(batch->rows), stage));
    current_phase = "extract";
    if (stop.stop_requested()) return {};
  }
  ++request_.tables->progress(0).splits_done;
  return {};
}

// The rows of a batch that the run is to load.
Result<RecordBatch> Mover::TakeWanted(RecordBatch batch, Stage* stage) {
  const int64_t rows_before = batch.num_rows();
  if (request_.incremental != nullptr) {
    // Masked first: what is remembered of rows at the cursor is of masked values. Their order is that of the raw keys.
    NILUS_ASSIGN(const Column keys, request_.incremental->KeysOf(batch));
    NILUS_ASSIGN(batch, stage->masker.Apply(batch));
    NILUS_ASSIGN(batch, request_.incremental->Take(batch, keys));
    if (request_.incremental->is_full()) done_ = true;
  } else if (request_.row_limit) {
    int64_t room = *request_.row_limit - rows_taken_;
    if (batch.num_rows() >= room) {
      std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()), 0);
      std::fill(keep.begin(), keep.begin() + room, 1);
      batch = batch.Filter(keep);
      done_ = true;
    }
    rows_taken_ += batch.num_rows();
  }
  rows_filtered_ += rows_before - batch.num_rows();
  if (batch.num_rows() == 0) return batch;
  if (request_.page_limit && ++pages_taken_ >= *request_.page_limit) {
    done_ = true;
    if (request_.incremental != nullptr) request_.incremental->SetTruncated();
  }
  if (request_.incremental == nullptr) return stage->masker.Apply(batch);
  return batch;
}

Status Mover::PassOn(RecordBatch batch, Stage* stage) {
  {
    PhaseMeter::Section section(*request_.normalize);
    NILUS_ASSIGN(batch, TakeWanted(std::move(batch), stage));
    if (batch.num_rows() == 0) return {};
    NILUS_ASSIGN(NormalizedBatch normalized, stage->normalizer.Normalize(batch));
    PushLetters(batch, normalized.dead, stage);
    if (normalized.rows.num_rows() == 0) return {};
    if (stage->nested != nullptr) return PassOnNested(batch, normalized.rows, stage);
    batch = stage->namer.Name(normalized.rows);
    request_.normalize->Count(batch.num_rows(), batch.ByteSize());
  }
  Push(0, std::move(batch));
  return {};
}

// `normalized`: the same rows, none of them dead yet.
Status Mover::PassOnNested(const RecordBatch& batch, const RecordBatch& normalized, Stage* stage) {
  NILUS_ASSIGN(std::vector<DeadRow> dead,
               stage->nested->Process(stage->namer.NameOnly(normalized), [this](int table, RecordBatch rows) {
                 request_.normalize->Count(rows.num_rows(), rows.ByteSize());
                 Push(table, std::move(rows));
                 return Status();
               }));
  PushLetters(batch, dead, stage);
  return {};
}

void Mover::PushLetters(const RecordBatch& batch, const std::vector<DeadRow>& dead, Stage* stage) {
  if (dead.empty()) return;
  Push(request_.dead_letters->table, stage->letters->Write(batch, dead, stage->split));
}

void Mover::Push(int table, RecordBatch batch) {
  int64_t bytes = batch.ByteSize();
  // Refused only when everything stops.
  queue_.Push(TableBatch{.table = table, .rows = std::move(batch)}, bytes, request_.stop.get_token());
}

void Mover::Load() {
  Guard("load", [this]() -> Status {
    std::stop_token stop = request_.stop.get_token();
    while (!stop.stop_requested()) {
      const auto start = std::chrono::steady_clock::now();
      std::optional<TableBatch> batch = queue_.Pop(stop, ReaderGate::kLongWait, [this] { gate_.WriterWaitsLong(); });
      if (!batch) break;
      const auto popped = std::chrono::steady_clock::now();
      const int64_t rows = batch->rows.num_rows();
      const int64_t bytes = batch->rows.ByteSize();
      {
        PhaseMeter::Section section(*request_.load);
        NILUS_TRY(request_.tables->Write(batch->table, std::move(batch->rows)));
      }
      gate_.WriterWrote(popped - start, std::chrono::steady_clock::now() - popped);
      request_.load->Count(rows, bytes);
    }
    return {};
  });
}

}  // namespace nilus
