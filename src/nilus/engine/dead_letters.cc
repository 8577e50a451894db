#include "nilus/engine/dead_letters.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/base/fault.h"
#include "nilus/base/redact.h"
#include "nilus/engine/dead_letter_office.h"
#include "nilus/engine/dead_letter_replay.h"
#include "nilus/engine/job.h"
#include "nilus/engine/load_tables.h"
#include "nilus/rows/row_ids.h"

namespace nilus {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int64_t kMostLettersAtOnce = 20'000;
constexpr size_t kMostBytesAtOnce = size_t{32} << 20;

std::string TextAt(const RecordBatch& batch, std::string_view column, int64_t row) {
  std::optional<int> at = batch.schema()->Find(column);
  if (!at || batch.column(*at).IsNull(row)) return "";
  std::string text;
  AppendCellText(batch.column(*at), row, &text);
  return text;
}

DeadLetter LetterAt(const RecordBatch& batch, int64_t row) {
  DeadLetter letter{.id = TextAt(batch, kRowIdColumn, row),
                    .load_id = TextAt(batch, kLoadIdColumn, row),
                    .payload = TextAt(batch, "payload", row),
                    .reason = TextAt(batch, "reason", row),
                    .column = TextAt(batch, "column", row),
                    .position = TextAt(batch, "position", row),
                    .cursor = TextAt(batch, kLetterCursorColumn, row)};
  // What the destination's json refuses (a NUL in PostgreSQL's) stands beside it.
  if (letter.payload.empty()) letter.payload = TextAt(batch, VariantName("payload", "text"), row);
  return letter;
}

struct LetterPage {
  std::vector<DeadLetter> letters;  // in the order of their ids
  bool is_last = true;
};

// The letters of the table, read through the destination's own source.
class LetterReader {
 public:
  LetterReader(const BatchJob& job, const RunOptions& options) : job_(&job), options_(&options) {}

  // Those behind `after` (empty: from the first one), at most a page where the destination can remove a part of them,
  // else all.
  Result<LetterPage> Read(const std::string& after) const {
    if (job_->open_written == nullptr) {
      return Fail(ErrorKind::kUnsupported, "dead letters in {} cannot be read", job_->sink_display);
    }
    NILUS_ASSIGN(std::unique_ptr<Source> source, job_->open_written(options_->stop));
    ReadRequest request{.table = LetterTable(*job_).ToString()};
    request.range = KeyRange{.column = std::string(kRowIdColumn), .lower = std::nullopt, .upper = std::nullopt};
    if (!after.empty()) request.range->lower = Scalar{MakeType(TypeId::kText), after};
    if (job_->deletes_ranges) request.limit = kMostLettersAtOnce + 1;
    NILUS_ASSIGN(ReadPlan plan, source->Plan(request));
    LetterPage page;
    size_t bytes = 0;
    bool in_order = true;
    for (const Split& split : plan.splits) {
      NILUS_ASSIGN(std::unique_ptr<Reader> reader, source->Open(split));
      for (;;) {
        NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(options_->stop));
        if (!batch) break;
        for (int64_t row = 0; row < batch->rows.num_rows(); ++row) {
          DeadLetter letter = LetterAt(batch->rows, row);
          if (letter.id <= after) continue;
          if (!page.letters.empty() && letter.id < page.letters.back().id) in_order = false;
          bytes += letter.payload.size() + letter.position.size();
          page.letters.push_back(std::move(letter));
          NILUS_TRY(CheckSize(bytes, page));
        }
        if (page.is_last && IsFull(bytes, page)) page.is_last = false;
        if (!page.is_last) break;
      }
      if (!page.is_last) break;
    }
    if (!page.is_last && !in_order) {  // between those that were read there could be others
      return Fail(ErrorKind::kInternal, "the dead letters of {} do not come in the order of their ids",
                  job_->table.ToString());
    }
    std::sort(page.letters.begin(), page.letters.end(),
              [](const DeadLetter& a, const DeadLetter& b) { return a.id < b.id; });
    return page;
  }

 private:
  // Parts can be removed, and the rest comes with the next page.
  bool IsFull(size_t bytes, const LetterPage& page) const {
    return job_->deletes_ranges &&
           (bytes >= kMostBytesAtOnce || static_cast<int64_t>(page.letters.size()) >= kMostLettersAtOnce);
  }
  Status CheckSize(size_t bytes, const LetterPage& page) const {
    if (job_->deletes_ranges || bytes < static_cast<size_t>(job_->memory.total_bytes) / 4) return {};
    return FailWithFix(ErrorKind::kExhausted, "raise resources.limits.memory",
                       "the first {} dead letters of {} have {} bytes, and in {} they can only be rewritten as a whole",
                       page.letters.size(), job_->table.ToString(), bytes, job_->sink_display);
  }

  const BatchJob* job_;
  const RunOptions* options_;
};

// Whether the pipeline has a table of letters. kInvalidInput: a table of that name holds something else, such as the
// child rows of an array called dead_letters.
Result<bool> HasLetters(Sink* sink, const BatchJob& job) {
  NILUS_ASSIGN(std::optional<Schema> there, sink->Describe(LetterTable(job)));
  if (!there) return false;
  for (std::string_view column : {"payload", "reason", "position"}) {
    if (there->Find(column)) continue;
    return FailWithFix(ErrorKind::kInvalidInput, "rename that table, or load under another name",
                       "{} is no table of dead letters: it has no column `{}`", LetterTable(job).ToString(), column);
  }
  return true;
}

DeadLettersReport StartReport(const BatchJob& job) {
  return DeadLettersReport{
      .pipeline = job.pipeline.value, .destination = job.sink_display, .table = LetterTable(job).ToString()};
}

}  // namespace

Result<DeadLettersReport> ListJobDeadLetters(const BatchJob& job, const RunOptions& options, int64_t most) {
  DeadLettersReport report = StartReport(job);
  NILUS_ASSIGN(std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  NILUS_ASSIGN(const bool has_letters, HasLetters(sink.get(), job));
  sink.reset();
  std::string after;
  for (bool is_last = !has_letters; !is_last;) {
    NILUS_ASSIGN(LetterPage page, LetterReader(job, options).Read(after));
    report.letters += static_cast<int64_t>(page.letters.size());
    is_last = page.is_last || page.letters.empty();
    if (!page.letters.empty()) after = page.letters.back().id;
    for (DeadLetter& letter : page.letters) {
      if (static_cast<int64_t>(report.shown.size()) < most) report.shown.push_back(std::move(letter));
    }
  }
  report.remaining = report.letters;
  return report;
}

Result<DeadLettersReport> ReplayJobDeadLetters(const BatchJob& job, const RunOptions& options) {
  DeadLettersReport report = StartReport(job);
  std::string after;
  for (bool is_last = false; !is_last;) {
    NILUS_ASSIGN(std::unique_ptr<Sink> sink, job.open_sink(options.stop));
    // The version that is seen before the letters are read fences off runs that add some meanwhile.
    NILUS_ASSIGN(std::optional<CommittedState> state, sink->Committed(job.pipeline));
    NILUS_ASSIGN(const bool has_letters, HasLetters(sink.get(), job));
    if (!has_letters) return report;
    NILUS_ASSIGN(LetterPage page, LetterReader(job, options).Read(after));
    if (page.letters.empty()) break;
    is_last = page.is_last;
    after = page.letters.back().id;
    report.letters += static_cast<int64_t>(page.letters.size());
    NILUS_TRY(ReplayLetters(job, options, sink.get(), std::move(page.letters), state, &report));
  }
  return report;
}

Result<DeadLettersReport> DropJobDeadLetters(const BatchJob& job, const RunOptions& options) {
  NILUS_ASSIGN(std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  // The version that is seen before the letters are counted fences off runs that add some meanwhile.
  NILUS_ASSIGN(std::optional<CommittedState> state, sink->Committed(job.pipeline));
  sink.reset();
  NILUS_ASSIGN(DeadLettersReport report, ListJobDeadLetters(job, options, 0));
  if (report.letters == 0) return report;
  NILUS_ASSIGN(sink, job.open_sink(options.stop));
  Progress progress;
  LoadTables tables(sink.get(), &progress);
  WriteRequest nothing =
      LetterRequest(job, MakeWriteRequest(job, options.stop), WriteStrategy::kReplace, /*there=*/std::nullopt);
  nothing.load_id = NewId();
  nothing.full_refresh = false;
  tables.Add(nothing);
  NILUS_TRY(tables.Open(0, {}));
  NILUS_TRY(tables.Finish());
  NILUS_FAULT_POINT("engine.dead_letters.dropping");
  NILUS_TRY(sink->Commit(CommitRequest{.pipeline = job.pipeline,
                                       .load_id = nothing.load_id,
                                       .expected_version = state ? state->version : 0,
                                       .position = state ? state->position : Position{},
                                       .interval = std::nullopt}));
  report.dropped = report.letters;
  report.remaining = 0;
  return report;
}

Result<DeadLettersReport> ListDeadLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options, int64_t most) {
  NILUS_ASSIGN(BatchJob job, MakeBatchJob(pipeline, registry, options));
  return ListJobDeadLetters(job, options, most);
}

Result<DeadLettersReport> ReplayDeadLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                            const RunOptions& options) {
  NILUS_ASSIGN(BatchJob job, MakeBatchJob(pipeline, registry, options));
  return ReplayJobDeadLetters(job, options);
}

Result<DeadLettersReport> DropDeadLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options) {
  NILUS_ASSIGN(BatchJob job, MakeBatchJob(pipeline, registry, options));
  return DropJobDeadLetters(job, options);
}

std::string ToJson(const DeadLettersReport& report) {
  OrderedJson json = {{"pipeline", Redact(report.pipeline)}, {"destination", Redact(report.destination)},
                      {"table", Redact(report.table)},       {"letters", report.letters},
                      {"replayed", report.replayed},         {"dropped", report.dropped},
                      {"remaining", report.remaining}};
  OrderedJson shown = OrderedJson::array();
  for (const DeadLetter& letter : report.shown) {
    OrderedJson payload = OrderedJson::parse(letter.payload, nullptr, /*allow_exceptions=*/false);
    shown.push_back({{"id", letter.id},
                     {"load_id", letter.load_id},
                     {"column", letter.column},
                     {"reason", letter.reason},
                     {"payload", payload.is_discarded() ? OrderedJson(letter.payload) : std::move(payload)}});
  }
  json["shown"] = std::move(shown);
  json["reasons"] = report.reasons;
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace nilus
