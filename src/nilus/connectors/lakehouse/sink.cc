#include "nilus/connectors/lakehouse/sink.h"

#include <algorithm>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/base/retry.h"
#include "nilus/connector/sql_state.h"
#include "nilus/connectors/lakehouse/place.h"
#include "nilus/connectors/lakehouse/state.h"
#include "nilus/connectors/lakehouse/table_load.h"

namespace nilus::lakehouse {
namespace {

// Another writer's commit in between makes merge, delete+insert and scd2 look the keys up again.
RetryPolicy LookAgain() {
  return {.max_attempts = 40,
          .first_delay = std::chrono::milliseconds{20},
          .max_delay = std::chrono::milliseconds{2'000},
          .total_budget = std::chrono::minutes{10}};
}

class LakehouseWriter final : public Writer {
 public:
  explicit LakehouseWriter(std::shared_ptr<TableLoad> load) : load_(std::move(load)) {}
  Status Write(RecordBatch batch) override { return load_->Write(batch); }
  Result<Receipt> Finish() override { return load_->Finish(); }

 private:
  std::shared_ptr<TableLoad> load_;
};

class LakehouseSink final : public Sink {
 public:
  LakehouseSink(std::shared_ptr<const Session> session, std::stop_token stop)
      : session_(std::move(session)), states_(session_->catalog), stop_(std::move(stop)) {}

  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    NILUS_FAULT_POINT("lakehouse.sink.committed");
    NILUS_ASSIGN(std::optional<FoundState> found, states_.Find(pipeline, stop_));
    if (!found) return std::nullopt;
    return CommittedState{.version = found->state.version,
                          .load_id = found->state.load_id,
                          .position = Position{found->state.position_json}};
  }

  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
    return states_.HasLoad(pipeline, load_id, {});
  }

  Result<std::optional<Schema>> Describe(const TableName& table) override {
    NILUS_ASSIGN(std::optional<lake::TablePtr> found, session_->catalog->Load(IdentifierOf(table), stop_));
    if (!found) return std::nullopt;
    return lake::ToNilusSchema((*found)->metadata.schema());
  }

  Result<std::vector<std::string>> Explain(const WriteRequest& request) override;
  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override;
  Result<CommitResult> Commit(const CommitRequest& request) override;
  Result<std::vector<CheckItem>> Check() override;

 private:
  void Abandon() {
    loads_.clear();
    load_id_.clear();
  }
  Result<CommitResult> TryCommit(const CommitRequest& request);
  Result<CommitResult> CommitPosition(const CommitRequest& request, const std::optional<FoundState>& found);
  Status CommitTable(TableLoad* load, const CommitRequest& request, bool is_main, CommitResult* counts);
  Result<bool> TryCommitTable(TableLoad* load, const CommitRequest& request, bool is_main, CommitResult* counts);
  TableLoad* MainOf(const PipelineId& pipeline);

  const std::shared_ptr<const Session> session_;
  const StateFinder states_;
  const std::stop_token stop_;
  std::string load_id_;
  std::vector<std::shared_ptr<TableLoad>> loads_;  // of the load under way, in order of opening
};

Result<std::vector<std::string>> LakehouseSink::Explain(const WriteRequest& request) {
  NILUS_TRY(CheckRequest(request));
  NILUS_ASSIGN(std::optional<lake::TablePtr> found, session_->catalog->Load(IdentifierOf(request.table), stop_));
  NILUS_ASSIGN(Target target, PlanTarget(found ? &(*found)->metadata : nullptr, request, *request.schema));
  const std::string table = request.table.ToString();
  std::vector<std::string> steps;
  if (!found) {
    steps.push_back(fmt::format("create table {} (format version {}) in the {}", table, session_->format_version,
                                session_->catalog->description()));
  } else if (!target.schema.SameColumns((*found)->metadata.schema())) {
    steps.push_back(fmt::format("change the columns of table {}", table));
  }
  for (const lake::SpecField& field : target.spec.fields)
    steps.push_back(fmt::format("partition {} by {} ({})", table, field.name, field.transform.ToString()));
  if (!target.sort_by.empty())
    steps.push_back(fmt::format("sort the rows of each file of {} by {}", table, fmt::join(target.sort_by, ", ")));
  steps.push_back(fmt::format("write Parquet files of at most {} rows to {}", request.file_rows, table));
  if (found && !MakesAnew(request) && request.strategy != WriteStrategy::kAppend)
    steps.push_back(fmt::format("find the rows of {} that change, and write {} for them", table,
                                (*found)->metadata.format_version >= 3 ? "deletion vectors" : "position deletes"));
  steps.push_back(fmt::format("commit one snapshot of {} ({}), with the pipeline's position", table,
                              WriteStrategyName(request.strategy)));
  return steps;
}

Result<std::unique_ptr<Writer>> LakehouseSink::Open(const WriteRequest& request) {
  if (request.root != nullptr && request.strategy != WriteStrategy::kReplace &&
      request.strategy != WriteStrategy::kAppend) {
    return FailWithFix(ErrorKind::kUnsupported, "use replace or append, or leave max_table_nesting at 0",
                       "child tables cannot be loaded into a lakehouse with strategy {} yet",
                       WriteStrategyName(request.strategy));
  }
  if (load_id_ != request.load_id) Abandon();  // the engine gave that one up
  for (const std::shared_ptr<TableLoad>& load : loads_) {
    if (load->request().table == request.table)
      return Fail(ErrorKind::kInternal, "table {} is opened twice in one load", request.table.ToString());
  }
  NILUS_ASSIGN(std::shared_ptr<TableLoad> load, TableLoad::Open(session_, request));
  load_id_ = request.load_id;
  loads_.push_back(load);
  return std::make_unique<LakehouseWriter>(std::move(load));
}

// The table whose snapshot holds the position.
TableLoad* LakehouseSink::MainOf(const PipelineId& pipeline) {
  const std::optional<lake::TableIdentifier> named = StateFinder::NamedTable(pipeline);
  for (const std::shared_ptr<TableLoad>& load : loads_) {
    if (named && IdentifierOf(load->request().table) == *named) return load.get();
  }
  return loads_.front().get();
}

// One attempt; false: another writer was faster, and it may be tried again.
Result<bool> LakehouseSink::TryCommitTable(TableLoad* load, const CommitRequest& request, bool is_main,
                                           CommitResult* counts) {
  const lake::TableIdentifier identifier = IdentifierOf(load->request().table);
  NILUS_ASSIGN(std::optional<lake::TablePtr> found, session_->catalog->Load(identifier, load->request().stop));
  const lake::TablePtr base = found ? *found : nullptr;
  StateChange change{.pipeline = request.pipeline.value,
                     .state = {.version = request.expected_version + 1,
                               .load_id = request.load_id,
                               .position_json = is_main ? request.position.json : std::string()}};
  std::string undo;
  if (base != nullptr) {
    NILUS_ASSIGN(bool is_there, lake::HasLoad(base->metadata, request.pipeline.value, request.load_id));
    if (is_there) {  // a child of a load whose main table's commit is being made again
      return true;
    }
    NILUS_ASSIGN(std::optional<lake::PipelineState> here,
                 lake::FindPipelineState(base->metadata, request.pipeline.value));
    if (here) change.expected_version = here->version;
    if (here && here->version > request.expected_version) {
      if (is_main) return Failure(StateConflict(request.pipeline, request.expected_version, here->version));
      undo = here->load_id;
    }
  }
  CommitResult attempt;
  NILUS_ASSIGN(lake::Transaction transaction, load->Prepare(base, request.interval, change, undo, &attempt));
  NILUS_FAULT_POINT("lakehouse.sink.before_commit");
  Result<lake::CommitOutcome> outcome = transaction.Commit(load->request().stop);
  if (!outcome) {
    if (outcome.error().kind == ErrorKind::kUnknownOutcome) load->MarkCommitted();  // its files may be a table's now
    if (outcome.error().kind == ErrorKind::kConflict) return false;
    return Failure(InContext("committing to " + identifier.ToString(), std::move(outcome).error()));
  }
  load->MarkCommitted();
  NILUS_FAULT_ACK("lakehouse.sink.committed_table");
  counts->rows_inserted += attempt.rows_inserted;
  counts->rows_updated += attempt.rows_updated;
  counts->rows_deleted += attempt.rows_deleted;
  return true;
}

Status LakehouseSink::CommitTable(TableLoad* load, const CommitRequest& request, bool is_main, CommitResult* counts) {
  Retry retry(LookAgain());
  for (;;) {
    NILUS_ASSIGN(bool is_done, TryCommitTable(load, request, is_main, counts));
    if (is_done) return {};
    const std::optional<std::chrono::milliseconds> delay = retry.NextDelay();
    if (!delay) {
      return FailWithFix(ErrorKind::kConflict, "run again, or let fewer writers commit to the table at once",
                         "table {} was changed by others at each of {} attempts to commit",
                         load->request().table.ToString(), retry.attempts());
    }
    if (!SleepUnlessStopped(*delay, load->request().stop)) return Fail(ErrorKind::kCancelled, "stopped");
  }
}

// `nilus state set`, or a load without tables.
Result<CommitResult> LakehouseSink::CommitPosition(const CommitRequest& request,
                                                   const std::optional<FoundState>& found) {
  const lake::PipelineState state{
      .version = request.expected_version + 1, .load_id = request.load_id, .position_json = request.position.json};
  lake::TablePtr home = found ? found->home : nullptr;
  if (std::optional<lake::TableIdentifier> named = StateFinder::NamedTable(request.pipeline);
      home == nullptr && named) {
    NILUS_ASSIGN(std::optional<lake::TablePtr> table, session_->catalog->Load(*named, stop_));
    if (table) home = *table;
  }
  auto begin = [&]() -> Result<lake::Transaction> {
    if (home != nullptr) return lake::Transaction(home);
    return states_.ChangeStateTable(request.pipeline, stop_);
  };
  NILUS_ASSIGN(lake::Transaction transaction, begin());
  transaction.ForceSnapshot();
  transaction.SetPipelineState(request.pipeline.value, state, found ? found->state.version : 0);
  NILUS_TRY(transaction.Commit(stop_));
  NILUS_FAULT_ACK("lakehouse.sink.committed_position");
  return CommitResult{.version = state.version};
}

Result<CommitResult> LakehouseSink::TryCommit(const CommitRequest& request) {
  if (!loads_.empty() && load_id_ != request.load_id) Abandon();
  NILUS_ASSIGN(bool is_there, states_.HasLoad(request.pipeline, request.load_id, stop_));
  NILUS_ASSIGN(std::optional<FoundState> found, states_.Find(request.pipeline, stop_));
  const int64_t version = found ? found->state.version : 0;
  if (is_there) return CommitResult{.version = version};
  if (version != request.expected_version)
    return Failure(StateConflict(request.pipeline, request.expected_version, version));
  for (const std::shared_ptr<TableLoad>& load : loads_) {
    if (!load->is_finished())
      return Fail(ErrorKind::kInternal, "the load of {} was committed before its end",
                  load->request().table.ToString());
    if (load->request().stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  }
  if (loads_.empty()) return CommitPosition(request, found);

  CommitResult result{.version = request.expected_version + 1};
  TableLoad* main = MainOf(request.pipeline);
  const lake::TableIdentifier home = IdentifierOf(main->request().table);
  if (home != StateFinder::NamedTable(request.pipeline)) NILUS_TRY(states_.NoteHome(request.pipeline, home, stop_));
  // The main table last: its snapshot has the position, so the load took place when it is there.
  for (const std::shared_ptr<TableLoad>& load : loads_) {
    if (load.get() == main) continue;
    CommitResult counts;
    NILUS_TRY(CommitTable(load.get(), request, false, &counts));
    result.Add(load->request().table, counts);
  }
  CommitResult counts;
  NILUS_TRY(CommitTable(main, request, true, &counts));
  result.Add(main->request().table, counts);
  return result;
}

Result<CommitResult> LakehouseSink::Commit(const CommitRequest& request) {
  Result<CommitResult> result = TryCommit(request);
  Abandon();
  return result;
}

Result<std::vector<CheckItem>> LakehouseSink::Check() {
  Result<std::vector<std::string>> schemas = session_->catalog->ListSchemas(stop_);
  if (!schemas && schemas.error().kind == ErrorKind::kCancelled) return Failure(std::move(schemas).error());
  return std::vector<CheckItem>{
      {.what = "catalog",
       .ok = schemas.has_value(),
       .detail = schemas ? fmt::format("{}: {} schemas", session_->catalog->description(), schemas->size())
                         : schemas.error().ToString()}};
}

}  // namespace

Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext& context) {
  NILUS_ASSIGN(std::shared_ptr<const Session> session, OpenSession(address, context));
  return std::make_unique<LakehouseSink>(std::move(session), context.stop);
}

}  // namespace nilus::lakehouse
