#include "nilus/engine/attempt.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/engine/nesting.h"
#include "nilus/engine/versions.h"
#include "nilus/rows/row_ids.h"

namespace nilus {
namespace {

Status PassCommitted([[maybe_unused]] const char* point) {
  NILUS_FAULT_ACK(point);
  return {};
}

int ReaderCount(const BatchJob& job, const Preparation& prepared) {
  if (!prepared.in_parallel) return 1;
  return std::max(1, std::min(job.parallelism, static_cast<int>(prepared.plan.splits.size())));
}

}  // namespace

bool Attempt::MakesTableAnew() const { return job_->strategy == WriteStrategy::kReplace || job_->full_refresh; }

// A table of the load is written by delete+insert: the main one, or that of the dead letters.
bool Attempt::ReplacesInterval(const Load& load) const {
  if (job_->strategy == WriteStrategy::kDeleteInsert) return true;
  return load.dead_letters >= 0 && load.tables->request(load.dead_letters).strategy == WriteStrategy::kDeleteInsert;
}

void Attempt::Warn(std::string text) {
  std::vector<std::string>& warnings = report_->warnings;
  if (std::find(warnings.begin(), warnings.end(), text) != warnings.end()) return;
  LogInfo("{}", text);  // whoever shows the report shows it as a warning: not twice
  warnings.push_back(std::move(text));
}

Status Attempt::Run(const std::vector<std::string>& earlier_loads) {
  report_->load_id = load_id_;
  report_->tables.clear();
  report_->schema_changes.clear();
  report_->error.reset();
  Status status = Execute(earlier_loads);
  report_->extract = extract_.Report();
  report_->normalize = normalize_.Report();
  report_->load = load_.Report();
  if (!status) {
    const Error& error = status.error();
    report_->error = RunError{.kind = error.kind,
                              .message = error.message,
                              .fix = error.fix,
                              .phase = phase_,
                              .table = job_->table.ToString()};
  }
  return status;
}

Status Attempt::Execute(const std::vector<std::string>& earlier_loads) {
  Load load;
  std::stop_callback forward(options_->stop, [&load] { load.stop.request_stop(); });
  std::string committed_load;
  NILUS_ASSIGN(load.prepared, Prepare(*job_, earlier_loads, load.stop.get_token(), /*always_describe=*/false, &phase_,
                                      &committed_load));
  got_through_ = true;
  if (HasNothingToDo(&load.prepared, committed_load)) return {};
  if (job_->max_nesting > 0) NILUS_TRY(Survey(&load));
  NILUS_TRY(OpenTables(&load));
  NILUS_TRY(Move(&load));
  NILUS_TRY(OpenWithoutRows(&load));
  CommitRequest commit{.pipeline = job_->pipeline,
                       .load_id = load_id_,
                       .expected_version = load.prepared.state ? load.prepared.state->version : 0,
                       .position = {},
                       .interval = std::nullopt};
  NILUS_ASSIGN(Checkpoint next, NextCheckpoint(&load, &commit));
  NILUS_TRY(OpenWithoutLetters(&load, commit));
  NILUS_TRY(FinishTables(&load));
  NILUS_TRY(Commit(*load.prepared.sink, commit));
  report_->position = commit.position.json;
  report_->cursor_after = next.cursor ? load.prepared.incremental->Shown(next.cursor->value.text) : std::string();
  MakesTableAnew() ? ReportReplaced(load) : ReportSchema(load);
  load.tables->progress(0).done = true;
  if (load.prepared.source == nullptr) return {};
  if (Status heard = load.prepared.source->Acknowledge(next.source); !heard) {
    Warn(fmt::format("the load is committed, but the source could not be told: {}", heard.error().message));
  }
  return {};
}

// An earlier attempt's commit took place after all, or all that would be read is loaded.
bool Attempt::HasNothingToDo(Preparation* prepared, const std::string& committed_load) {
  if (report_->attempts == 1) report_->first_run = !prepared->state;
  if (!committed_load.empty()) {
    report_->load_id = committed_load;
    report_->position = prepared->state->position.json;
    Warn(
        "the commit of an earlier attempt turned out to have taken place; its row counts at the destination are not "
        "known");
    return true;
  }
  report_->cursor_before = prepared->cursor_before;
  for (std::string& warning : prepared->warnings) Warn(std::move(warning));
  if (prepared->repeated_interval.empty()) return false;
  report_->position = prepared->state->position.json;
  report_->cursor_after = prepared->cursor_before;
  Warn(std::move(prepared->repeated_interval));
  return true;
}

// The first of two readings of nested rows.
Status Attempt::Survey(Load* load) {
  phase_ = "extract";
  PhaseMeter::Section section(extract_);
  Preparation& prepared = load->prepared;
  NILUS_ASSIGN(NestingSurvey survey,
               NestedLoad::Survey(*job_, prepared, ReaderCount(*job_, prepared), load->stop.get_token()));
  if (!prepared.shape->schema().fields.empty()) {  // else there are no rows, and nobody knows the columns
    NILUS_ASSIGN(load->nested, NestedLoad::Make(*job_, survey,
                                                {.sink = prepared.sink.get(),
                                                 .shape = prepared.shape.get(),
                                                 .write = &prepared.write,
                                                 .known = &prepared.children,
                                                 .brought = &prepared.committed.columns,
                                                 .load_id = load_id_}));
    WarnOfPlacesKeptWhole(load->nested->plan()->kept_whole());
  }
  NILUS_FAULT_POINT("engine.after_survey");
  return {};
}

void Attempt::WarnOfPlacesKeptWhole(const std::vector<std::string>& places) {
  constexpr size_t kMostNamed = 10;
  for (size_t i = 0; i < std::min(places.size(), kMostNamed); ++i)
    Warn(fmt::format("{} stays json: parts of its objects, arrays and other values would come to one name", places[i]));
  if (places.size() > kMostNamed) Warn(fmt::format("so do {} other places", places.size() - kMostNamed));
}

// Before anything is read: what is wrong with the destination shows at once.
Status Attempt::OpenTables(Load* load) {
  phase_ = "load";
  Preparation& prepared = load->prepared;
  prepared.write.load_id = load_id_;
  load->tables.emplace(prepared.sink.get(), progress_);
  if (load->nested != nullptr) {
    for (const NestedTable& table : load->nested->tables()) load->tables->Add(table.request);
    LookAtReplaced(load);
    PhaseMeter::Section section(load_);
    for (int table : load->nested->OpenOrder()) NILUS_TRY(load->tables->Open(table, {}));
    NILUS_FAULT_POINT("engine.after_open");
    return {};
  }
  load->tables->Add(prepared.write);
  LookAtReplaced(load);
  if (!prepared.write.schema->fields.empty()) {
    PhaseMeter::Section section(load_);
    NILUS_TRY(load->tables->Open(0, {}));
  }
  NILUS_FAULT_POINT("engine.after_open");
  return {};
}

// Rows that the contract discards go to a table beside the main one, opened with the first of them.
Result<std::optional<DeadLetterOffice>> Attempt::OpenOffice(Load* load) const {
  if (job_->contract != Contract::kDiscardRow) return std::optional<DeadLetterOffice>();
  const Preparation& prepared = load->prepared;
  NILUS_ASSIGN(std::optional<Schema> there, prepared.sink->Describe(LetterTable(*job_)));
  // Letters have masked values, by which the range that is read anew cannot be told.
  const bool has_cursor = prepared.incremental != nullptr && !MasksIncrementalKey(*job_);
  const WriteStrategy strategy = LetterStrategy(*job_, has_cursor, prepared.write.is_complete);
  if (strategy == WriteStrategy::kReplace) there.reset();  // made anew
  load->dead_letters = load->tables->Add(LetterRequest(*job_, prepared.write, strategy, there));
  const std::vector<std::string> key =
      strategy == WriteStrategy::kMerge ? prepared.write.primary_key : std::vector<std::string>();
  DeadLetterOffice office{
      .table = load->dead_letters,
      .names = std::make_shared<RowNames>(load_id_, LetterTable(*job_).ToString(), key, /*per_load=*/false),
      .notes = {.masks = {}, .key = prepared.source_key, .cursor = {}, .cursor_type = CursorTypeIn(there)}};
  if (strategy == WriteStrategy::kDeleteInsert) office.notes.cursor = prepared.incremental->range().column;
  for (const auto& [column, record] : prepared.mask_records) office.notes.masks[column] = record.how;
  return std::optional(std::move(office));
}

void Attempt::WarnOfUnusedHints(const Load& load) {
  std::vector<std::string> unused = load.prepared.shape->unused_hints();
  if (load.nested != nullptr) unused = load.nested->UnusedHints(unused);
  for (const std::string& column : unused) {
    Warn(fmt::format("type_hints: `{}` is no column of {}", column, job_->source_table));
  }
}

// Whether there is such a field shows in the rows alone. A load of few of them may lack one that is there, the first
// load hardly does: without it the field may be written otherwise than the mask says, and come unmasked.
Status Attempt::CheckNestedMasks(const Load& load) {
  const Mover& mover = *load.mover;
  if (mover.rows_in() == 0) return {};
  for (const std::string& column :
       load.prepared.masking->NestedRulesNotIn(mover.nested_masks_found(), mover.columns_seen())) {
    const std::string message = fmt::format("mask: no row of {} has a value at `{}`", job_->source_table, column);
    if (load.prepared.state) {
      Warn(message);
      continue;
    }
    phase_ = "normalize";
    return FailWithFix(ErrorKind::kInvalidInput, "write it as the documents have it (column.key.key), or leave it out",
                       "{}", message);
  }
  return {};
}

Status Attempt::Move(Load* load) {
  phase_ = "extract";
  progress_->SetPhase(RunPhase::kMoving);
  Preparation& prepared = load->prepared;
  NILUS_ASSIGN(std::optional<DeadLetterOffice> office, OpenOffice(load));
  TableProgress& progress = load->tables->progress(0);
  progress.splits = static_cast<int>(prepared.plan.splits.size());
  progress.estimated_rows = prepared.plan.table.estimated_rows.value_or(-1);
  load->mover.emplace(MoveRequest{.source = prepared.source.get(),
                                  .splits = &prepared.plan.splits,
                                  .readers = ReaderCount(*job_, prepared),
                                  .queue_bytes = job_->memory.queue_bytes,
                                  .largest_batch = job_->memory.largest_batch_bytes(),
                                  .masking = prepared.masking,
                                  .shape = prepared.shape.get(),
                                  .incremental = prepared.incremental.get(),
                                  .row_limit = job_->row_limit,
                                  .page_limit = job_->page_limit,
                                  .names = std::make_shared<RowNames>(load_id_, job_->table.ToString(),
                                                                      prepared.naming_key, NamesVersionsByLoad(*job_)),
                                  .dead_letters = std::move(office),
                                  .nested = load->nested.get(),
                                  .load_id = load_id_,
                                  .tables = &*load->tables,
                                  .extract = &extract_,
                                  .normalize = &normalize_,
                                  .load = &load_,
                                  .stop = load->stop});
  Mover& mover = *load->mover;
  mover.Run();
  ReportMove(*load);
  if (mover.failure() && !options_->stop.stop_requested()) {
    phase_ = mover.failure()->phase;
    Error error = mover.failure()->error;
    if (error.message == "memory ran out" && error.fix.empty())
      error.fix = "raise resources.limits.memory, or lower page_size";
    return Failure(std::move(error));
  }
  if (options_->stop.stop_requested())
    return Fail(ErrorKind::kCancelled, "stopped before the commit; nothing was changed");
  if (prepared.plan.table.schema.fields.empty() && load->tables->rows(0) > 0) {  // only the rows could tell
    phase_ = "normalize";
    std::set<std::string> known = mover.columns_seen();
    known.insert(prepared.plan.table.null_columns.begin(), prepared.plan.table.null_columns.end());
    NILUS_TRY(prepared.masking->CheckAllFound(known));
  }
  NILUS_TRY(CheckNestedMasks(*load));
  // A source that was read to its end has let go of its snapshot; one that was cut off holds it, and its locks could be
  // what the commit waits for when it replaces the table that was read.
  if (mover.was_cut()) prepared.source.reset();
  if (load->tables->rows(0) > 0 || !prepared.plan.table.schema.fields.empty()) WarnOfUnusedHints(*load);
  NILUS_FAULT_POINT("engine.after_read");
  return {};
}

// No row told the schema: a table that is there, and is made anew, loses its rows all the same.
Status Attempt::OpenWithoutRows(Load* load) {
  phase_ = "load";
  progress_->SetPhase(RunPhase::kFinishing);
  if (!MakesTableAnew() || load->HasTable()) return {};
  NILUS_ASSIGN(std::optional<Schema> there, load->prepared.sink->Describe(job_->table));
  if (!there || there->fields.empty()) return {};
  return load->tables->Open(0, *there);
}

// Earlier letters go where this load has read their rows anew, also when it has none of its own.
Status Attempt::OpenWithoutLetters(Load* load, const CommitRequest& commit) {
  if (load->dead_letters < 0 || load->tables->is_open(load->dead_letters)) return {};
  const WriteRequest& letters = load->tables->request(load->dead_letters);
  const bool removes_range = letters.strategy == WriteStrategy::kDeleteInsert && commit.interval;
  if (letters.strategy != WriteStrategy::kReplace && !removes_range) return {};
  NILUS_ASSIGN(std::optional<Schema> there, load->prepared.sink->Describe(letters.table));
  if (!there || (removes_range && !CursorTypeIn(there))) return {};
  return load->tables->Open(load->dead_letters, {});
}

// Where the pipeline stands once this load is committed: into `commit`, with the interval that it replaces.
Result<Checkpoint> Attempt::NextCheckpoint(Load* load, CommitRequest* commit) {
  Preparation& prepared = load->prepared;
  std::vector<std::string> warnings;
  Checkpoint next;
  next.source = prepared.plan.end;
  if (load->mover->was_cut() && !prepared.plan.end.empty()) {  // that position stands behind rows that were not read
    if (job_->strategy == WriteStrategy::kAppend) {
      return FailWithFix(ErrorKind::kUnsupported,
                         "leave sql_limit and yield_limit out, or use another incremental_strategy",
                         "a limit cut off the rows of {}: what is left of them could not be told from what is loaded",
                         job_->source_table);
    }
    next.source = prepared.committed.source;
    warnings.push_back(
        fmt::format("a limit cut off the rows of {}: the next run reads them from the beginning", job_->source_table));
  }
  if (prepared.incremental != nullptr) {
    NILUS_ASSIGN(next, prepared.incremental->Finish(std::move(next.source), &warnings));
    if (ReplacesInterval(*load)) {
      commit->interval = prepared.incremental->ReplacedInterval(prepared.write.incremental_key);
    }
  }
  next.table = TableInCheckpoint(*job_);
  next.children = prepared.children;
  if (load->nested != nullptr) AddNames(load->nested->children(), &next.children);
  if (!MakesTableAnew()) next.columns = prepared.committed.columns;
  // Nested values come from json columns, whose keys only the values tell, whatever the source.
  if (job_->strategy == WriteStrategy::kScd2 && (load->nested != nullptr || IsInferred(prepared.plan.table.schema)))
    AddNames(ColumnsBrought(*load->tables->request(0).schema), &next.columns);
  NILUS_ASSIGN(next.masks, MaskRecordsOf(*prepared.masking));
  next.has_table = load->HasTable() || (prepared.committed.has_table && !MakesTableAnew());
  if (prepared.incremental == nullptr && job_->strategy != WriteStrategy::kReplace) {
    next.loaded = prepared.committed.loaded;
    std::optional<LoadedRange> interval = QueryInterval(*job_);
    if (interval && load->mover->rows_in() > 0) AddLoaded(&next.loaded, *std::move(interval), std::nullopt);
  }
  for (std::string& warning : warnings) Warn(std::move(warning));
  Checkpoint written = next;
  if (prepared.seal) NILUS_TRY(SealCursor(*prepared.seal, &written));
  NILUS_ASSIGN(commit->position, ToPosition(written));
  return next;
}

Status Attempt::FinishTables(Load* load) {
  PhaseMeter::Section section(load_);
  NILUS_ASSIGN(std::vector<Receipt> receipts, load->tables->Finish());
  int64_t files = 0;
  int64_t bytes = 0;
  for (const Receipt& receipt : receipts) {
    files += receipt.files;
    bytes += receipt.bytes;
    TableReport* table = FindReport(receipt.table);
    if (table == nullptr) continue;
    table->files = receipt.files;
    if (receipt.bytes > 0) table->bytes = receipt.bytes;
    for (const auto& [column, values] : receipt.misfits) {
      if (job_->contract == Contract::kDiscardValue) {
        ReportDiscarded(table, column, values);
      } else {
        ReportVariant(table, column, VariantName(column, "text"), values);
      }
    }
  }
  if (!receipts.empty()) load_.SetFiles(files, bytes);
  NILUS_FAULT_POINT("engine.after_finish");
  return {};
}

Status Attempt::Commit(Sink& sink, const CommitRequest& request) {
  phase_ = "commit";
  progress_->SetPhase(RunPhase::kCommitting);
  PhaseMeter::Section section(load_);
  commit_was_sent_ = true;
  Result<CommitResult> committed = sink.Commit(request);
  Status status;
  if (committed) {
    ReportCounts(*committed);
    status = PassCommitted("engine.after_commit");
  } else {
    status = Failure(std::move(committed).error());
  }
  if (status || status.error().kind != ErrorKind::kUnknownOutcome) return status;
  return LookForCommit(sink, request.pipeline, status.error());
}

Status Attempt::LookForCommit(Sink& sink, const PipelineId& pipeline, const Error& unknown) {
  Warn(fmt::format("the commit of load {} was not answered ({}): looking whether it took place", load_id_,
                   unknown.message));
  constexpr int kLooksWhenStopped = 5;  // about three seconds
  Retry retry(options_->commit_lookup);
  Sink* asked = &sink;
  std::unique_ptr<Sink> fresh;
  for (;;) {
    Result<bool> took_place = asked->WasCommitted(pipeline, load_id_);
    if (took_place && *took_place) return {};
    if (took_place) return Fail(ErrorKind::kTransient, "the commit did not take place: {}", unknown.message);
    std::optional<std::chrono::milliseconds> delay = retry.NextDelay();
    // Asking changes nothing, so it goes on for a little when a stop was requested.
    if (!delay || (options_->stop.stop_requested() && retry.attempts() > kLooksWhenStopped)) {
      return FailWithFix(ErrorKind::kUnknownOutcome,
                         "run it again: the next run finds out and goes on from what is committed",
                         "whether load {} was committed is not known: {}; asking failed: {}", load_id_, unknown.message,
                         took_place.error().message);
    }
    SleepUnlessStopped(*delay, {});
    if (Result<std::unique_ptr<Sink>> opened = job_->open_sink({}); opened) {
      fresh = *std::move(opened);
      asked = fresh.get();
    }
  }
}

}  // namespace nilus
