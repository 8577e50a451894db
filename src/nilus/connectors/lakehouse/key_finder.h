// Finds old rows of a table by their keys through an index that a sink keeps from load to load (key_index.h). Every use
// brings it to the snapshot that is looked at: what this sink's own commits did is known; files and deletes of other
// writers, compaction among them, are noticed and read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/lakehouse/key_index.h"
#include "nilus/connectors/lakehouse/row_changes.h"
#include "nilus/duck/connection.h"
#include "nilus/lake/scan_plan.h"

namespace nilus::lakehouse {

class KeyFinders;

// One thread at a time.
class KeyFinder {
 public:
  // `finders` outlives it.
  KeyFinder(KeyFinders& finders, std::shared_ptr<IndexMemory> memory) : finders_(finders), index_(std::move(memory)) {}

  // Brings the index to the plan's snapshot, of which the plan has all files. `key`: the columns' field ids, in the
  // plan's schema.
  Status Sync(duck::Connection& connection, const lake::ScanPlan& plan, const std::vector<int32_t>& key,
              const std::stop_token& stop);
  // After Sync: files of the plan whose rows it does not know.
  std::vector<size_t> UnknownFiles(const lake::ScanPlan& plan) const;
  // After Sync: adds the rows that have the keys of `sql` ("SELECT key columns, a bool FROM …"), and remembers that the
  // load `load_id` removes them. Returns the number of those whose bool is true.
  Result<int64_t> Find(duck::Connection& connection, const std::string& sql, const lake::ScanPlan& plan,
                       const std::string& load_id, const std::stop_token& stop, RowChanges* changes);
  // Delete files of that load.
  void NoteDeletes(const std::vector<lake::DataFile>& files);

 private:
  // What a load does to the rows of the snapshot, should its commit be in a later one's history.
  struct Pending {
    std::string load_id;
    std::vector<KeyHash> removed;
    std::vector<std::string> deletes;
  };

  void Reset();
  bool IsOfTable(const lake::ScanPlan& plan, const std::vector<int32_t>& key) const;
  bool FollowHistory(const lake::ScanPlan& plan);
  void DropOutdated(const lake::ScanPlan& plan);
  Status ReadFiles(duck::Connection& connection, const lake::ScanPlan& plan, std::vector<size_t> files,
                   const std::stop_token& stop);

  KeyFinders& finders_;
  KeyIndex index_;
  std::string table_uuid_;
  std::vector<int32_t> key_;
  std::optional<int64_t> snapshot_id_;
  std::set<std::string, std::less<>> deletes_;  // delete files that the index has taken account of
  std::optional<Pending> pending_;
  bool has_repeated_keys_ = false;  // then the index is of no use
};

// The finders of a sink, by table. One thread at a time.
class KeyFinders {
 public:
  // Of all their indexes together.
  explicit KeyFinders(int64_t limit_bytes) : memory_(std::make_shared<IndexMemory>(IndexMemory{limit_bytes})) {}

  std::shared_ptr<KeyFinder> Of(const lake::TableIdentifier& table);
  // For one that has no room: the index of the table that was not loaded for the longest time goes. False: all were
  // loaded of late, and would only take it back.
  bool ForgetIdle();

 private:
  struct Known {
    std::shared_ptr<KeyFinder> finder;
    int64_t asked = 0;
  };

  const std::shared_ptr<IndexMemory> memory_;
  std::map<std::string, Known> finders_;
  int64_t asked_ = 0;
};

}  // namespace nilus::lakehouse
