// `nilus state`: the committed position, shown, set and forgotten. Changes go through Sink::Commit like any load's, so
// a run at the same time gets a conflict rather than a surprise.
#include "nilus/engine/checkpoint.h"
#include "nilus/engine/incremental.h"
#include "nilus/engine/job.h"

namespace nilus {
namespace {

Result<StateReport> Show(const BatchJob& job, Sink& sink) {
  StateReport report{
      .pipeline = job.pipeline.value, .destination = job.sink_display, .state_schema = job.pipeline.state_schema};
  NILUS_ASSIGN(std::optional<CommittedState> state, sink.Committed(job.pipeline));
  if (!state) return report;
  report.exists = true;
  report.version = state->version;
  report.load_id = state->load_id;
  report.position = state->position.json;
  // A position that cannot be read is shown as it is: `state set` and `reset` are the way out.
  if (Result<Checkpoint> checkpoint = ParseCheckpoint(state->position)) {
    if (!checkpoint->sealed.empty()) {
      report.cursor_column = job.incremental_key;
      report.cursor = kMaskedKeyShown;
    } else if (checkpoint->cursor) {
      report.cursor_column = checkpoint->cursor->column;
      report.cursor = checkpoint->cursor->value.text;
    }
    if (checkpoint->boundary) report.boundary_rows = checkpoint->boundary->size();
  }
  return report;
}

Result<StateReport> CommitPosition(const BatchJob& job, Sink& sink, Position position) {
  NILUS_ASSIGN(std::optional<CommittedState> state, sink.Committed(job.pipeline));
  NILUS_TRY(sink.Commit(CommitRequest{.pipeline = job.pipeline,
                                      .load_id = NewId(),
                                      .expected_version = state ? state->version : 0,
                                      .position = std::move(position),
                                      .interval = std::nullopt}));
  return Show(job, sink);
}

Result<Position> Written(const BatchJob& job, Checkpoint checkpoint) {
  if (MasksIncrementalKey(job) && checkpoint.sealed.empty())
    NILUS_TRY(SealCursor(CursorSeal(job.cursor_secret, job.pipeline.value), &checkpoint));
  return ToPosition(checkpoint);
}

// A bare value of the incremental key: rows at it will be loaded, so the boundary is known to be empty.
Result<Position> PositionAt(const BatchJob& job, const RunOptions& options, Sink& sink, std::string_view value) {
  if (job.incremental_key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "give the JSON that `nilus state show` prints",
                       "`{}` could only be a value of the incremental_key, and this pipeline has none", value);
  }
  NILUS_ASSIGN(std::unique_ptr<Source> source, job.open_source(options.stop));
  NILUS_ASSIGN(TableDescription table,
               source->Describe(ReadRequest{
                   .table = job.source_table, .exclude_columns = job.exclude_columns, .reflection = job.reflection}));
  NILUS_ASSIGN(const Field* field, FindSourceField(table.schema, job, job.incremental_key, "incremental_key"));
  NILUS_ASSIGN(Column parsed, ParseKey(Scalar{field->type, std::string(value)}, field->type));
  Checkpoint checkpoint{.table = TableInCheckpoint(job)};
  NILUS_ASSIGN(std::optional<CommittedState> state, sink.Committed(job.pipeline));
  if (state) {
    if (Result<Checkpoint> before = ParseCheckpoint(state->position)) {
      checkpoint.source = std::move(before->source);
      checkpoint.masks = std::move(before->masks);
      checkpoint.nulls = std::move(before->nulls);  // rows without a key stand before no cursor: they stay loaded
      checkpoint.children = std::move(before->children);
      checkpoint.columns = std::move(before->columns);
    }
  }
  checkpoint.cursor = Cursor{.column = field->name, .value = ScalarAt(parsed, 0), .until = std::nullopt};
  checkpoint.boundary = RowSet{};
  return Written(job, std::move(checkpoint));
}

}  // namespace

Result<StateReport> ShowJobState(const BatchJob& job, const RunOptions& options) {
  NILUS_ASSIGN(std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  return Show(job, *sink);
}

Result<StateReport> SetJobState(const BatchJob& job, const RunOptions& options, std::string_view text) {
  NILUS_ASSIGN(std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  Position position{std::string(text)};
  if (text.starts_with('{')) {
    Result<Checkpoint> checkpoint = ParseCheckpoint(position);
    if (!checkpoint) {
      return FailWithFix(ErrorKind::kInvalidInput,
                         "give the JSON that `nilus state show` prints, or a bare value of the incremental_key", "{}",
                         checkpoint.error().message);
    }
    NILUS_ASSIGN(position, Written(job, *std::move(checkpoint)));
    return CommitPosition(job, *sink, std::move(position));
  }
  NILUS_ASSIGN(position, PositionAt(job, options, *sink, text));
  return CommitPosition(job, *sink, std::move(position));
}

Result<StateReport> ResetJobState(const BatchJob& job, const RunOptions& options) {
  NILUS_ASSIGN(std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  NILUS_ASSIGN(std::optional<CommittedState> state, sink->Committed(job.pipeline));
  Position position;
  if (state) {
    // What is forgotten is how far the source was read. Child tables are the destination's: their rows have to go with
    // those that are replaced, also when a load has none for them. So are the columns that loads have brought.
    Result<Checkpoint> before = ParseCheckpoint(state->position);
    if (before && (!before->children.empty() || !before->columns.empty())) {
      NILUS_ASSIGN(position, ToPosition(Checkpoint{.children = std::move(before->children),
                                                   .columns = std::move(before->columns)}));
    }
  }
  return CommitPosition(job, *sink, std::move(position));
}

Result<StateReport> ShowState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  NILUS_ASSIGN(BatchJob job, MakeBatchJob(pipeline, registry, options));
  return ShowJobState(job, options);
}

Result<StateReport> SetState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options,
                             std::string_view text) {
  NILUS_ASSIGN(BatchJob job, MakeBatchJob(pipeline, registry, options));
  return SetJobState(job, options, text);
}

Result<StateReport> ResetState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  NILUS_ASSIGN(BatchJob job, MakeBatchJob(pipeline, registry, options));
  return ResetJobState(job, options);
}

}  // namespace nilus
