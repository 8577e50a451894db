#include "nilus/connectors/lakehouse/sink.h"

#include <algorithm>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/connector/sql_state.h"
#include "nilus/connectors/lakehouse/commit_tables.h"
#include "nilus/connectors/lakehouse/place.h"
#include "nilus/connectors/lakehouse/state.h"
#include "nilus/connectors/lakehouse/table_load.h"
#include "nilus/connectors/lakehouse/table_upkeep.h"
#include "nilus/data/widening.h"

namespace nilus::lakehouse {
namespace {

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

  // Iceberg's own promotions: no file is written anew. A date stays one: its partitions would mean something else.
  Result<bool> CanWiden(const TableName& table, const Field& to) override {
    NILUS_ASSIGN(std::optional<lake::TablePtr> found, session_->catalog->Load(IdentifierOf(table), stop_));
    if (!found) return false;
    const lake::TableMetadata& metadata = (*found)->metadata;
    const lake::IcebergField* field = metadata.schema().FindByName(to.name);
    return field != nullptr && IsWidening(lake::ToNilusType(*field), to.type) &&
           lake::CanPromote(field->type, lake::ToIcebergType(to.type), metadata.format_version);
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
  TableLoad* MainOf(const PipelineId& pipeline);
  Status CheckReplay(const WriteRequest& request) const;

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

// A replay takes its letters away in the same step that brings their rows, or a crash in between would lose them.
Status LakehouseSink::CheckReplay(const WriteRequest& request) const {
  if (!request.keeps_newer || request.is_changes) return {};
  if (!session_->catalog->has_multi_table_commit()) {
    return FailWithFix(ErrorKind::kUnsupported, "mend the rows at the source and load them again, or use a SQL catalog",
                       "dead letters of {} cannot be replayed: the {} commits one table at a time",
                       request.table.ToString(), session_->catalog->description());
  }
  return {};
}

Result<std::unique_ptr<Writer>> LakehouseSink::Open(const WriteRequest& request) {
  NILUS_TRY(CheckReplay(request));
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
  for (const std::shared_ptr<TableLoad>& load : loads_) {
    if (load->request().root == nullptr) return load.get();
  }
  return loads_.front().get();
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
  for (const std::shared_ptr<TableLoad>& child : loads_) {
    for (const std::shared_ptr<TableLoad>& root : loads_) {
      if (child->request().root != nullptr && child->request().root->table == root->request().table)
        child->SetRoot(root.get());
    }
  }
  std::vector<TableLoad*> loads;
  for (const std::shared_ptr<TableLoad>& load : loads_) loads.push_back(load.get());
  NILUS_ASSIGN(const std::vector<lake::TablePtr> tables, CommitTables(*session_, loads, main, request, &result));
  for (const lake::TablePtr& table : tables) KeepUp(*session_, table, main->request().stop);
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
