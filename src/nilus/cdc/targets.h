// All tables of a capture: what the source says of them, and where their rows go.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nilus/cdc/load.h"
#include "nilus/cdc/position.h"
#include "nilus/cdc/target.h"

namespace nilus {

inline std::string NameOf(const CapturedTable& table) { return table.schema + "." + table.name; }

class CaptureTargets {
 public:
  // `database`: the source's, which the changelog names.
  CaptureTargets(const CdcJob& job, Sink* sink, std::string database = {})
      : job_(&job), sink_(sink), database_(std::move(database)) {}

  // The tables of a start. kInvalidInput: two tables would land in one without a router that says so, or a mask is of
  // no table's column.
  Status Begin(const std::vector<CapturedTable>& tables);
  // Rows of the table are told apart by other columns than so far.
  bool ChangesKey(const CapturedTable& table) const;
  // The log shows a table in a new shape, or a new one.
  Status Learn(const CapturedTable& table);

  // Null: no such table is captured.
  const CapturedTable* Find(const std::string& schema, const std::string& table) const;
  // Asks the sink for its table at the first time.
  Result<TableTarget*> TargetOf(const CapturedTable& table);
  // Of a batch of the log, whose table may be one that nobody told of.
  Result<TableTarget*> TargetOf(const ChangeBatch& batch);
  // The target of a table whose next load makes it anew.
  Result<TableTarget*> MakeAnew(const CapturedTable& table);
  // Asks the sink whether it has the table's table.
  Result<bool> IsThere(const CapturedTable& table) const;
  // The destination had the table when it was first asked for, or has it by a commit of rows since. After TargetOf.
  bool WasThere(const TableName& name) const;
  // What has rows is there now.
  void Committed(const ChangeLoad& load);
  // Rows of several of the source's tables land in it.
  bool IsShared(const TableName& name) const;
  // All tables that land where this one does, itself too.
  std::vector<CapturedTable> LandingWith(const CapturedTable& table) const;
  std::vector<CapturedTable> tables() const;
  // Numbers that masks gave in earlier runs. kInvalidInput: they are damaged.
  Status TakeNumbers(const MaskNumbers& numbers);
  // Those that have more now are written anew.
  void TellNumbers(MaskNumbers* numbers) const;
  // Calls `visit` with each target made so far.
  template <typename Visit>
  void ForEachTarget(const Visit& visit) const {
    for (const auto& [key, target] : targets_) visit(*target);
  }

 private:
  using Key = std::pair<std::string, std::string>;  // schema, table
  Status CheckRoutes(const CapturedTable& added);
  Status CheckLetters(const CapturedTable& added, const TableName& name);
  Status CheckMasks(const std::vector<CapturedTable>& tables) const;

  const CdcJob* job_;
  Sink* sink_;
  const std::string database_;
  std::map<Key, CapturedTable> tables_;
  std::map<Key, std::unique_ptr<TableTarget>> targets_;
  std::map<std::string, std::vector<Key>> by_destination_;  // schema.table there
  std::map<std::string, std::string> letters_of_;           // schema.table there, by that of its letters
  std::map<std::string, bool> was_there_;
  std::map<std::string, TableTarget::Numbers> numbers_;  // by schema.table of the source
  mutable std::map<const MaskSequence*, int64_t> told_;  // how many of them TellNumbers has written
};

}  // namespace nilus
