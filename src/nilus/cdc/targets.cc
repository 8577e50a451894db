#include "nilus/cdc/targets.h"

#include <algorithm>

#include "nilus/base/nearest.h"
#include "nilus/rows/dead_letters.h"

namespace nilus {

Status CaptureTargets::Begin(const std::vector<CapturedTable>& tables) {
  for (const CapturedTable& table : tables) {
    tables_[{table.schema, table.name}] = table;
    NILUS_TRY(CheckRoutes(table));
  }
  return CheckMasks(tables);
}

bool CaptureTargets::ChangesKey(const CapturedTable& table) const {
  const CapturedTable* known = Find(table.schema, table.name);
  return known != nullptr && known->key != table.key;
}

Status CaptureTargets::Learn(const CapturedTable& table) {
  const Key key{table.schema, table.name};
  const bool is_new = !tables_.contains(key);
  tables_[key] = table;
  if (is_new) NILUS_TRY(CheckRoutes(table));
  auto target = targets_.find(key);
  if (target == targets_.end()) return {};
  if (target->second->table().key != table.key) {  // other rows are told apart: made anew with what is there
    targets_.erase(target);
    return {};
  }
  target->second->SetTable(table);
  return {};
}

Status CaptureTargets::CheckRoutes(const CapturedTable& added) {
  NILUS_ASSIGN(const TableName name, RouteTable(*job_, added.schema, added.name));
  std::vector<Key>& sources = by_destination_[name.ToString()];
  const Key key{added.schema, added.name};
  if (std::find(sources.begin(), sources.end(), key) == sources.end()) sources.push_back(key);
  NILUS_TRY(CheckLetters(added, name));
  if (sources.size() < 2) return {};
  const auto& [schema, table] = sources.front();
  if (job_->properties.routes.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       "leave one of them out with table.exclude.list, or send them apart with a ByLogicalTableRouter",
                       "the tables {}.{} and {}.{} would both land in {}", schema, table, added.schema, added.name,
                       name.ToString());
  }
  const bool unites = std::any_of(job_->properties.routes.begin(), job_->properties.routes.end(),
                                  [](const RouteRule& rule) { return rule.unites_keys; });
  if (!job_->merges || unites) return {};
  return FailWithFix(ErrorKind::kInvalidInput,
                     "if no two of their rows have the same key, say so with the router's key.enforce.uniqueness: "
                     "false; else use incremental_strategy append",
                     "the tables {}.{} and {}.{} land in {}: incremental_strategy merge would take rows of one key for "
                     "the same row",
                     schema, table, added.schema, added.name, name.ToString());
}

// Rows that do not fit must not land among those of a captured table that is called like their table of letters.
Status CaptureTargets::CheckLetters(const CapturedTable& added, const TableName& name) {
  if (job_->contract != Contract::kDiscardRow) return {};
  const TableName letters{.schema = name.schema, .name = DeadLetterTable(name.name, job_->identifier_limit)};
  letters_of_[letters.ToString()] = name.ToString();
  const auto taken = letters_of_.find(name.ToString());
  const bool is_taken = by_destination_.contains(letters.ToString());
  if (taken == letters_of_.end() && !is_taken) return {};
  return FailWithFix(ErrorKind::kInvalidInput,
                     "leave one of them out with table.exclude.list, or name it otherwise with a ByLogicalTableRouter",
                     "table {}.{} lands in {}, and under schema_contract discard_row the rows of {} that do not fit "
                     "would land in {}",
                     added.schema, added.name, name.ToString(), is_taken ? name.ToString() : taken->second,
                     is_taken ? letters.ToString() : name.ToString());
}

Status CaptureTargets::CheckMasks(const std::vector<CapturedTable>& tables) const {
  for (const MaskRule& rule : job_->masks) {
    CdcJob alone;
    alone.masks = {rule};
    alone.naming = job_->naming;
    alone.identifier_limit = job_->identifier_limit;
    const bool is_used =
        std::any_of(tables.begin(), tables.end(), [&](const CapturedTable& t) { return !MasksOf(alone, t).empty(); });
    if (is_used || tables.empty()) continue;
    std::vector<std::string_view> known;
    for (const CapturedTable& table : tables) {
      for (const Field& field : table.columns.fields) known.push_back(field.name);
    }
    const std::string nearest = Nearest(rule.column, known);
    return FailWithFix(
        ErrorKind::kInvalidInput,
        nearest.empty() ? "name a column of a captured table" : fmt::format("did you mean `{}`?", nearest),
        "mask: `{}` is no column of any captured table", rule.column);
  }
  return {};
}

const CapturedTable* CaptureTargets::Find(const std::string& schema, const std::string& table) const {
  auto found = tables_.find({schema, table});
  return found == tables_.end() ? nullptr : &found->second;
}

Result<TableTarget*> CaptureTargets::TargetOf(const CapturedTable& table) {
  const Key key{table.schema, table.name};
  if (auto known = targets_.find(key); known != targets_.end()) return known->second.get();
  NILUS_ASSIGN(TableName name, RouteTable(*job_, table.schema, table.name));
  std::optional<Schema> there;
  for (const auto& [other, target] : targets_) {  // of two that land in one the first has made it
    if (target->name() == name) there = *target->Request().schema;
  }
  if (!there) {
    NILUS_ASSIGN(there, sink_->Describe(name));
    was_there_.emplace(name.ToString(), there.has_value());
  }
  TableTarget::Numbers& numbers = numbers_[NameOf(table)];
  NILUS_ASSIGN(targets_[key], TableTarget::Create(*job_, table, std::move(name), std::move(there), numbers, database_));
  numbers = targets_[key]->numbers();
  targets_[key]->SetThere(WasThere(targets_[key]->name()));
  return targets_[key].get();
}

Result<TableTarget*> CaptureTargets::MakeAnew(const CapturedTable& table) {
  NILUS_ASSIGN(TableName name, RouteTable(*job_, table.schema, table.name));
  std::unique_ptr<TableTarget>& target = targets_[{table.schema, table.name}];
  NILUS_ASSIGN(target,
               TableTarget::Create(*job_, table, std::move(name), std::nullopt, numbers_[NameOf(table)], database_));
  target->ReplaceTable();
  return target.get();
}

Status CaptureTargets::TakeNumbers(const MaskNumbers& numbers) {
  for (const auto& [table, columns] : numbers) {
    for (const auto& [column, text] : columns) {
      NILUS_ASSIGN(numbers_[table][column], MaskSequence::Parse(text));
    }
  }
  return {};
}

void CaptureTargets::TellNumbers(MaskNumbers* numbers) const {
  for (const auto& [table, columns] : numbers_) {
    for (const auto& [column, sequence] : columns) {
      const int64_t size = sequence->size();
      std::string& text = (*numbers)[table][column];
      int64_t& told = told_[sequence.get()];
      if (text.empty() || told != size) text = sequence->ToText();
      told = size;
    }
  }
}

Result<TableTarget*> CaptureTargets::TargetOf(const ChangeBatch& batch) {
  if (const CapturedTable* known = Find(batch.schema, batch.table)) return TargetOf(*known);
  CapturedTable table{.schema = batch.schema, .name = batch.table, .columns = *batch.rows.schema(), .key = batch.key};
  NILUS_TRY(Learn(table));
  return TargetOf(table);
}

void CaptureTargets::Committed(const ChangeLoad& load) {
  for (const auto& [name, table] : load.tables()) {
    if (table.rows > 0) was_there_[name] = true;
  }
  for (const auto& [key, target] : targets_) {
    target->Committed();
    target->SetThere(WasThere(target->name()));
  }
}

Result<bool> CaptureTargets::IsThere(const CapturedTable& table) const {
  NILUS_ASSIGN(const TableName name, RouteTable(*job_, table.schema, table.name));
  return sink_->Describe(name).map([](const std::optional<Schema>& found) { return found.has_value(); });
}

bool CaptureTargets::WasThere(const TableName& name) const {
  auto found = was_there_.find(name.ToString());
  return found != was_there_.end() && found->second;
}

bool CaptureTargets::IsShared(const TableName& name) const {
  auto found = by_destination_.find(name.ToString());
  return found != by_destination_.end() && found->second.size() > 1;
}

std::vector<CapturedTable> CaptureTargets::LandingWith(const CapturedTable& table) const {
  std::vector<CapturedTable> tables;
  const Key key{table.schema, table.name};
  for (const auto& [name, sources] : by_destination_) {
    if (std::find(sources.begin(), sources.end(), key) == sources.end()) continue;
    for (const Key& source : sources) tables.push_back(tables_.at(source));
  }
  return tables;
}

std::vector<CapturedTable> CaptureTargets::tables() const {
  std::vector<CapturedTable> tables;
  for (const auto& [key, table] : tables_) tables.push_back(table);
  return tables;
}

}  // namespace nilus
