// Committing a transaction: attempts, their checks, and unknown outcomes.
#include <algorithm>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/lake/conflict_check.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/lake/snapshot_summary.h"
#include "nilus/lake/transaction_state.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

int64_t NowMs() { return std::chrono::floor<std::chrono::milliseconds>(Now()).time_since_epoch().count(); }

std::optional<int64_t> RefSnapshot(const TableMetadata& metadata, const std::string& ref) {
  const auto found = metadata.refs.find(ref);
  return found == metadata.refs.end() ? std::nullopt : std::optional(found->second.snapshot_id);
}

// The branch's end; a branch that is not there yet begins at main's.
SnapshotPtr BranchEnd(const TableMetadata& metadata, const std::string& branch) {
  SnapshotPtr end = metadata.SnapshotOf(branch);
  return end != nullptr ? end : metadata.current_snapshot();
}

}  // namespace

Status Transaction::State::CheckRequirements(const TableMetadata* current,
                                             std::vector<TableRequirement>* requirements) const {
  if (base == nullptr) {
    requirements->emplace_back(AssertCreate{});
  } else {
    const TableMetadata& old = base->metadata;
    requirements->emplace_back(AssertUuid{old.uuid});
    if (requires_schema) {
      requirements->emplace_back(AssertCurrentSchema{old.current_schema_id});
      requirements->emplace_back(AssertLastColumnId{old.last_column_id});
    }
    if (requires_spec) {
      requirements->emplace_back(AssertDefaultSpec{old.default_spec_id});
      requirements->emplace_back(AssertLastPartitionId{old.last_partition_id});
    }
    if (requires_sort_order) requirements->emplace_back(AssertDefaultSortOrder{old.default_sort_order_id});
    for (const std::string& ref : requires_refs) {
      requirements->emplace_back(AssertRefSnapshot{ref, RefSnapshot(old, ref)});
    }
  }
  for (const TableRequirement& requirement : *requirements) NILUS_TRY(CheckRequirement(requirement, current));
  return {};
}

Result<bool> Transaction::State::CheckPipeline(const TableMetadata& current) const {
  if (!pipeline) return false;
  NILUS_ASSIGN(const bool is_there, HasLoad(current, pipeline->pipeline, pipeline->state.load_id, branch));
  if (is_there) return true;
  NILUS_ASSIGN(const auto found, FindPipelineState(current, pipeline->pipeline, branch));
  const int64_t version = found ? found->version : 0;
  if (version != pipeline->expected_version) {
    return Fail(ErrorKind::kConflict,
                "another run of pipeline {} has committed to {}: version {} where {} was expected", pipeline->pipeline,
                identifier.ToString(), version, pipeline->expected_version);
  }
  return false;
}

bool Transaction::State::IsIn(const TableMetadata& metadata) const {
  if (makes_snapshot()) return metadata.FindSnapshot(snapshot_id) != nullptr;
  // Changes without a snapshot can be made twice: they are in when making them again changes nothing.
  if (base != nullptr && metadata.uuid != base->metadata.uuid) return false;
  TableMetadata again = metadata;
  for (const TableUpdate& update : updates) {
    if (!ApplyUpdate(update, again.last_updated_ms, &again)) return false;
  }
  return MetadataToJson(again) == MetadataToJson(metadata);
}

Status Transaction::State::AddSnapshotTo(const TablePtr& table, TableCommit* commit, const std::stop_token& stop) {
  TableMetadata& result = commit->result;
  if (result.format_version < 2) {
    return FailWithFix(ErrorKind::kUnsupported, "upgrade the table to format version 2 with the engine that made it",
                       "table {} has format version 1, which is read but not written", identifier.ToString());
  }
  const SnapshotPtr parent = BranchEnd(result, branch);
  if (table != nullptr) {
    const SnapshotPtr base_end = BranchEnd(base->metadata, branch);
    NILUS_TRY(CheckConflicts(*table, base_end == nullptr ? std::nullopt : std::optional(base_end->id), parent, changes,
                             isolation, stop));
  }
  Table writing;
  writing.identifier = identifier;
  writing.metadata = result;
  writing.store = store;
  const int64_t sequence_number = result.last_sequence_number + 1;
  NILUS_ASSIGN(const BuiltSnapshot built, builder.Build(writing, parent, changes, sequence_number, stop));

  auto snapshot = std::make_shared<Snapshot>();
  snapshot->id = snapshot_id;
  if (parent != nullptr) snapshot->parent_id = parent->id;
  snapshot->sequence_number = sequence_number;
  // Time only goes forward in a table's history, whatever the clocks of its writers do: readers check that.
  snapshot->timestamp_ms = std::max(NowMs(), result.last_updated_ms);
  snapshot->manifest_list = built.manifest_list;
  snapshot->schema_id = result.current_schema_id;
  snapshot->first_row_id = built.first_row_id;
  snapshot->added_rows = built.added_rows;
  snapshot->summary = MakeSummary(OperationOf(built.counts, is_rewrite), built.counts, parent.get());
  if (parent != nullptr) CarryStates(parent->summary, &snapshot->summary);
  for (const auto& [name, value] : summary) snapshot->summary[name] = value;
  snapshot->summary["nilus.commit-id"] = commit_id;
  if (pipeline) PutStateInSummary(pipeline->pipeline, pipeline->state, &snapshot->summary);
  snapshot->json = SnapshotToJson(*snapshot);

  SnapshotRef ref;
  if (const auto known = result.refs.find(branch); known != result.refs.end()) ref = known->second;
  if (ref.is_tag) return Fail(ErrorKind::kInvalidInput, "{} is a tag, and no branch", branch);
  ref.snapshot_id = snapshot_id;
  if (table != nullptr) {
    commit->requirements.emplace_back(AssertRefSnapshot{branch, RefSnapshot(table->metadata, branch)});
  }
  const int64_t timestamp_ms = snapshot->timestamp_ms;
  std::vector<TableUpdate> added;
  added.emplace_back(AddSnapshot{std::move(snapshot)});
  added.emplace_back(SetSnapshotRef{branch, ref});
  if (pipeline) {
    added.emplace_back(
        lake::SetProperties{{{StateKey(pipeline->pipeline, branch), StateProperty(pipeline->state, snapshot_id)}}});
  }
  for (TableUpdate& update : added) {
    NILUS_TRY(ApplyUpdate(update, timestamp_ms, &result));
    commit->updates.push_back(std::move(update));
  }
  return {};
}

// What was found committed may have been written by a call that failed before it was durable.
static Status MakeDurable(const Table& table, const std::stop_token& stop) {
  const Result<std::string> key = table.store->KeyOf(table.metadata_location);
  if (!key) return {};  // a server keeps it elsewhere
  Status durable = table.store->MakeDurable(*key, stop);
  if (!durable && durable.error().kind == ErrorKind::kNotFound) return {};  // others have committed since
  return durable;
}

Result<std::optional<TableCommit>> Transaction::State::Prepare(const TablePtr& table, CommitOutcome* done,
                                                               const std::stop_token& stop) {
  if (table != nullptr) {
    const bool is_in = outcome_unknown && IsIn(table->metadata);
    bool is_loaded = false;
    if (!is_in && base != nullptr) {
      NILUS_ASSIGN(is_loaded, CheckPipeline(table->metadata));
    }
    if (is_in || is_loaded) {
      NILUS_TRY(MakeDurable(*table, stop));
      done->table = table;
      if (is_in && makes_snapshot()) done->snapshot_id = snapshot_id;
      return std::optional<TableCommit>();
    }
  }
  TableCommit commit;
  commit.identifier = identifier;
  commit.base = table;
  NILUS_TRY(CheckRequirements(table == nullptr ? nullptr : &table->metadata, &commit.requirements));
  if (table == nullptr) {
    commit.updates = UpdatesOfNewTable(working);
    commit.result = working;
  } else {
    commit.result = table->metadata;
    const int64_t now = std::max(NowMs(), commit.result.last_updated_ms);
    for (const TableUpdate& update : updates) {
      NILUS_TRY(ApplyUpdate(update, now, &commit.result));
      commit.updates.push_back(update);
    }
  }
  if (makes_snapshot()) NILUS_TRY(AddSnapshotTo(table, &commit, stop));
  commit.result.last_updated_ms = std::max(NowMs(), commit.result.last_updated_ms);
  return std::optional(std::move(commit));
}

void Transaction::State::RemoveLost(const TablePtr& table, bool is_done, const std::stop_token& stop) {
  if (outcome_unknown || table == nullptr) return;
  const auto& snapshots = table->metadata.snapshots;
  const std::vector<std::string> lost = is_done ? builder.TakeUnused() : builder.TakeAll();
  const bool is_named = std::any_of(snapshots.begin(), snapshots.end(), [&](const SnapshotPtr& snapshot) {
    return std::find(lost.begin(), lost.end(), snapshot->manifest_list) != lost.end();
  });
  if (!is_named) DeleteOldMetadata(*store, lost, stop);
}

namespace {

// What an attempt's failure means for the next one.
enum class Next { kGiveUp, kRetry };

Next AfterFailure(const Error& error, bool* outcome_unknown) {
  if (error.kind == ErrorKind::kUnknownOutcome) {
    *outcome_unknown = true;
    return Next::kRetry;
  }
  // kTransient: nothing was done.
  const bool again = error.kind == ErrorKind::kConflict || error.kind == ErrorKind::kTransient;
  return again ? Next::kRetry : Next::kGiveUp;
}

Failure Spent(Error error, bool outcome_unknown, const TableIdentifier& table) {
  if (!outcome_unknown) return Failure(std::move(error));
  return Fail(ErrorKind::kUnknownOutcome, "whether the commit to {} was done is not known: {}", table.ToString(),
              error.message);
}

}  // namespace

// One attempt's commit: a conflict or an unknown outcome here is worth another attempt, while failures of Prepare are
// final.
static Result<TablePtr> CommitOnce(Catalog& catalog, const TableCommit& commit, const std::stop_token& stop) {
  NILUS_FAULT_POINT("lake.commit");
  NILUS_ASSIGN(TablePtr table, catalog.Commit(commit, stop));
  NILUS_FAULT_ACK("lake.commit");
  return table;
}

// The table as it is before another attempt: nothing is decided before it could be read again. `problem`: why there is
// another one; what this one fails for.
static Result<TablePtr> LoadAgain(Catalog& catalog, const TableIdentifier& identifier, bool outcome_unknown,
                                  Error problem, Retry* retry, const std::stop_token& stop) {
  for (;;) {
    const auto delay = retry->NextDelay();
    if (!delay) return Spent(std::move(problem), outcome_unknown, identifier);
    if (!SleepUnlessStopped(*delay, stop)) {
      return Spent(Error{ErrorKind::kCancelled, "the commit was stopped", {}}, outcome_unknown, identifier);
    }
    Result<std::optional<TablePtr>> latest = catalog.Load(identifier, stop);
    if (latest) return latest->value_or(nullptr);
    problem = std::move(latest).error();
    if (problem.kind != ErrorKind::kTransient) return Spent(std::move(problem), outcome_unknown, identifier);
  }
}

Result<CommitOutcome> Transaction::Commit(std::stop_token stop, RetryPolicy policy) {
  State& state = *state_;
  Retry retry(policy);
  TablePtr table = state.base;
  CommitOutcome outcome;
  for (;; ++outcome.attempts) {
    Result<std::optional<TableCommit>> commit = state.Prepare(table, &outcome, stop);
    if (!commit) {
      if (commit.error().kind == ErrorKind::kConflict) state.RemoveLost(table, /*is_done=*/false, stop);
      return Spent(std::move(commit).error(), state.outcome_unknown, state.identifier);
    }
    if (!*commit) return outcome;
    Result<TablePtr> committed = CommitOnce(*state.catalog, **commit, stop);
    if (committed) {
      outcome.table = *std::move(committed);
      if (state.makes_snapshot()) outcome.snapshot_id = state.snapshot_id;
      state.RemoveLost(outcome.table, /*is_done=*/true, stop);
      return outcome;
    }
    Error problem = std::move(committed).error();
    if (AfterFailure(problem, &state.outcome_unknown) == Next::kGiveUp) {
      return Spent(std::move(problem), state.outcome_unknown, state.identifier);
    }
    NILUS_ASSIGN(table,
                 LoadAgain(*state.catalog, state.identifier, state.outcome_unknown, std::move(problem), &retry, stop));
  }
}

static Status CommitAllOnce(Catalog& catalog, std::span<const TableCommit> commits, const std::stop_token& stop) {
  NILUS_FAULT_POINT("lake.commit-all");
  NILUS_TRY(catalog.CommitAll(commits, stop));
  NILUS_FAULT_ACK("lake.commit-all");
  return {};
}

Result<std::vector<CommitOutcome>> CommitTogether(std::span<Transaction* const> transactions, std::stop_token stop,
                                                  RetryPolicy policy) {
  std::vector<CommitOutcome> outcomes(transactions.size());
  if (transactions.empty()) return outcomes;
  const CatalogPtr catalog = transactions.front()->state_->catalog;
  if (!catalog->has_multi_table_commit()) {
    return Fail(ErrorKind::kUnsupported, "{} cannot commit several tables in one step", catalog->description());
  }
  Retry retry(policy);
  std::vector<TablePtr> tables;
  for (const Transaction* transaction : transactions) tables.push_back(transaction->state_->base);
  bool outcome_unknown = false;
  std::vector<size_t> in_step;  // transactions that were not done before
  for (;;) {
    std::vector<TableCommit> commits;
    in_step.clear();
    for (size_t i = 0; i < transactions.size(); ++i) {
      Transaction::State& state = *transactions[i]->state_;
      Result<std::optional<TableCommit>> commit = state.Prepare(tables[i], &outcomes[i], stop);
      if (!commit) {
        const bool lost = commit.error().kind == ErrorKind::kConflict;
        for (size_t at = 0; lost && at < transactions.size(); ++at) {
          transactions[at]->state_->RemoveLost(tables[at], /*is_done=*/false, stop);
        }
        return Spent(std::move(commit).error(), outcome_unknown, state.identifier);
      }
      if (!*commit) continue;
      commits.push_back(**std::move(commit));
      in_step.push_back(i);
    }
    if (commits.empty()) return outcomes;
    const Status committed = CommitAllOnce(*catalog, commits, stop);
    if (committed) break;
    if (AfterFailure(committed.error(), &outcome_unknown) == Next::kGiveUp) {
      return Spent(committed.error(), outcome_unknown, transactions.front()->state_->identifier);
    }
    for (size_t i = 0; i < transactions.size(); ++i) {
      Transaction::State& state = *transactions[i]->state_;
      state.outcome_unknown = outcome_unknown;
      ++outcomes[i].attempts;
      NILUS_ASSIGN(tables[i], LoadAgain(*catalog, state.identifier, outcome_unknown, committed.error(), &retry, stop));
    }
  }
  for (size_t i = 0; i < transactions.size(); ++i) {
    // It is done: whether the tables can be read back changes nothing.
    const Transaction::State& state = *transactions[i]->state_;
    const auto latest = catalog->Load(state.identifier, stop);
    outcomes[i].table = latest ? latest->value_or(nullptr) : nullptr;
    if (state.makes_snapshot()) outcomes[i].snapshot_id = state.snapshot_id;
  }
  for (const size_t i : in_step) {
    transactions[i]->state_->RemoveLost(outcomes[i].table, /*is_done=*/true, stop);
  }
  return outcomes;
}

}  // namespace nilus::lake
