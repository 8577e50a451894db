// A change to a table that becomes visible in one step: files added and removed, schema, specs, refs, properties and
// Nilus's position together, as one snapshot at most.
//
//   Transaction change(table);             // or Transaction::Create(catalog, name, new_table)
//   change.AddDataFile(file); … change.SetPipelineState(…);
//   change.Commit(stop)
//
// Commit: load → check → write manifests and list → swap if unchanged → on conflict load again, check again, retry
// under a budget. Manifests of a failed attempt are used again; what is of no more use when the outcome is known goes,
// best effort. An unknown outcome is settled by looking for this transaction's snapshot (its commit id) in the table;
// while it cannot be, nothing is deleted. Data files handed in belong to the table from then on: a failed transaction
// leaves orphans, never a guess (maintenance.h finds them).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/retry.h"
#include "nilus/lake/catalog.h"
#include "nilus/lake/pipeline_state.h"

namespace nilus::lake {

// What other writers' commits since the transaction's base may not have done.
enum class Isolation {
  // Nothing is checked beyond the files named: right for appends and for RemoveAllFiles.
  kNone,
  // The data files that this transaction removes, or whose rows its delete files delete, are still there, and nobody
  // deleted further rows of them: right for compaction.
  kFiles,
  // In addition nobody added or removed any rows of the branch: right for whatever looked keys up in the base.
  kSerializable,
};

struct CommitOutcome {
  TablePtr table;                      // as it is behind the commit
  std::optional<int64_t> snapshot_id;  // nothing: no snapshot was needed
  int attempts = 1;
};

// One thread at a time.
class Transaction {
 public:
  explicit Transaction(TablePtr base);
  // The table comes into being with this transaction's first snapshot: nobody sees it empty in between. kConflict from
  // Commit when somebody else created it first.
  static Result<Transaction> Create(CatalogPtr catalog, TableIdentifier identifier, NewTable table,
                                    std::stop_token stop);
  ~Transaction();
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;

  // The table as this transaction has made it so far: the current schema, specs, properties to write files by.
  const TableMetadata& metadata() const;
  const TableIdentifier& identifier() const;
  const StorePtr& store() const;
  // URL for a new file: <location>/data/<partition path/><name>, by the properties write.data.path and
  // write.metadata.path.
  std::string NewDataFileUrl(std::string_view partition_path, std::string_view name) const;

  // --- rows ---
  void SetBranch(std::string branch);    // default main; created from the current snapshot when absent
  void AddDataFile(DataFile file);       // file.spec_id names one of metadata()'s specs
  void AddDeleteFile(DataFile file);     // position deletes, deletion vectors, equality deletes
  void RemoveFile(ManifestEntry entry);  // a data or delete file of the base, as read from its manifest
  // Everything that is in the branch at the moment of the commit: replace.
  void RemoveAllFiles();
  // Rows do not change (compaction): the snapshot's operation is `replace`. Added data files get `sequence_number` (the
  // base's, so that deletes committed meanwhile by others still apply).
  void MarkRewrite(int64_t sequence_number);
  void SetIsolation(Isolation isolation);  // default kNone; checked against the base's snapshot of the branch
  // A snapshot is made even when no file was added or removed.
  void ForceSnapshot();
  void SetSummary(std::string name, std::string value);

  // --- the table ---
  // Becomes the current schema: an equal known one, or a new one. Needs the base's schema to be current still.
  Status SetSchema(IcebergSchema schema);
  Status SetSpec(PartitionSpec spec);    // from MakePartitionSpec
  Status SetSortOrder(SortOrder order);  // from MakeSortOrder
  Status SetProperties(Properties values);
  Status RemoveProperties(std::vector<std::string> names);
  Status UpgradeFormat(int version);
  // --- refs and history ---
  Status SetRef(std::string name, SnapshotRef ref);  // also rollback: `main`, to an ancestor or any known snapshot
  Status RemoveRef(std::string name);
  Status RemoveSnapshots(std::vector<int64_t> ids);  // expire: none of them may be the end of a ref

  // --- Nilus's position ---
  // At every attempt the pipeline's version in the table must be `expected_version` (0: none), else kConflict at once:
  // another run of the pipeline committed. A load id that is in the table already is a success without a new snapshot.
  void SetPipelineState(std::string pipeline, PipelineState state, int64_t expected_version);

  // kConflict: a check failed for good (the caller begins anew from the committed state) or the budget is spent;
  // kUnknownOutcome: see above. After a success or failure only destruction makes sense.
  Result<CommitOutcome> Commit(std::stop_token stop, RetryPolicy policy = CommitRetryPolicy());
  static RetryPolicy CommitRetryPolicy();

  struct State;  // transaction_state.h

 private:
  friend Result<std::vector<CommitOutcome>> CommitTogether(std::span<Transaction* const> transactions,
                                                           std::stop_token stop, RetryPolicy policy);
  explicit Transaction(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// All of them in one atomic step. An outcome's table is null when it could not be read back behind the commit.
// kUnsupported: the catalog cannot (Catalog::has_multi_table_commit).
Result<std::vector<CommitOutcome>> CommitTogether(std::span<Transaction* const> transactions, std::stop_token stop,
                                                  RetryPolicy policy = Transaction::CommitRetryPolicy());

}  // namespace nilus::lake
