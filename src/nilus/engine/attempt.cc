#include "nilus/engine/attempt.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"

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

void Attempt::Warn(std::string text) {
  std::vector<std::string>& warnings = report_->warnings;
  if (std::find(warnings.begin(), warnings.end(), text) != warnings.end()) return;
  LogWarning("{}", text);
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
  std::stop_source stop;
  std::stop_callback forward(options_->stop, [&stop] { stop.request_stop(); });
  std::string committed_load;
  NILUS_ASSIGN(Preparation prepared,
               Prepare(*job_, earlier_loads, stop.get_token(), /*always_describe=*/false, &phase_, &committed_load));
  got_through_ = true;
  if (report_->attempts == 1) report_->first_run = !prepared.state;
  if (!committed_load.empty()) {
    report_->load_id = committed_load;
    report_->position = prepared.state->position.json;
    Warn(
        "the commit of an earlier attempt turned out to have taken place; its row counts at the destination are not "
        "known");
    return {};
  }
  report_->cursor_before = prepared.cursor_before;
  for (std::string& warning : prepared.warnings) Warn(std::move(warning));
  if (!prepared.repeated_interval.empty()) {
    report_->position = prepared.state->position.json;
    report_->cursor_after = prepared.cursor_before;
    Warn(std::move(prepared.repeated_interval));
    return {};
  }

  // Open the writer before anything is read: what is wrong with the destination shows at once.
  phase_ = "load";
  prepared.write.load_id = load_id_;
  auto open_writer = [&](const Schema& schema) -> Result<std::unique_ptr<Writer>> {
    if (!schema.fields.empty()) prepared.write.schema = std::make_shared<Schema>(schema);
    return prepared.sink->Open(prepared.write);
  };
  std::unique_ptr<Writer> writer;
  if (!prepared.write.schema->fields.empty()) {
    PhaseMeter::Section section(load_);
    NILUS_ASSIGN(writer, open_writer(*prepared.write.schema));
  }
  NILUS_FAULT_POINT("engine.after_open");

  phase_ = "extract";
  progress_->SetPhase(RunPhase::kMoving);
  TableProgress& progress = progress_->AddTable(job_->table.ToString());
  progress.splits = static_cast<int>(prepared.plan.splits.size());
  progress.estimated_rows = prepared.plan.table.estimated_rows.value_or(-1);
  Mover mover(MoveRequest{.source = prepared.source.get(),
                          .splits = &prepared.plan.splits,
                          .readers = ReaderCount(*job_, prepared),
                          .queue_bytes = job_->memory.queue_bytes,
                          .masking = prepared.masking,
                          .shape = prepared.shape.get(),
                          .incremental = prepared.incremental.get(),
                          .row_limit = job_->row_limit,
                          .page_limit = job_->page_limit,
                          .writer = std::move(writer),
                          .open_writer = open_writer,
                          .progress = &progress,
                          .extract = &extract_,
                          .normalize = &normalize_,
                          .load = &load_,
                          .stop = stop});
  mover.Run();
  writer = mover.TakeWriter();
  ReportMove(mover, prepared.incremental.get());
  if (mover.failure() && !options_->stop.stop_requested()) {
    phase_ = mover.failure()->phase;
    Error error = mover.failure()->error;
    if (error.message == "memory ran out" && error.fix.empty())
      error.fix = "raise resources.limits.memory, or lower page_size";
    return Failure(std::move(error));
  }
  if (options_->stop.stop_requested())
    return Fail(ErrorKind::kCancelled, "stopped before the commit; nothing was changed");
  if (prepared.plan.table.schema.fields.empty() && mover.rows_out() > 0) {  // only the rows could tell
    phase_ = "normalize";
    NILUS_TRY(prepared.masking->CheckAllFound(mover.columns_seen()));
  }
  // A source that was read to its end has let go of its snapshot; one that was cut off holds it, and its locks could be
  // what the commit waits for when it replaces the table that was read.
  if (mover.was_cut()) prepared.source.reset();
  NILUS_FAULT_POINT("engine.after_read");

  phase_ = "load";
  progress_->SetPhase(RunPhase::kFinishing);
  bool makes_anew = job_->strategy == WriteStrategy::kReplace || job_->full_refresh;
  if (writer == nullptr && makes_anew) {  // no row told the schema: a table that is there loses its rows all the same
    NILUS_ASSIGN(std::optional<Schema> there, prepared.sink->Describe(job_->table));
    if (there && !there->fields.empty()) {
      NILUS_ASSIGN(writer, open_writer(*there));
    }
  }
  CommitRequest commit{.pipeline = job_->pipeline,
                       .load_id = load_id_,
                       .expected_version = prepared.state ? prepared.state->version : 0,
                       .position = {},
                       .interval = std::nullopt};
  std::vector<std::string> warnings;
  Checkpoint next;
  next.source = prepared.plan.end;
  if (mover.was_cut() && !prepared.plan.end.empty()) {  // that position stands behind rows that were not read
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
    if (job_->strategy == WriteStrategy::kDeleteInsert) {
      commit.interval = prepared.incremental->ReplacedInterval(prepared.write.incremental_key);
    }
  }
  next.table = TableInCheckpoint(*job_);
  NILUS_ASSIGN(next.masks, MaskRecordsOf(*prepared.masking));
  next.has_table = writer != nullptr || (prepared.committed.has_table && !makes_anew);
  if (prepared.incremental == nullptr && job_->strategy != WriteStrategy::kReplace) {
    next.loaded = prepared.committed.loaded;
    std::optional<LoadedRange> interval = QueryInterval(*job_);
    if (interval && mover.rows_in() > 0) AddLoaded(&next.loaded, *std::move(interval), std::nullopt);
  }
  for (std::string& warning : warnings) Warn(std::move(warning));
  NILUS_ASSIGN(commit.position, ToPosition(next));
  if (writer != nullptr) {
    PhaseMeter::Section section(load_);
    NILUS_ASSIGN(Receipt receipt, writer->Finish());
    load_.SetFiles(receipt.files, receipt.bytes);
    report_->tables.back().files = receipt.files;
    if (receipt.bytes > 0) report_->tables.back().bytes = receipt.bytes;
    ReportVariants(receipt.misfits);
  }
  NILUS_FAULT_POINT("engine.after_finish");

  phase_ = "commit";
  progress_->SetPhase(RunPhase::kCommitting);
  {
    PhaseMeter::Section section(load_);
    NILUS_TRY(Commit(*prepared.sink, commit));
  }
  report_->position = commit.position.json;
  report_->cursor_after = next.cursor ? next.cursor->value.text : std::string();
  ReportSchema(prepared);
  progress.done = true;
  if (prepared.source == nullptr) return {};
  if (Status heard = prepared.source->Acknowledge(next.source); !heard) {
    Warn(fmt::format("the load is committed, but the source could not be told: {}", heard.error().message));
  }
  return {};
}

Status Attempt::Commit(Sink& sink, const CommitRequest& request) {
  commit_was_sent_ = true;
  Result<CommitResult> committed = sink.Commit(request);
  Status status;
  if (committed) {
    TableReport& table = report_->tables.back();
    table.rows_inserted = committed->rows_inserted;
    table.rows_updated = committed->rows_updated;
    table.rows_deleted = committed->rows_deleted;
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

void Attempt::ReportMove(const Mover& mover, const Incremental* incremental) {
  TableReport table{.name = job_->table.ToString(),
                    .source = job_->source_table,
                    .rows_in = mover.rows_in(),
                    .rows_out = mover.rows_out(),
                    .bytes = load_.Report().bytes};
  if (incremental != nullptr) {
    table.boundary_rows_dropped = incremental->boundary_rows_dropped();
    table.null_keys_dropped = incremental->null_keys_dropped();
  }
  report_->tables.push_back(std::move(table));
  ReportVariants(mover.variant_values());
}

void Attempt::ReportVariants(const std::map<std::string, int64_t>& values_by_column) {
  TableReport& table = report_->tables.back();
  for (const auto& [column, values] : values_by_column) {
    if (values == 0) continue;
    auto there = std::find_if(table.variants.begin(), table.variants.end(),
                              [&](const VariantCount& variant) { return variant.column == column; });
    if (there == table.variants.end())
      there = table.variants.insert(there, VariantCount{.column = column, .values = 0});
    there->values += values;
    Warn(fmt::format("{}: {} values of `{}` do not fit its type and are kept as text in `{}`", table.name, values,
                     column, FitToLimit(VariantName(column, "text"), job_->identifier_limit)));
  }
}

// What the load changed about the table, as far as the engine can see.
void Attempt::ReportSchema(const Preparation& prepared) {
  if (job_->strategy == WriteStrategy::kReplace || job_->full_refresh) return;  // made anew
  if (prepared.shape->schema().fields.empty()) return;                          // nothing came, and nothing was made
  std::string table = job_->table.ToString();
  std::vector<SchemaChange>& changes = report_->schema_changes;
  if (!prepared.destination) {
    changes.push_back(SchemaChange{.table = table, .column = "", .change = "table created", .before = "", .after = ""});
    return;
  }
  for (const Field& field : prepared.shape->schema().fields) {
    if (prepared.destination->Find(field.name)) continue;
    changes.push_back(SchemaChange{
        .table = table, .column = field.name, .change = "column added", .before = "", .after = field.type.ToString()});
  }
}

}  // namespace nilus
