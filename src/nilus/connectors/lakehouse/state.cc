#include "nilus/connectors/lakehouse/state.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/connector/sql_state.h"
#include "nilus/lake/transaction.h"

namespace nilus::lakehouse {
namespace {

using lake::TableIdentifier;
using nlohmann::json;

std::string HomesProperty(const PipelineId& pipeline) { return "nilus.homes." + pipeline.value; }

std::vector<TableIdentifier> ReadHomes(const lake::TableMetadata& metadata, const PipelineId& pipeline) {
  std::vector<TableIdentifier> homes;
  const std::optional<std::string_view> text = metadata.Property(HomesProperty(pipeline));
  if (!text) return homes;
  const json list = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return homes;
  for (const json& home : list) {
    if (home.is_array() && home.size() == 2 && home[0].is_string() && home[1].is_string())
      homes.push_back({home[0].get<std::string>(), home[1].get<std::string>()});
  }
  return homes;
}

std::string WriteHomes(const std::vector<TableIdentifier>& homes) {
  json list = json::array();
  for (const TableIdentifier& home : homes) list.push_back({home.schema, home.name});
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::optional<TableIdentifier> StateFinder::NamedTable(const PipelineId& pipeline) {
  const size_t colon = pipeline.value.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string table = pipeline.value.substr(colon + 1);
  const size_t dot = table.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == table.size()) return std::nullopt;
  return TableIdentifier{table.substr(0, dot), table.substr(dot + 1)};
}

TableIdentifier StateFinder::StateTable(const PipelineId& pipeline) {
  return {pipeline.state_schema, std::string(kStateTable)};
}

Result<std::vector<lake::TablePtr>> StateFinder::Candidates(const PipelineId& pipeline,
                                                            const std::stop_token& stop) const {
  std::vector<lake::TablePtr> tables;
  std::vector<TableIdentifier> homes;
  if (std::optional<TableIdentifier> named = NamedTable(pipeline)) homes.push_back(*std::move(named));
  NILUS_ASSIGN(std::optional<lake::TablePtr> state_table, catalog_->Load(StateTable(pipeline), stop));
  if (state_table) {
    tables.push_back(*state_table);
    for (TableIdentifier& home : ReadHomes((*state_table)->metadata, pipeline)) homes.push_back(std::move(home));
  }
  for (const TableIdentifier& home : homes) {
    NILUS_ASSIGN(std::optional<lake::TablePtr> table, catalog_->Load(home, stop));
    if (table) tables.push_back(*std::move(table));
  }
  return tables;
}

Result<std::optional<FoundState>> StateFinder::Find(const PipelineId& pipeline, const std::stop_token& stop) const {
  NILUS_ASSIGN(std::vector<lake::TablePtr> tables, Candidates(pipeline, stop));
  std::optional<FoundState> best;
  for (const lake::TablePtr& table : tables) {
    NILUS_ASSIGN(std::optional<lake::PipelineState> state, lake::FindPipelineState(table->metadata, pipeline.value));
    if (state && (!best || state->version > best->state.version)) best = FoundState{table, *std::move(state)};
  }
  return best;
}

Result<bool> StateFinder::HasLoad(const PipelineId& pipeline, const std::string& load_id,
                                  const std::stop_token& stop) const {
  NILUS_ASSIGN(std::vector<lake::TablePtr> tables, Candidates(pipeline, stop));
  for (const lake::TablePtr& table : tables) {
    NILUS_ASSIGN(bool has, lake::HasLoad(table->metadata, pipeline.value, load_id));
    if (has) return true;
  }
  return false;
}

Result<lake::Transaction> StateFinder::ChangeStateTable(const PipelineId& pipeline, const std::stop_token& stop) const {
  NILUS_ASSIGN(std::optional<lake::TablePtr> table, catalog_->Load(StateTable(pipeline), stop));
  if (table) return lake::Transaction(*std::move(table));
  lake::NewTable made;
  made.schema = lake::MakeIcebergSchema(Schema{{Field{.name = "pipeline", .type = MakeType(TypeId::kText)}}});
  made.properties = {{"comment", "Positions of Nilus's pipelines that stand in no other table of this schema"}};
  NILUS_ASSIGN(lake::Transaction creation,
               lake::Transaction::Create(catalog_, StateTable(pipeline), std::move(made), stop));
  creation.ForceSnapshot();
  return creation;
}

Status StateFinder::NoteHome(const PipelineId& pipeline, const TableIdentifier& home,
                             const std::stop_token& stop) const {
  constexpr int kAttempts = 5;
  Status last;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    NILUS_ASSIGN(lake::Transaction change, ChangeStateTable(pipeline, stop));
    std::vector<TableIdentifier> homes = ReadHomes(change.metadata(), pipeline);
    if (std::find(homes.begin(), homes.end(), home) != homes.end()) return {};
    homes.push_back(home);
    NILUS_TRY(change.SetProperties({{HomesProperty(pipeline), WriteHomes(homes)}}));
    Result<lake::CommitOutcome> outcome = change.Commit(stop);
    if (outcome) return {};
    last = Failure(std::move(outcome).error());
    if (last.error().kind != ErrorKind::kConflict) return last;
  }
  return last;
}

}  // namespace nilus::lakehouse
