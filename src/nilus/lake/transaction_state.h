// What a transaction holds, and one attempt to commit it. Internal to transactions.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nilus/lake/snapshot_builder.h"
#include "nilus/lake/transaction.h"

namespace nilus::lake {

struct PipelineChange {
  std::string pipeline;
  PipelineState state;
  int64_t expected_version = 0;
};

struct Transaction::State {
  CatalogPtr catalog;
  TableIdentifier identifier;
  StorePtr store;
  TablePtr base;                     // null: the table is created
  TableMetadata working;             // base's with `updates` applied; or the new table's
  std::vector<TableUpdate> updates;  // of the table itself; those of the snapshot come at the commit
  bool requires_schema = false;
  bool requires_spec = false;
  bool requires_sort_order = false;
  std::set<std::string> requires_refs;

  std::string branch{kMainBranch};
  FileChanges changes;
  bool is_rewrite = false;
  bool force_snapshot = false;
  Isolation isolation = Isolation::kNone;
  Properties summary;
  std::optional<PipelineChange> pipeline;

  int64_t snapshot_id = 0;
  std::string commit_id;
  SnapshotBuilder builder;
  bool outcome_unknown = false;  // an attempt's outcome is not known yet

  Status Change(TableUpdate update);
  bool makes_snapshot() const { return force_snapshot || pipeline.has_value() || !changes.empty(); }

  // Checks that the change still makes sense on `table` (null: it does not exist), and writes what a commit on it
  // needs. Nothing: the change is in the table already, *done says how.
  Result<std::optional<TableCommit>> Prepare(const TablePtr& table, CommitOutcome* done, const std::stop_token& stop);
  // The change is in the table (after an attempt of unknown outcome).
  bool IsIn(const TableMetadata& metadata) const;
  // Removes the manifests and lists of attempts that lost for certain; of all of them unless the latest one `is_done`.
  // `table`: as it is since. Where an outcome is not known, or the table names one of them after all, they stay.
  void RemoveLost(const TablePtr& table, bool is_done, const std::stop_token& stop);

 private:
  Status CheckRequirements(const TableMetadata* current, std::vector<TableRequirement>* requirements) const;
  Result<bool> CheckPipeline(const TableMetadata& current) const;  // true: the load is in the table already
  Status AddSnapshotTo(const TablePtr& table, TableCommit* commit, const std::stop_token& stop);
};

}  // namespace nilus::lake
