#include "nilus/connectors/lakehouse/commit_tables.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/base/retry.h"
#include "nilus/connector/sql_state.h"
#include "nilus/lake/transaction.h"

namespace nilus::lakehouse {
namespace {

// Behind the pipeline's id, in the state of a table that a load brings beside its main one (docs/formats.md).
constexpr std::string_view kPartOfLoad = "#part";

// Another writer's commit in between makes merge, delete+insert and scd2 look the keys up again.
RetryPolicy LookAgain() {
  return {.max_attempts = 40,
          .first_delay = std::chrono::milliseconds{20},
          .max_delay = std::chrono::milliseconds{2'000},
          .total_budget = std::chrono::minutes{10}};
}

class TablesCommit {
 public:
  TablesCommit(const Session& session, TableLoad* main, const CommitRequest& request, CommitResult* result)
      : session_(session), main_(main), request_(request), result_(result) {}

  Status OneByOne(std::span<TableLoad* const> loads) {
    for (TableLoad* load : loads) NILUS_TRY(Repeat(std::span(&load, 1), [&] { return TryOne(load); }));
    return {};
  }

  // kUnsupported: the catalog has no such step after all, and nothing was done.
  Status Together(std::span<TableLoad* const> loads) {
    return Repeat(loads, [&] { return TryTogether(loads); });
  }

  std::vector<lake::TablePtr> TakeTables() { return std::move(tables_); }

 private:
  struct Prepared {
    TableLoad* load = nullptr;
    lake::Transaction transaction;
    CommitResult counts;
  };

  // Until it is done: false is another writer who was faster.
  Status Repeat(std::span<TableLoad* const> loads, const std::function<Result<bool>()>& attempt) const {
    Retry retry(LookAgain());
    for (;;) {
      NILUS_ASSIGN(const bool is_done, attempt());
      if (is_done) return {};
      const std::optional<std::chrono::milliseconds> delay = retry.NextDelay();
      if (!delay) {
        return FailWithFix(ErrorKind::kConflict, "run again, or let fewer writers commit to the table at once",
                           "table {} was changed by others at each of {} attempts to commit",
                           loads.back()->request().table.ToString(), retry.attempts());
      }
      if (!SleepUnlessStopped(*delay, loads.back()->request().stop)) return Fail(ErrorKind::kCancelled, "stopped");
    }
  }

  // Over the table as it is now. Nothing: it has this load already.
  Result<std::optional<Prepared>> Prepare(TableLoad* load) const {
    const bool is_main = load == main_;
    const lake::TableIdentifier identifier = IdentifierOf(load->request().table);
    NILUS_ASSIGN(std::optional<lake::TablePtr> found, session_.catalog->Load(identifier, load->request().stop));
    const lake::TablePtr base = found ? *found : nullptr;
    // The other tables keep a note of their own of what they have, beside the position that they may hold from an
    // earlier load: a load that does not reach its main table must not be taken for one, nor hide the last one that
    // did.
    const std::string part = request_.pipeline.value + std::string(kPartOfLoad);
    StateChange change{.pipeline = is_main ? request_.pipeline.value : part,
                       .state = {.version = request_.expected_version + 1,
                                 .load_id = request_.load_id,
                                 .position_json = is_main ? request_.position.json : std::string()}};
    std::string undo;
    if (base != nullptr) {
      NILUS_ASSIGN(const bool is_there, lake::HasLoad(base->metadata, change.pipeline, request_.load_id));
      if (is_there) return std::optional<Prepared>();  // a table of a load that is being committed again
      NILUS_ASSIGN(const std::optional<lake::PipelineState> here,
                   lake::FindPipelineState(base->metadata, change.pipeline));
      if (here) change.expected_version = here->version;
      if (is_main && here && here->version > request_.expected_version)
        return Failure(StateConflict(request_.pipeline, request_.expected_version, here->version));
      NILUS_ASSIGN(const std::optional<lake::PipelineState> cut, lake::FindPipelineState(base->metadata, part));
      if (cut && cut->version > request_.expected_version) undo = cut->load_id;
    }
    CommitResult counts;
    NILUS_ASSIGN(lake::Transaction transaction, load->Prepare(base, request_.interval, change, undo, &counts));
    return std::optional(Prepared{load, std::move(transaction), counts});
  }

  Result<bool> TryOne(TableLoad* load) {
    NILUS_ASSIGN(std::optional<Prepared> prepared, Prepare(load));
    if (!prepared) return true;
    NILUS_FAULT_POINT("lakehouse.sink.before_commit");
    Result<lake::CommitOutcome> outcome = prepared->transaction.Commit(load->request().stop);
    if (!outcome) return Failed(std::span(&*prepared, 1), std::move(outcome).error());
    Done(*prepared, std::move(outcome->table));
    NILUS_FAULT_ACK("lakehouse.sink.committed_table");
    return true;
  }

  Result<bool> TryTogether(std::span<TableLoad* const> loads) {
    std::vector<Prepared> prepared;
    for (TableLoad* load : loads) {
      NILUS_ASSIGN(std::optional<Prepared> one, Prepare(load));
      if (one) prepared.push_back(*std::move(one));
    }
    std::vector<lake::Transaction*> transactions;
    for (Prepared& one : prepared) transactions.push_back(&one.transaction);
    NILUS_FAULT_POINT("lakehouse.sink.before_commit");
    Result<std::vector<lake::CommitOutcome>> outcomes = lake::CommitTogether(transactions, main_->request().stop);
    if (!outcomes) return Failed(prepared, std::move(outcomes).error());
    for (size_t i = 0; i < prepared.size(); ++i) Done(prepared[i], std::move((*outcomes)[i].table));
    NILUS_FAULT_ACK("lakehouse.sink.committed_tables");
    return true;
  }

  Result<bool> Failed(std::span<const Prepared> prepared, Error error) const {
    if (error.kind == ErrorKind::kConflict) return false;
    if (error.kind == ErrorKind::kUnknownOutcome) {
      for (const Prepared& one : prepared) one.load->MarkCommitted();  // their files may be a table's now
    }
    return Failure(InContext("committing to " + prepared.back().load->request().table.ToString(), std::move(error)));
  }

  void Done(Prepared& prepared, lake::TablePtr table) {
    prepared.load->MarkCommitted();
    result_->Add(prepared.load->request().table, prepared.counts);
    if (table != nullptr) tables_.push_back(std::move(table));
  }

  const Session& session_;
  TableLoad* const main_;
  const CommitRequest& request_;
  CommitResult* const result_;
  std::vector<lake::TablePtr> tables_;
};

// Dead letters go in the step that brings their rows: one after another, a crash in between would lose them.
bool IsReplay(const TableLoad& load) { return load.request().keeps_newer && !load.request().is_changes; }

Failure CannotReplay(const TableLoad& main, std::string_view why) {
  return FailWithFix(ErrorKind::kUnsupported, "mend the rows at the source and load them again, or use a SQL catalog",
                     "dead letters of {} cannot be replayed: {}", main.request().table.ToString(), why);
}

}  // namespace

Result<std::vector<lake::TablePtr>> CommitTables(const Session& session, std::span<TableLoad* const> loads,
                                                 TableLoad* main, const CommitRequest& request, CommitResult* result) {
  const bool can_create = session.catalog->creates_in_multi_table_commit();
  const auto fits = [&](const TableLoad* load) { return can_create || !load->is_of_new_table(); };
  const bool can_together = loads.size() > 1 && session.catalog->has_multi_table_commit() && fits(main);
  // The main table last: its snapshot has the position, so the load took place when it is there.
  std::vector<TableLoad*> one_by_one;
  std::vector<TableLoad*> together;
  for (TableLoad* load : loads) {
    if (load != main) (can_together && fits(load) ? together : one_by_one).push_back(load);
  }
  (together.empty() ? one_by_one : together).push_back(main);
  const bool is_replay = IsReplay(*main);
  // New child tables may come first: their rows are taken for those of a load that was cut off until the main one's are
  // there.
  const bool takes_letters_alone = std::any_of(one_by_one.begin(), one_by_one.end(), [&](const TableLoad* load) {
    return load != main && load->request().root == nullptr;
  });
  if (is_replay && takes_letters_alone)
    return CannotReplay(*main, fmt::format("the {} commits one table at a time, or those that are there alone",
                                           session.catalog->description()));

  TablesCommit commit(session, main, request, result);
  NILUS_TRY(commit.OneByOne(one_by_one));
  if (!together.empty()) {
    const Status done = commit.Together(together);
    if (!done && done.error().kind != ErrorKind::kUnsupported) return Failure(done.error());
    if (!done) {
      if (is_replay) return CannotReplay(*main, done.error().message);
      LogInfo("the tables of a load are committed one after another: {}", done.error().message);
      NILUS_TRY(commit.OneByOne(together));
    }
  }
  return commit.TakeTables();
}

}  // namespace nilus::lakehouse
